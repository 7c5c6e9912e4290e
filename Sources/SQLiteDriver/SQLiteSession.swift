package import WindlassCore
import WindlassSchema

/// A SQLite database behind the port of the core: one connection on a thread of its own.
///
/// The connection is opened by the first call, and dropped after a failure that makes it
/// doubtful, so that the next call begins with a new one.
package actor SQLiteSession: DatabaseSession {
  private let executor: BlockingExecutor
  private let options: SQLiteOptions
  private var opened: SQLiteConnection?

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes a session; no file is touched yet.
  package init(_ options: SQLiteOptions) {
    self.options = options
    executor = BlockingExecutor(label: "windlass.sqlite")
  }

  /// Opens the database now, for callers that want the failure early.
  package func open() throws(StepFailure) {
    _ = try connection()
  }

  /// Closes the database; the next call opens it again.
  package func close() {
    opened = nil
  }

  package func apply(_ batch: StatementBatch) async throws(StepFailure) -> BatchOutcome {
    let backoff = LockBackoff(deadline: options.lockDeadline)
    return try await LockBackoff.retrying(deadline: options.lockDeadline, path: options.path) {
      () throws(StepFailure) in
      try attempt(batch, backoff: backoff)
    }
  }

  package func rows(_ query: SQLStatement, limit: Int) async throws(StepFailure) -> [SQLRow] {
    try guarded { connection throws(StepFailure) in
      try connection.rows(query.text, query.parameters, limit: limit)
    }
  }

  /// Runs the body on the connection, without a suspension in between.
  package func withConnection<Result: Sendable>(
    _ body: @Sendable (SQLiteConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    try guarded(body)
  }

  private func attempt(
    _ batch: StatementBatch, backoff: LockBackoff
  ) throws(StepFailure) -> BatchOutcome {
    let limits = TransactionLimits(
      lockBudget: batch.lockBudget, holdBudget: batch.holdBudget,
      enforcesForeignKeys: batch.enforcesForeignKeys, checksForeignKeys: batch.needsCheck)
    return try guarded { connection throws(StepFailure) in
      let before = connection.rowsChanged
      var waited = Interval.zero
      let (_, held) = try connection.transaction(limits) { connection throws(StepFailure) in
        waited = backoff.elapsed
        for part in batch.parts { try connection.run(part) }
      }
      return BatchOutcome(
        rowsChanged: connection.rowsChanged - before, waited: waited, held: held)
    }
  }

  private func connection() throws(StepFailure) -> SQLiteConnection {
    if let opened { return opened }
    let connection = try SQLiteConnection(options)
    opened = connection
    return connection
  }

  private func guarded<Result>(
    _ body: (SQLiteConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    let connection = try connection()
    do throws(StepFailure) {
      return try body(connection)
    } catch {
      if error.disposition != .retry { opened = nil }
      throw error
    }
  }
}

extension StatementBatch {
  /// Whether rows that point nowhere can come out of the batch: where the engine itself did not
  /// enforce foreign keys, and after whole files.
  fileprivate var needsCheck: Bool {
    !enforcesForeignKeys
      || parts.contains {
        if case .script = $0 { true } else { false }
      }
  }
}

extension SQLiteConnection {
  /// Runs one part of a batch inside the transaction that is open.
  fileprivate func run(_ part: BatchPart) throws(StepFailure) {
    switch part {
    case .require(let query, let expected, let failure):
      let rows = try rows(query.text, query.parameters, limit: 2)
      guard rows.count < 2, (rows.first?.values.first ?? .null) == expected else { throw failure }
    case .execute(let statement): try execute(statement.text, statement.parameters)
    case .script(let text): try run(script: text)
    }
  }
}
