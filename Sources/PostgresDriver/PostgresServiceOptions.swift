package import WindlassCore
import WindlassSchema

/// How a service's PostgreSQL database is treated.
package struct PostgresServiceOptions: Hashable, Sendable {
  /// Whose user migrates.
  package var url: PostgresURL
  /// Whose user reads the ledger; nil for the one that migrates.
  package var probe: PostgresURL?
  /// Where and as whom backups are taken, whose rights preflight looks at as well; nil for nobody.
  package var backups: PostgresBackupOptions?
  package var ledger: PostgresLedger
  /// How long one statement waits for a lock.
  package var lockBudget: Interval
  /// How long a migration's transaction may take, and with it hold its locks; nil on a scratch
  /// copy, where nobody waits.
  package var holdBudget: Interval?
  /// How long all attempts at a lock may take together.
  package var lockDeadline: Interval
  /// The share of the time that a backfill works, in percent.
  package var backfillShare: Int
  /// How long an index may be built beside writers.
  package var concurrentDeadline: Interval
  /// The run that the session's name tells; nil without one.
  package var run: RunID?

  /// Makes options; the ledger is the one that the URL's options name.
  package init(
    url: PostgresURL, ledger: PostgresLedger? = nil,
    lockBudget: Interval = Bounds.lockBudgetDefault,
    holdBudget: Interval? = Bounds.holdBudgetDefault,
    lockDeadline: Interval = Bounds.lockDeadline,
    backfillShare: Int = Bounds.backfillShareDefault,
    concurrentDeadline: Interval = Bounds.concurrentIndexDeadline, run: RunID? = nil
  ) throws(StepFailure) {
    self.url = url
    if let ledger { self.ledger = ledger } else { self.ledger = try PostgresLedger(url) }
    self.lockBudget = lockBudget
    self.holdBudget = holdBudget
    self.lockDeadline = lockDeadline
    self.backfillShare = backfillShare
    self.concurrentDeadline = concurrentDeadline
    self.run = run
  }

  /// How old a transaction is that does not just pass by: a good deal younger than the budget,
  /// since whoever waits for it stops everybody behind.
  var blockerAge: Interval { .milliseconds(lockBudget.milliseconds / 4) }

  /// The limits of a transaction that migrates.
  var migrationLimits: PostgresLimits {
    PostgresLimits(lockBudget: lockBudget, holdBudget: holdBudget)
  }

  /// The limits of a transaction on Windlass's own tables, for which no server waits. On
  /// CockroachDB reading the catalogue takes longer.
  var ownLimits: PostgresLimits {
    let isPostgres = url.dialect == .postgres
    return PostgresLimits(
      lockBudget: lockBudget, holdBudget: isPostgres ? Bounds.readLockWait : Bounds.queryDeadline)
  }

  /// Opens a new session for one step.
  ///
  /// - Parameters:
  ///   - step: what the session's name tells.
  ///   - system: the server's number, where another server is an error.
  package func connect(
    for step: String, expecting system: String? = nil
  ) throws(StepFailure) -> PostgresConnection {
    try connect(to: url, for: step, expecting: system)
  }

  /// The same as the user who reads the ledger.
  func connectToRead(for step: String) throws(StepFailure) -> PostgresConnection {
    try connect(to: probe ?? url, for: step, expecting: nil)
  }

  private func connect(
    to url: PostgresURL, for step: String, expecting system: String?
  ) throws(StepFailure) -> PostgresConnection {
    try PostgresConnection(
      PostgresOptions(
        url: url,
        applicationName: "windlass/" + (run.map { $0.text + "/" } ?? "") + step,
        lockTimeout: lockBudget, lockDeadline: lockDeadline, expectedSystem: system))
  }

  /// What a failure becomes when the deadline for locks is over.
  func overdue(_ failure: StepFailure, waited: Interval) -> StepFailure {
    guard failure.code == "DatabaseLocked" else { return failure }
    return StepFailure(
      code: "LockNotObtained", disposition: .retry,
      message: "A lock of \(url.place) was not had within \(waited), and nothing was changed."
        + " \(failure.message)")
  }

  /// The pace of backfills beside the service.
  var backfillPace: BackfillPace { BackfillPace(holdBudget: holdBudget, share: backfillShare) }

  /// Tries until the attempt succeeds, fails for good, or the deadline for locks is over; between
  /// attempts nothing is held.
  func retrying<Result>(
    deadline: Interval? = nil, _ attempt: () throws(StepFailure) -> Result
  ) async throws(StepFailure) -> Result {
    return try await LockBackoff.retrying(deadline: deadline ?? lockDeadline, overdue: overdue) {
      () throws(StepFailure) in
      try attempt()
    }
  }
}
