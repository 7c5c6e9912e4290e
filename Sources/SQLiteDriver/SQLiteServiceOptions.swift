package import WindlassCore
package import WindlassSchema

/// How a service's SQLite database is treated.
package struct SQLiteServiceOptions: Hashable, Sendable {
  /// The absolute path of the database file.
  package var path: String
  package var ledger: SQLiteLedger
  /// How long one attempt waits for a lock.
  package var lockBudget: Interval
  /// How long a lock is held; at most half of the service's busy timeout.
  package var holdBudget: Interval
  /// How long all attempts at a lock may take together.
  package var lockDeadline: Interval
  /// The share of the time that a backfill works, in percent.
  package var backfillShare: Int
  /// Whether migrations run with foreign keys enforced. Off, so that rebuilding a table does not
  /// delete the rows of its children; they are checked before the commit in either case.
  package var enforcesForeignKeys: Bool
  /// Where backups go, for the forecast of free space; nil when none are taken.
  package var backupDirectory: String?

  package init(
    path: String, ledger: SQLiteLedger = .standard,
    lockBudget: Interval = Bounds.lockBudgetDefault,
    holdBudget: Interval = Bounds.holdBudgetDefault,
    lockDeadline: Interval = Bounds.lockDeadline,
    backfillShare: Int = Bounds.backfillShareDefault, enforcesForeignKeys: Bool = false,
    backupDirectory: String? = nil
  ) {
    self.path = path
    self.ledger = ledger
    self.lockBudget = lockBudget
    self.holdBudget = holdBudget
    self.lockDeadline = lockDeadline
    self.backfillShare = backfillShare
    self.enforcesForeignKeys = enforcesForeignKeys
    self.backupDirectory = backupDirectory
  }

  /// The limits of a transaction that migrates.
  var migrationLimits: TransactionLimits {
    TransactionLimits(
      lockBudget: lockBudget, holdBudget: holdBudget, enforcesForeignKeys: enforcesForeignKeys,
      checksForeignKeys: true)
  }

  /// The limits of a transaction on Windlass's own tables.
  var ownLimits: TransactionLimits {
    TransactionLimits(lockBudget: lockBudget, holdBudget: holdBudget)
  }

  /// The pace of backfills beside the service.
  var backfillPace: BackfillPace { BackfillPace(holdBudget: holdBudget, share: backfillShare) }

  /// The failure for a body that this engine does not run; nil for one that it does.
  func refusal(of body: MigrationBody) -> StepFailure? {
    let classifier = SQLiteClassifier(ledgerTable: ledger.table)
    let findings =
      classifier.findings(in: body.text, file: body.file)
      + Backfill.findings(in: body, dialect: .sqlite)
    return findings.failure
  }

  /// The lock file that keeps two Windlass processes from changing the schema at once.
  var lockFile: String { FilePath.resolved(path) + ".windlass-lock" }

  /// Opens a new connection for one step.
  ///
  /// - Parameter mayKeepJournal: whether it may keep a rollback journal's file for a series of
  ///   transactions.
  func connect(
    _ access: SQLiteOptions.Access = .readWrite, mayKeepJournal: Bool = false
  ) throws(StepFailure) -> SQLiteConnection {
    try SQLiteConnection(
      SQLiteOptions(
        path: path, access: access, journalMode: access == .create ? .wal : nil,
        lockDeadline: lockDeadline, mayKeepJournal: mayKeepJournal))
  }

  /// Opens a connection to a database that must exist already.
  func connectExisting(
    mayKeepJournal: Bool = false
  ) throws(StepFailure) -> SQLiteConnection {
    guard FilePath.exists(path) else {
      throw StepFailure(
        code: "DatabaseMissing", disposition: .stop,
        message: "There is no database \(path). Check the database URL; the first upgrade of"
          + " a new service makes one, and so does `windlass migrate --create`.")
    }
    return try connect(mayKeepJournal: mayKeepJournal)
  }
}
