import CSQLite
package import WindlassCore
import WindlassSchema

/// How long a transaction may wait and hold, and whether foreign keys are enforced in it.
package struct TransactionLimits: Hashable, Sendable {
  /// How long one attempt waits for the write lock, and at the end for readers.
  package var lockBudget: Interval
  /// How long the write lock may be held; nil on a scratch copy, where nobody waits.
  package var holdBudget: Interval?
  /// Set outside the transaction, where alone it has an effect.
  package var enforcesForeignKeys: Bool
  /// Whether a violation that was not there before makes the commit fail.
  package var checksForeignKeys: Bool

  package init(
    lockBudget: Interval = Bounds.lockBudgetDefault,
    holdBudget: Interval? = Bounds.holdBudgetDefault, enforcesForeignKeys: Bool = true,
    checksForeignKeys: Bool = false
  ) {
    self.lockBudget = lockBudget
    self.holdBudget = holdBudget
    self.enforcesForeignKeys = enforcesForeignKeys
    self.checksForeignKeys = checksForeignKeys
  }
}

/// The moment at which SQLite is to give up a statement.
private final class HoldDeadline {
  let instant: ContinuousClock.Instant
  init(_ instant: ContinuousClock.Instant) { self.instant = instant }
  var isOver: Bool { ContinuousClock.now > instant }
}

extension SQLiteConnection {
  /// Makes one attempt at a write transaction: `BEGIN IMMEDIATE`, the body, the foreign-key check,
  /// `COMMIT`; any failure rolls everything back.
  ///
  /// - Returns: what the body returned, and how long the lock was held.
  /// - Throws: `.retry` with `DatabaseLocked` when the lock was not had within the budget.
  package func transaction<Result>(
    _ limits: TransactionLimits,
    _ body: (SQLiteConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> (result: Result, held: Interval) {
    precondition(!isInTransaction, "a transaction never begins inside another")
    // "This pragma is a no-op within a transaction", so it is set before.
    try execute("PRAGMA foreign_keys=\(limits.enforcesForeignKeys ? "ON" : "OFF")")
    let known = limits.checksForeignKeys ? try foreignKeyViolations() : [:]
    waitForLocks(limits.lockBudget)
    defer { waitForLocks(Bounds.readLockWait) }
    try execute("BEGIN IMMEDIATE")
    let began = ContinuousClock.now
    let deadline = limits.holdBudget.map {
      HoldDeadline(began + .milliseconds($0.milliseconds))
    }
    do throws(StepFailure) {
      let result = try watched(by: deadline) { () throws(StepFailure) -> Result in
        let result = try body(self)
        try checkStillInTransaction()
        if limits.checksForeignKeys { try refuseViolations(beyond: known) }
        return result
      }
      if let deadline, deadline.isOver { throw holdBudgetExceeded(limits) }
      try execute("COMMIT")
      keptJournal?.noteCommit()
      return (result, (ContinuousClock.now - began).interval)
    } catch {
      rollBack()
      if error.code == "Interrupted", let deadline, deadline.isOver {
        throw holdBudgetExceeded(limits)
      }
      throw error
    }
  }

  /// Runs the body in a read transaction: everything that it reads is of one moment.
  ///
  /// - Parameter limit: how long it may take; nil where the body is short by itself.
  package func snapshot<Result>(
    within limit: Interval? = nil, _ body: (SQLiteConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    precondition(!isInTransaction, "a snapshot never begins inside a transaction")
    let deadline = limit.map {
      HoldDeadline(ContinuousClock.now + .milliseconds($0.milliseconds))
    }
    try execute("BEGIN")
    defer { rollBack() }
    // BEGIN alone fixes nothing; the first read does.
    _ = try scalar("SELECT count(*) FROM main.sqlite_schema")
    do throws(StepFailure) {
      return try watched(by: deadline) { () throws(StepFailure) -> Result in try body(self) }
    } catch {
      guard error.code == "Interrupted", let limit else { throw error }
      throw StepFailure(
        code: "ReadTimedOut", disposition: .stop,
        message: "Reading \(path) took longer than \(limit) and was given up; nothing was changed."
          + " If it uses a rollback journal, change it to a write-ahead log; otherwise look at the"
          + " disk.")
    }
  }

  private func rollBack() {
    // SQLite rolls back by itself on some errors; then there is nothing left to do. A ROLLBACK
    // that fails leaves a transaction that closing the connection ends.
    if isInTransaction { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
    keptJournal?.noteRollback()
  }

  private func watched<Result>(
    by deadline: HoldDeadline?, _ body: () throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    guard let deadline else { return try body() }
    sqlite3_progress_handler(
      handle, Int32(Bounds.progressInterval),
      { context in
        guard let context else { return 0 }
        return Unmanaged<HoldDeadline>.fromOpaque(context).takeUnretainedValue().isOver ? 1 : 0
      }, Unmanaged.passUnretained(deadline).toOpaque())
    // The handler is taken away before `deadline` can go.
    defer {
      sqlite3_progress_handler(handle, 0, nil, nil)
      withExtendedLifetime(deadline) {}
    }
    return try body()
  }

  private func holdBudgetExceeded(_ limits: TransactionLimits) -> StepFailure {
    StepFailure(
      code: "HoldBudgetExceeded", disposition: .stop,
      message: "The transaction on \(path) held its lock for more than the hold budget of"
        + " \(limits.holdBudget ?? .zero) and was rolled back; nothing was changed. Split the"
        + " migration into smaller files, or raise `database.holdBudget` if the service's busy"
        + " timeout is at least twice as long.")
  }

  private func checkStillInTransaction() throws(StepFailure) {
    guard isInTransaction else {
      throw StepFailure(
        code: "TransactionEnded", disposition: .stop,
        message: "A statement on \(path) ended the transaction that it ran in. Remove transaction"
          + " control and `RAISE(ROLLBACK)` from the file, then look at the schema.")
    }
  }

  /// Rows that point nowhere, counted by child and parent table.
  private func foreignKeyViolations() throws(StepFailure) -> [ForeignKeyPath: Int] {
    let statement = try PreparedStatement("PRAGMA foreign_key_check", on: self)
    var counts: [ForeignKeyPath: Int] = [:]
    while try statement.step() {
      guard case .text(let child) = statement.value(at: 0),
        case .text(let parent) = statement.value(at: 2)
      else { continue }
      counts[ForeignKeyPath(child: child, parent: parent), default: 0] += 1
    }
    return counts
  }

  private func refuseViolations(beyond known: [ForeignKeyPath: Int]) throws(StepFailure) {
    let now = try foreignKeyViolations()
    let worse = now.filter { $0.value > known[$0.key, default: 0] }.keys.sorted {
      ($0.child, $0.parent) < ($1.child, $1.parent)
    }
    guard let first = worse.first else { return }
    let rows = now[first, default: 0] - known[first, default: 0]
    throw StepFailure(
      code: "ForeignKeyViolated", disposition: .stop,
      message: "\(rows) more row(s) of table \(first.child) in \(path) would point to a row of"
        + " \(first.parent) that does not exist; the transaction was rolled back and nothing was"
        + " changed. Let the migration delete or repair those rows first.")
  }
}

/// A child table and the parent that its rows point to.
private struct ForeignKeyPath: Hashable {
  var child: String
  var parent: String
}
