import ArgumentParser
import WindlassCore
import WindlassSchema
import WindlassWire

/// `windlass schema`: what the database says of its schema.
struct SchemaCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Shows the ledger's version, whether it is clean, the history, and drift.",
    discussion: """
      Drift is what changed in the schema since Windlass last left it, by hand or by another tool. \
      --accept-drift takes the schema as it is, and drops from the history what another tool took \
      back.

      With --ledger the ledger of another tool is shown, which is never written.

      Example: windlass schema --database env:BEACON_DB
      Example: windlass schema --database env:DB --ledger django

      Exit codes: 0 clean and as Windlass left it, 6 the ledger is dirty or the schema drifted, 7 \
      another tool is at work behind the dirty mark, which shows nothing yet.
      """)

  @OptionGroup var databaseOptions: DatabaseOptions
  @OptionGroup var ledgerOptions: LedgerOptions

  @Flag(name: .long, help: "Take the schema as it is for the one that Windlass left.")
  var acceptDrift = false

  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    guard !acceptDrift || ledgerOptions.ledger == .golangMigrate else {
      throw ValidationError("--accept-drift is for Windlass's own ledger; others are only read.")
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    if let reader = try ledgerOptions.reader(databaseOptions) {
      return show(try await reader.reading(), isOrdered: reader.isOrdered, output)
    }
    let migrator = try databaseOptions.target().migrator(now: SystemClock(floor: nil).now)
    if acceptDrift { try await migrator.acceptDrift() }
    let report = try await migrator.schema()
    output.object(json(report))
    show(report, output)
    if report.atWork != nil { return .locked }
    return report.isDirty || report.drift != nil ? .dirty : .done
  }

  /// Shows what the ledger of another tool says.
  private func show(
    _ reading: ForeignReading, isOrdered: Bool, _ output: Output
  ) -> ExitStatus {
    let version = isOrdered ? reading.highest : reading.applied.last
    output.object([
      "ledger": .string(ledgerOptions.ledger.rawValue),
      "version": version.map { .string($0) } ?? .null, "dirty": .bool(reading.isDirty),
      "applied": .array(reading.applied.map { .string($0) }),
      "failed": .array(reading.failed.map { .string($0) }),
    ])
    let ledger = ledgerOptions.ledger.rawValue
    output.line(.strong("ledger   "), "\(ledger)\(reading.exists ? "" : ", which is not there")")
    output.line(
      .strong(isOrdered ? "version  " : "last     "), "\(version ?? "nothing applied"), ",
      reading.isDirty ? .bad("dirty") : .good("clean"))
    for failed in reading.failed {
      output.line("         \(failed) failed; mend it with \(ledger) itself")
    }
    output.line(.strong("applied  "), "\(reading.applied.count)")
    for name in reading.applied { output.line("         \(name)") }
    return reading.isDirty ? .dirty : .done
  }

  private func json(_ report: SchemaReport) -> JSONValue {
    [
      "version": report.version.map { .integer($0.json) } ?? .null,
      "dirty": .bool(report.isDirty),
      "interrupted": report.interrupted.map { json($0) } ?? .null,
      "atWork": report.atWork.map { .string($0) } ?? .null,
      "drift": .array(report.drift?.sentences.map { .string($0) } ?? []),
      "epoch": report.epoch.map { .integer($0.number) } ?? .null,
      "systemID": .string(report.systemID),
      "committedRun": report.committedRun.map { .string($0.text) } ?? .null,
      "backfill": report.backfill.map { $0.progress.json } ?? .null,
      "history": .array(report.history.map(\.json)),
    ]
  }

  private func json(_ migration: InterruptedMigration) -> JSONValue {
    [
      "version": .integer(migration.version.json), "run": .string(migration.run.text),
      "file": .string(migration.file), "statement": .integer(Int64(migration.position)),
      "statements": migration.count.map { .integer(Int64($0)) } ?? .null,
      "line": migration.line.map { .integer(Int64($0)) } ?? .null,
      "certain": .bool(migration.standing != .untraceable),
      "message": .string("\(migration.place) \(migration.nextStep)"),
    ]
  }

  /// Why the ledger is dirty, and what to do.
  private func sentences(_ report: SchemaReport) -> [String] {
    if let atWork = report.atWork {
      return ["\(atWork) Its mark shows nothing while it is at work: look again when it is done."]
    }
    guard let migration = report.interrupted else {
      return [MigrationHistory.dirty(report.version, database: "this database").message]
    }
    return [migration.place, migration.nextStep]
  }

  private func show(_ report: SchemaReport, _ output: Output) {
    output.line(
      .strong("version  "), "\(report.version?.description ?? "nothing applied"), ",
      report.isDirty ? .bad("dirty") : .good("clean"))
    if report.isDirty {
      for sentence in sentences(report) { output.line("         \(sentence)") }
    }
    let drift = report.drift?.sentences ?? []
    output.line(.strong("drift    "), drift.isEmpty ? .good("none") : .bad("\(drift.count)"))
    for sentence in drift { output.line("         \(sentence)") }
    output.line(.strong("fence    "), "\(report.epoch.map { "epoch \($0)" } ?? "not adopted")")
    if let backfill = report.backfill {
      output.line(
        .strong("backfill "), "\(backfill.progress.sentence), by run \(backfill.run)")
    }
    guard !report.history.isEmpty else {
      output.line(.strong("history  "), "nothing that Windlass applied")
      return
    }
    output.table(
      header: ["version", "phase", "applied", "took", "run", "file"],
      rows: report.history.map { entry in
        [
          Span(entry.version.description), Span(entry.phase), Span(entry.appliedAt.rfc3339),
          Span(entry.duration.description), Span(entry.run.text), Span(entry.file),
        ]
      })
  }
}
