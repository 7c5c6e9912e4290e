import ArgumentParser
import WindlassCore
import WindlassSchema
import WindlassWire

/// Where backups are.
struct BackupDirectoryOptions: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("The backup directory.", valueName: "directory"))
  var directory: String = "/var/lib/windlass/backups"
}

/// `windlass backup`: a verified backup, or the list of those that are there.
struct BackupCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Takes a backup and verifies it by restoring it.",
    discussion: """
      Row counts and digests of every table are taken in the backup's own snapshot, while servers \
      go on writing; then the backup is restored to a scratch file, or on PostgreSQL to a scratch \
      database of a random name, and everything is compared. PostgreSQL's own pg_dump is used, in \
      the server's version or a newer one.

      Example: windlass backup --database env:BEACON_DB --directory /srv/backups
      Example: windlass backup --database env:BEACON_DB --directory /srv/backups --list
      """)

  @OptionGroup var databaseOptions: DatabaseOptions
  @OptionGroup var directoryOptions: BackupDirectoryOptions

  @Option(
    name: .long, help: ArgumentHelp("The backup's name; by the time if absent.", valueName: "name"))
  var id: String?

  @Flag(name: .long, help: "List the complete backups, the oldest first, and take none.")
  var list = false

  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let clock = SystemClock(floor: nil)
    let store = try databaseOptions.target().backups(
      in: directoryOptions.directory, now: clock.now)
    if list {
      show(try await store.list(), output)
      return .done
    }
    let id = BackupID(self.id ?? "manual-\(clock.now().compactText)")
    _ = try await store.backUp(id, run: RunID("by-hand"), purpose: .byHand)
    _ = try await store.verify(id)
    guard let manifest = try await store.list().first(where: { $0.id == id }) else {
      throw CommandFailure(
        .failed, "BackupMissing",
        "Backup \(id) was taken and verified, and is gone from \(directoryOptions.directory) now."
          + " Look for what removes files there.")
    }
    output.object(manifest.json)
    output.line(
      .good("verified"),
      """
       \(id): schema \(manifest.schema?.description ?? "nothing applied"), \(manifest.tables) \
      table(s), \(manifest.rows) row(s), \(manifest.size) bytes in \(directoryOptions.directory)
      """)
    return .done
  }

  private func show(_ manifests: [BackupManifest], _ output: Output) {
    for manifest in manifests { output.object(manifest.json) }
    guard !manifests.isEmpty else {
      output.line("No complete backup in \(directoryOptions.directory).")
      return
    }
    output.table(
      header: ["name", "taken", "schema", "rows", "bytes", "proof", "run"],
      rows: manifests.map { manifest in
        [
          Span(manifest.id.text), Span(manifest.takenAt.rfc3339),
          Span(manifest.schema?.description ?? "none"), Span("\(manifest.rows)"),
          Span("\(manifest.size)"), Span(manifest.proof.rawValue), Span(manifest.run.text),
        ]
      })
  }
}

extension BackupManifest {
  /// The backup for machines.
  var json: JSONValue {
    [
      "id": .string(id.text), "takenAt": .string(takenAt.rfc3339),
      "database": .string(database), "systemID": .string(systemID),
      "schema": schema.map { .integer($0.json) } ?? .null, "dirty": .bool(isDirty),
      "run": .string(run.text), "purpose": .string(purpose.rawValue),
      "tables": .integer(Int64(tables)), "rows": .integer(rows), "bytes": .integer(size),
      "sha256": .string(digest.text), "verified": .bool(proof == .restored),
    ]
  }
}
