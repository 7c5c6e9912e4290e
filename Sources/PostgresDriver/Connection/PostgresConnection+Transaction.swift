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

  /// The oldest server that knows a limit for a whole transaction.
  static let transactionTimeoutVersion = 170_000

  /// What a transaction begins with.
  fileprivate func beginning(serverVersion: Int) -> [String] {
    ["BEGIN"]
      + statements(knowsTransactionTimeout: serverVersion >= Self.transactionTimeoutVersion)
  }

  /// The limits as settings of the transaction that is open.
  func settings(knowsTransactionTimeout: Bool) -> String {
    statements(knowsTransactionTimeout: knowsTransactionTimeout).joined(separator: "; ")
  }

  /// The settings of the transaction that is open, each in milliseconds.
  func values(knowsTransactionTimeout: Bool) -> [(name: String, milliseconds: Int64)] {
    let lock = ("lock_timeout", max(1, lockBudget.milliseconds))
    guard let holdBudget else {
      return [lock, ("statement_timeout", Bounds.concurrentIndexDeadline.milliseconds)]
    }
    let limit = max(1, holdBudget.milliseconds)
    var values = [
      lock, ("statement_timeout", limit), ("idle_in_transaction_session_timeout", limit),
    ]
    if knowsTransactionTimeout { values.append(("transaction_timeout", 2 * limit)) }
    return values
  }

  private func statements(knowsTransactionTimeout: Bool) -> [String] {
    values(knowsTransactionTimeout: knowsTransactionTimeout).map { name, milliseconds in
      "SET LOCAL \(name) = \(milliseconds)"
    }
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
    try transaction(limits, beginningWith: []) { connection, _ throws(StepFailure) in
      try body(connection)
    }
  }

  /// The same, with statements that travel together with `BEGIN`.
  ///
  /// - Parameters:
  ///   - first: what is read at the beginning.
  ///   - body: gets the rows of each of them.
  func transaction<Result>(
    _ limits: PostgresLimits, beginningWith first: [SQLStatement],
    _ body: (PostgresConnection, [[SQLRow]]) throws(StepFailure) -> Result
  ) throws(StepFailure) -> (result: Result, held: Interval) {
    // What ended the session may have been an answer that nobody needed.
    guard isAlive else { throw lost() }
    precondition(!isInTransaction, "a transaction never begins inside another")
    if dialect == .cockroachdb {
      return try restartableTransaction(limits) { connection throws(StepFailure) in
        var answers: [[SQLRow]] = []
        for statement in first {
          answers.append(try connection.rows(statement.text, statement.parameters))
        }
        return try body(connection, answers)
      }
    }
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
      let beginning = limits.beginning(serverVersion: serverVersion)
      if first.isEmpty {
        try run(script: beginning.joined(separator: "; "))
        result = try body(self, [])
      } else {
        let rows = try pipeline(beginning.map { SQLStatement($0) } + first)
        result = try body(self, Array(rows.dropFirst(beginning.count)))
      }
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
    try snapshot(within: limit, asOf: moment, beginningWith: []) {
      connection, _ throws(StepFailure) in
      try body(connection)
    }
  }

  /// The same, with questions that travel together with `BEGIN`.
  ///
  /// - Parameters:
  ///   - first: what is read at the beginning.
  ///   - body: gets the rows of each of them.
  func snapshot<Result>(
    within limit: Interval? = nil, asOf moment: String? = nil,
    beginningWith first: [SQLStatement],
    _ body: (PostgresConnection, [[SQLRow]]) throws(StepFailure) -> Result
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
    var begin = "BEGIN ISOLATION LEVEL \(level), READ ONLY"
    if let moment { begin += ", AS OF SYSTEM TIME '\(moment)'" }
    var beginning = [begin, "SET LOCAL lock_timeout = \(Bounds.readLockWait.milliseconds)"]
    if let limit { beginning.append("SET LOCAL statement_timeout = \(limit.milliseconds)") }
    // CockroachDB's own course through a transaction is kept as it is.
    if first.isEmpty || dialect == .cockroachdb {
      try run(script: beginning.joined(separator: "; "))
      var answers: [[SQLRow]] = []
      for question in first { answers.append(try rows(question.text, question.parameters)) }
      return try body(self, answers)
    }
    let answers = try pipeline(beginning.map { SQLStatement($0) } + first)
    return try body(self, Array(answers.dropFirst(beginning.count)))
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
