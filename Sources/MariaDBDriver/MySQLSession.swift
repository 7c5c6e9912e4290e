package import WindlassCore
import WindlassSchema

/// A session with a MySQL or MariaDB database on a connection of its own, made on first use and
/// again after it was lost.
///
/// A batch is one transaction only where its statements can be rolled back: a change of the schema
/// commits by itself on these servers, so a batch that holds one is refused.
package actor MySQLSession: DatabaseSession {
  private let executor: BlockingExecutor
  private let options: MySQLServiceOptions
  private var opened: MySQLConnection?

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes a session; nothing is connected yet.
  package init(_ options: MySQLServiceOptions) {
    self.options = options
    executor = BlockingExecutor(label: "windlass.mysql")
  }

  /// Connects now, for callers that want the failure early.
  package func open() throws(StepFailure) { _ = try connection() }

  /// Ends the connection; the next call makes a new one.
  package func close() { opened = nil }

  package func apply(_ batch: StatementBatch) async throws(StepFailure) -> BatchOutcome {
    let statements = try batch.parts.map { part throws(StepFailure) in try prepare(part) }
    let began = ContinuousClock.now
    var backoff = LockBackoff(deadline: options.lockDeadline)
    while true {
      do throws(StepFailure) {
        return try attempt(statements, batch, since: began)
      } catch {
        if error.disposition != .retry || error.code == "ConnectionLost" { opened = nil }
        // Whether a lost transaction was committed, its caller alone can find out.
        guard error.code != "ConnectionLost" else { throw error }
        try await backoff.pause(after: error, overdue: MySQLBlockers.overdue)
      }
    }
  }

  package func rows(_ query: SQLStatement, limit: Int) async throws(StepFailure) -> [SQLRow] {
    let connection = try connection()
    return try connection.run(query, rows: limit).rows
  }

  /// One part of a batch, ready to be sent.
  private enum Part {
    case require(String, SQLValue, StepFailure)
    case run(String)
  }

  private func prepare(_ part: BatchPart) throws(StepFailure) -> [Part] {
    let name = options.address.name
    switch part {
    case .require(let query, let expected, let failure):
      return [.require(try MySQLText.rendered(query, database: name), expected, failure)]
    case .execute(let statement):
      try refuseDefinition(statement.text)
      return [.run(try MySQLText.rendered(statement, database: name))]
    case .script(let text):
      try refuseDefinition(text)
      return try split(text).map { .run($0.text) }
    }
  }

  private func refuseDefinition(_ text: String) throws(StepFailure) {
    for statement in try split(text)
    where [.definition, .truncation, .call].contains(statement.kind) {
      throw StepFailure(
        code: "NotTransactional", disposition: .stop,
        message: "A statement for \(options.address.name) (\(statement.tokens[0].text)) commits by"
          + " itself and can't be part of a transaction. Run it as a migration.")
    }
  }

  private func split(_ text: String) throws(StepFailure) -> [MySQLStatement] {
    do {
      return try MySQLStatements.split(text)
    } catch {
      throw StepFailure(
        code: "BadStatement", disposition: .stop,
        message: "A script for \(options.address.name) can't be read: \(error.reason), line"
          + " \(error.line).")
    }
  }

  private func attempt(
    _ parts: [[Part]], _ batch: StatementBatch, since began: ContinuousClock.Instant
  ) throws(StepFailure) -> BatchOutcome {
    let connection = try connection()
    try connection.run("SET SESSION foreign_key_checks = \(batch.enforcesForeignKeys ? 1 : 0)")
    var hold = StatementHold(possible: .now, known: .now)
    var changed: Int64 = 0
    var holdsLocks = false
    try connection.transaction { connection throws(StepFailure) in
      for part in parts.joined() {
        let held = (ContinuousClock.now - hold.possible).interval
        guard held <= batch.holdBudget else { throw heldTooLong(batch, hold) }
        let rest = Interval(milliseconds: batch.holdBudget.milliseconds - held.milliseconds + 1)
        let watch = StatementWatch(
          limit: rest, lockLimit: batch.lockBudget, holdsLocks: holdsLocks)
        changed += try run(part, on: connection, watch, batch)
        guard case .run = part else { continue }
        // What the first change waited for kept nobody out.
        if !holdsLocks { hold = watch.hold }
        holdsLocks = true
      }
      // MySQL lets a statement that was told to end in the middle of a SLEEP succeed.
      guard (ContinuousClock.now - hold.possible).interval <= batch.holdBudget else {
        throw heldTooLong(batch, hold)
      }
    }
    return BatchOutcome(
      rowsChanged: changed, waited: (hold.possible - began).interval,
      held: (ContinuousClock.now - hold.possible).interval)
  }

  private func run(
    _ part: Part, on connection: MySQLConnection, _ watch: StatementWatch, _ batch: StatementBatch
  ) throws(StepFailure) -> Int64 {
    do throws(StepFailure) {
      switch part {
      case .require(let query, let expected, let failure):
        let rows = try connection.run(query, rows: 2, watch: watch).rows
        guard rows.count < 2, (rows.first?.values.first ?? .null) == expected else {
          throw failure
        }
        return 0
      case .run(let text): return try connection.run(text, watch: watch).affected
      }
    } catch {
      guard error.code == "Interrupted" else { throw error }
      switch watch.reason {
      case .overdue: throw heldTooLong(batch)
      case .waitedForLock: throw .lockNotFree(within: batch.lockBudget, options.address.name)
      case .unseen: throw .notWatched(for: batch.holdBudget, options.address.name)
      case .cancelled, nil: throw error
      }
    }
  }

  private func heldTooLong(_ batch: StatementBatch, _ hold: StatementHold) -> StepFailure {
    hold.isKnown(for: batch.holdBudget)
      ? heldTooLong(batch) : .notWatched(for: batch.holdBudget, options.address.name)
  }

  private func heldTooLong(_ batch: StatementBatch) -> StepFailure {
    StepFailure(
      code: "HoldBudgetExceeded", disposition: .stop,
      message: "The transaction on \(options.address.name) held its locks for more than the hold"
        + " budget of \(batch.holdBudget) and was rolled back; nothing was changed.")
  }

  private func connection() throws(StepFailure) -> MySQLConnection {
    if let opened, !opened.isLost { return opened }
    let connection = try options.connect("session")
    opened = connection
    return connection
  }
}
