package import WindlassCore
import WindlassSchema

/// How long a transaction may wait and hold.
package struct PostgresLimits: Hashable, Sendable {
  /// How long one statement waits for a lock.
  package var lockBudget: Interval
  /// How long the transaction may take, and with it hold its locks; nil on a scratch copy, where
  /// nobody waits.
  package var holdBudget: Interval?

  package init(
    lockBudget: Interval = Bounds.lockBudgetDefault,
    holdBudget: Interval? = Bounds.holdBudgetDefault
  ) {
    self.lockBudget = lockBudget
    self.holdBudget = holdBudget
  }

  /// What a transaction begins with.
  fileprivate func beginning(serverVersion: Int) -> String {
    "BEGIN; " + settings(knowsTransactionTimeout: serverVersion >= 170_000)
  }

  /// The limits as settings of the transaction that is open.
  func settings(knowsTransactionTimeout: Bool) -> String {
    var text = "SET LOCAL lock_timeout = \(max(1, lockBudget.milliseconds))"
    if holdBudget == nil {
      text += "; SET LOCAL statement_timeout = \(Bounds.concurrentIndexDeadline.milliseconds)"
    }
    if let holdBudget {
      let limit = max(1, holdBudget.milliseconds)
      text += "; SET LOCAL statement_timeout = \(limit)"
      text += "; SET LOCAL idle_in_transaction_session_timeout = \(limit)"
      if knowsTransactionTimeout { text += "; SET LOCAL transaction_timeout = \(2 * limit)" }
    }
    return text
  }
}

extension PostgresConnection {
  /// Makes one attempt at a transaction: `BEGIN` with its limits, the body, `COMMIT`; any failure
  /// rolls everything back.
  ///
  /// - Returns: what the body returned, and how long the transaction took.
  /// - Throws: `.retry` with `DatabaseLocked` when a lock was not had within the budget;
  ///   `OutcomeUnknown` when the reply to `COMMIT` was lost.
  package func transaction<Result>(
    _ limits: PostgresLimits,
    _ body: (PostgresConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> (result: Result, held: Interval) {
    // What ended the session may have been an answer that nobody needed.
    guard isAlive else { throw lost() }
    precondition(!isInTransaction, "a transaction never begins inside another")
    if dialect == .cockroachdb { return try restartableTransaction(limits, body) }
    let began = ContinuousClock.now
    deadline = limits.holdBudget.map { began + .milliseconds($0.milliseconds) }
    let usual = patience
    if limits.holdBudget == nil { patience = Bounds.concurrentIndexDeadline }
    defer {
      deadline = nil
      patience = usual
    }
    let result: Result
    do throws(StepFailure) {
      try run(script: limits.beginning(serverVersion: serverVersion))
      result = try body(self)
      try checkStillInTransaction()
      if let deadline, ContinuousClock.now > deadline { throw holdBudgetExceeded(limits) }
    } catch {
      let isOver = deadline.map { ContinuousClock.now > $0 } ?? false
      rollBack()
      let isCut = error.code == "Interrupted" || error.code == "ConnectionLost"
      if isCut, isOver, !Task.isCancelled { throw holdBudgetExceeded(limits) }
      throw error
    }
    try commit()
    return (result, (ContinuousClock.now - began).interval)
  }

  /// Runs the body in a read transaction: everything that it reads is of one moment.
  ///
  /// - Parameters:
  ///   - limit: how long one statement in it may take; nil for the session's own.
  ///   - moment: a moment in the past, as CockroachDB writes it; nil for now.
  package func snapshot<Result>(
    within limit: Interval? = nil, asOf moment: String? = nil,
    _ body: (PostgresConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    guard isAlive else { throw lost() }
    precondition(!isInTransaction, "a snapshot never begins inside a transaction")
    let usual = patience
    if let limit { patience = limit }
    defer {
      patience = usual
      rollBack()
    }
    let level = dialect == .postgres ? "REPEATABLE READ" : "SERIALIZABLE"
    var text = "BEGIN ISOLATION LEVEL \(level), READ ONLY"
    if let moment { text += ", AS OF SYSTEM TIME '\(moment)'" }
    text += "; SET LOCAL lock_timeout = \(Bounds.readLockWait.milliseconds)"
    if let limit { text += "; SET LOCAL statement_timeout = \(limit.milliseconds)" }
    try run(script: text)
    return try body(self)
  }

  private func commit() throws(StepFailure) {
    // From here on a deadline or a cancelled task no longer helps anybody.
    deadline = nil
    do throws(StepFailure) {
      try run(script: "COMMIT")
    } catch {
      guard !isAlive || isInTransaction else { throw error }
      throw StepFailure(
        code: "OutcomeUnknown", disposition: .stop,
        message: "The connection to \(place) was lost while a transaction was committed, so that"
          + " it may be committed or not. Look at `windlass schema` before anything else.")
    }
  }

  /// Leaves a transaction, if one is open; a session that can't is broken and is dropped.
  func rollBack() {
    deadline = nil
    guard isAlive, isInTransaction else { return }
    // The failure before this one is the one to tell.
    _ = try? run(script: "ROLLBACK")
  }

  func checkStillInTransaction() throws(StepFailure) {
    guard isInTransaction else {
      throw StepFailure(
        code: "TransactionEnded", disposition: .stop,
        message: "A statement on \(place) ended the transaction that it ran in. Remove transaction"
          + " control from the file, then look at the schema.")
    }
  }

  func holdBudgetExceeded(_ limits: PostgresLimits) -> StepFailure {
    StepFailure(
      code: "HoldBudgetExceeded", disposition: .stop,
      message: "The transaction on \(place) took more than the hold budget of"
        + " \(limits.holdBudget ?? .zero) and was rolled back; nothing was changed. Split the"
        + " migration into smaller files, or raise `database.holdBudget` if the service bears it.")
  }
}
