import ArgumentParser
import Glibc
import WindlassCore
import WindlassSchema
import WindlassWire

/// `windlass migrate`: the migration engine by itself.
struct MigrateCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Applies the pending migrations of a directory, each in full or not at all.",
    discussion: """
      The directory has golang-migrate's layout, and so has the ledger. Each file runs in one \
      transaction with its ledger row and its history; on PostgreSQL a file that builds an index \
      CONCURRENTLY runs statement by statement, and is gone on with after a crash. The command stops before the first contract \
      file unless --phase contract is given; a file says its phase in its first line, \
      `-- windlass: expand`, `backfill` or `contract`. No .down.sql is ever run.

      Example: windlass migrate --database env:BEACON_DB --path migrations --lock-budget 100ms
      Example: windlass migrate --database sqlite:///srv/beacon.db --path migrations --dry-run

      Exit codes: 0 everything asked for is applied, 5 something is pending (--dry-run, or --to \
      behind a contract file), 6 the ledger is dirty, a file changed or the schema drifted, 7 a \
      lock was not obtained.
      """)

  @OptionGroup var databaseOptions: DatabaseOptions

  @Option(name: .long, help: ArgumentHelp("The migration directory.", valueName: "directory"))
  var path: String

  @Option(name: .long, help: ArgumentHelp("The version to stop at.", valueName: "version"))
  var to: UInt64?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The last phase to run: expand, backfill or contract (default: backfill).", valueName: "phase"
    ),
    transform: MigrationPhase.argument)
  var phase: MigrationPhase = .backfill

  @OptionGroup var lockOptions: LockOptions

  @Flag(
    name: .long,
    help: """
      SQLite: enforce foreign keys while a file runs; without it they are checked before the \
      commit, and rebuilding a table can't delete rows of another.
      """)
  var foreignKeys = false

  @Flag(name: .long, help: "SQLite: make the database when there is none.")
  var create = false

  @Flag(name: .long, help: "Show what would be applied, and change nothing.")
  var dryRun = false

  @Option(
    name: .long,
    help: ArgumentHelp("Whose ledger it is; only golang-migrate's is written.", valueName: "tool"))
  var ledger = LedgerName.golangMigrate

  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    guard ledger == .golangMigrate else {
      throw CommandFailure(
        .usage, "LedgerReadOnly",
        "The ledger of \(ledger.rawValue) is only read: what Windlass applied would be unknown to"
          + " \(ledger.rawValue). Migrate with that tool, and let servers wait with"
          + " `windlass gate --ledger \(ledger.rawValue)`.")
    }
    let clock = SystemClock(floor: nil)
    let migrator = try databaseOptions.target().limited(by: lockOptions)
      .enforcing(foreignKeys: foreignKeys).migrator(now: clock.now)
    let request = MigrateRequest(
      directory: path, target: to.map { SchemaVersion($0) }, phase: phase,
      run: RunID("migrate-\(clock.now().compactText)-\(getpid())"), createsDatabase: create)
    if dryRun {
      let forecast = try await migrator.forecast(request)
      report(forecast, applied: [], output)
      return forecast.pending.isEmpty && !isShort(forecast) ? .done : .pending
    }
    let outcome = try await migrator.migrate(request) { entry in
      output.progress(.good("applied"), " \(entry.file) (\(entry.phase), \(entry.duration))")
    }
    report(outcome.forecast, applied: outcome.applied, output)
    return isShort(outcome.forecast) ? .pending : .done
  }

  /// Whether a named version is not reached because a phase was not asked for.
  private func isShort(_ forecast: MigrateForecast) -> Bool {
    to != nil && !forecast.waiting.isEmpty
  }

  private func report(
    _ forecast: MigrateForecast, applied: [HistoryEntry], _ output: Output
  ) {
    output.object([
      "from": forecast.from.map { .integer($0.json) } ?? .null,
      "to": forecast.to.map { .integer($0.json) } ?? .null,
      "dryRun": .bool(dryRun),
      "applied": .array(applied.map(\.json)),
      "pending": .array(dryRun ? forecast.pending.map(\.json) : []),
      "waiting": .array(forecast.waiting.map(\.json)),
    ])
    if dryRun {
      for pending in forecast.pending {
        output.line("would apply \(pending.file) (\(pending.phase.rawValue))")
      }
    }
    let before = forecast.from?.description ?? "nothing applied"
    let after = forecast.to?.description ?? "nothing applied"
    if forecast.pending.isEmpty {
      output.line("Nothing to apply; the schema is at \(after).")
    } else {
      output.line(
        "\(dryRun ? "The schema would go" : "The schema went") from \(before) to \(after).")
    }
    if let first = forecast.waiting.first {
      output.line(
        .warning("waiting"),
        """
         \(forecast.waiting.count) file(s) from \(first.file) on, which is \
        \(first.phase.rawValue): add --phase \(first.phase.rawValue) when no server needs the old \
        schema any more.
        """)
    }
  }
}

extension PendingMigration {
  fileprivate var json: JSONValue {
    ["version": .integer(version.json), "file": .string(file), "phase": .string(phase.rawValue)]
  }
}

extension HistoryEntry {
  /// The line of the history for machines.
  var json: JSONValue {
    [
      "version": .integer(version.json), "file": .string(file), "phase": .string(phase),
      "checksum": .string(checksum.text), "run": .string(run.text),
      "milliseconds": .integer(duration.milliseconds), "appliedAt": .string(appliedAt.rfc3339),
    ]
  }
}
