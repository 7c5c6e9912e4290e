import ArgumentParser
import WindlassCore
import WindlassSchema

/// `windlass migrate`: the migration engine by itself.
struct MigrateCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate",
    abstract: "Applies the pending migrations of a directory, each in full or not at all.",
    discussion: """
      The directory has golang-migrate's layout, and so has the ledger. Each file runs in one \
      transaction with its ledger row and its history; on PostgreSQL a file that builds an index \
      CONCURRENTLY runs statement by statement, and is gone on with after a crash. A file that \
      begins with `-- windlass: backfill table=NAME key=NAME` is run in batches by that key, and \
      goes on from the last one when it was cut off. The command stops before the first contract \
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

  @Option(
    name: .long,
    help: ArgumentHelp(
      """
      MySQL and MariaDB: a replica that backfills wait for while it is more than \
      \(Bounds.backfillLagMax) behind or stopped: env:NAME, file:PATH, or a URL without a password; \
      may be given again.
      """,
      valueName: "url"))
  var replica: [DatabaseReference] = []

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

  /// What was asked for.
  var order: MigrateOrder {
    MigrateOrder(
      database: databaseOptions.database, ledgerTable: databaseOptions.ledgerTable, path: path,
      to: to, phase: phase, limits: lockOptions.limits, replicas: replica,
      foreignKeys: foreignKeys, create: create, dryRun: dryRun)
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    guard ledger == .golangMigrate else {
      throw CommandFailure(
        .usage, "LedgerReadOnly",
        "The ledger of \(ledger.rawValue) is only read: what Windlass applied would be unknown to"
          + " \(ledger.rawValue). Migrate with that tool, and let servers wait with"
          + " `windlass gate --ledger \(ledger.rawValue)`.")
    }
    return try await order.perform(output)
  }
}
