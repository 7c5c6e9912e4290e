import ArgumentParser
import WindlassCore
import WindlassSchema
import WindlassWire

/// `windlass restore`: puts a backup in the database's place, when a person names the loss.
struct RestoreCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Puts a backup in the place of the database; what was written since is lost.",
    discussion: """
      Nothing in Windlass restores by itself. Name the loss with --accept-loss-since, a moment at \
      or before the backup's. The database is replaced in one transaction and keeps its fence at \
      the next epoch, so that a daemon that was at work changes nothing any more. While a process \
      has the database open the command refuses: a server may not work with the older schema. On \
      PostgreSQL the backup is restored beside the database, compared, and then takes its name; \
      with --in-use every session in it is ended for that.

      Example: windlass restore --database env:BEACON_DB --directory /srv/backups \
      --backup beacon-7-expand --accept-loss-since 2026-11-22T09:30:00Z
      """)

  @OptionGroup var databaseOptions: DatabaseOptions
  @OptionGroup var directoryOptions: BackupDirectoryOptions

  @Option(name: .long, help: ArgumentHelp("The backup to restore.", valueName: "name"))
  var backup: String

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Since when what was written may be lost, in UTC: 2026-11-22T09:30:00Z.", valueName: "time"))
  var acceptLossSince: String?

  @Flag(name: .long, help: "Restore under servers that have the database open.")
  var inUse = false

  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let clock = SystemClock(floor: nil)
    let target = try databaseOptions.target()
    let store = target.backups(in: directoryOptions.directory, now: clock.now)
    let loss = try await acceptedLoss(store)
    try await checkUsers(of: target.place, store)
    let report = try await store.restore(BackupID(backup), acceptingLossSince: loss)
    output.object([
      "backup": .string(backup), "database": .string(target.place),
      "schema": report.schema.map { .integer($0.json) } ?? .null,
      "tables": .integer(Int64(report.tables)), "rows": .integer(report.rows),
      "epoch": report.epoch.map { .integer($0.number) } ?? .null,
    ])
    output.line(
      .good("restored"),
      """
       \(target.place) from \(backup): schema \(report.schema?.description ?? "nothing applied"), \
      \(report.tables) table(s), \(report.rows) row(s).
      """)
    return .done
  }

  private func acceptedLoss(_ store: any BackupArchive) async throws -> Timestamp {
    if let acceptLossSince {
      guard let time = Timestamp(rfc3339: acceptLossSince) else {
        throw CommandFailure(
          .usage, "BadArgument",
          "--accept-loss-since takes a moment such as 2026-11-22T09:30:00Z, and not"
            + " \"\(acceptLossSince)\".")
      }
      return time
    }
    guard let manifest = try await store.list().first(where: { $0.id.text == backup }) else {
      throw CommandFailure(
        .failed, "BackupMissing",
        "There is no complete backup \(backup) in \(directoryOptions.directory). Look at"
          + " `windlass backup --list`.")
    }
    throw CommandFailure(
      .usage, "LossNotNamed",
      "Backup \(backup) was taken at \(manifest.takenAt.rfc3339), and everything written since"
        + " would be lost. Nothing was changed. To accept that, repeat the command with"
        + " --accept-loss-since \(manifest.takenAt.rfc3339).")
  }

  private func checkUsers(of place: String, _ store: any BackupArchive) async throws {
    let users = try await store.users()
    guard !inUse, !users.isEmpty else { return }
    let named = users.prefix(5).joined(separator: ", ")
    let more = users.count > 5 ? " and others" : ""
    throw CommandFailure(
      .failed, "DatabaseInUse",
      "\(place) is in use by \(named)\(more), which may not work with the backup's schema. Nothing"
        + " was changed. Stop the service first; if its servers do work with that schema, repeat"
        + " the command with --in-use.")
  }
}
