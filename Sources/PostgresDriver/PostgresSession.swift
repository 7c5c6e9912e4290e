package import WindlassCore
import WindlassSchema

/// A PostgreSQL database behind the port of the core: one session on a thread of its own.
///
/// It connects at the first call, and anew after a failure that makes the session doubtful.
package actor PostgresSession: DatabaseSession {
  private let executor: BlockingExecutor
  private let options: PostgresOptions
  private var opened: PostgresConnection?

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes a session; nothing is connected yet.
  package init(_ options: PostgresOptions) {
    self.options = options
    executor = BlockingExecutor(label: "windlass.postgres")
  }

  /// Connects now, for callers that want the failure early.
  package func open() throws(StepFailure) {
    _ = try connection()
  }

  /// Disconnects; the next call connects again.
  package func close() {
    opened = nil
  }

  package func apply(_ batch: StatementBatch) async throws(StepFailure) -> BatchOutcome {
    let backoff = LockBackoff(deadline: options.lockDeadline)
    let place = options.url.place
    let overdue = { (failure: StepFailure, waited: Interval) -> StepFailure in
      failure.code == "DatabaseLocked"
        ? LockFailure.notObtained(place: place, waited: waited, blockers: []) : failure
    }
    return try await LockBackoff.retrying(deadline: options.lockDeadline, overdue: overdue) {
      () throws(StepFailure) in
      try attempt(batch, backoff: backoff)
    }
  }

  package func rows(_ query: SQLStatement, limit: Int) async throws(StepFailure) -> [SQLRow] {
    try withConnection { connection throws(StepFailure) in
      try connection.rows(query.text, query.parameters, limit: limit)
    }
  }

  /// Runs the body on the connection, without a suspension in between.
  package func withConnection<Result: Sendable>(
    _ body: (PostgresConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    let connection = try connection()
    do throws(StepFailure) {
      return try body(connection)
    } catch {
      if error.disposition != .retry || !connection.isAlive { opened = nil }
      throw error
    }
  }

  private func attempt(
    _ batch: StatementBatch, backoff: LockBackoff
  ) throws(StepFailure) -> BatchOutcome {
    let limits = PostgresLimits(lockBudget: batch.lockBudget, holdBudget: batch.holdBudget)
    return try withConnection { connection throws(StepFailure) in
      let waited = backoff.elapsed
      let (changed, held) = try connection.transaction(limits) { connection throws(StepFailure) in
        var changed: Int64 = 0
        for part in batch.parts { changed += try connection.run(part) }
        return changed
      }
      return BatchOutcome(rowsChanged: changed, waited: waited, held: held)
    }
  }

  private func connection() throws(StepFailure) -> PostgresConnection {
    if let opened, opened.isAlive { return opened }
    let connection = try PostgresConnection(options)
    opened = connection
    return connection
  }
}

extension PostgresConnection {
  /// Runs one part of a batch inside the transaction that is open; returns the rows changed.
  fileprivate func run(_ part: BatchPart) throws(StepFailure) -> Int64 {
    switch part {
    case .require(let query, let expected, let failure):
      let rows = try rows(query.text, query.parameters, limit: 2)
      guard rows.count < 2, (rows.first?.values.first ?? .null) == expected else { throw failure }
      return 0
    case .execute(let statement): return try execute(statement.text, statement.parameters)
    case .script(let text): return try run(script: text)
    }
  }
}

/// The failure of a lock that was not had in time.
enum LockFailure {
  /// Names who holds it.
  static func notObtained(
    place: String, waited: Interval, blockers: [String]
  ) -> StepFailure {
    let whom = blockers.isEmpty ? "another session" : blockers.joined(separator: "; ")
    return StepFailure(
      code: "LockNotObtained", disposition: .retry,
      message: "A lock of \(place) was not had within \(waited): \(whom) holds it. Nothing was"
        + " changed. End the long transaction there, then try again.")
  }
}
