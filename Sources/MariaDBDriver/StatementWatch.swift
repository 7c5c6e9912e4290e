import WindlassCore
import WindlassSchema

/// Looks at a statement while it runs, and ends it by `KILL QUERY` from a second connection when it
/// takes too long, waits too long for a lock, or the task was cancelled.
final class StatementWatch {
  /// Why a statement was ended.
  enum Reason: Hashable, Sendable {
    case overdue, waitedForLock, cancelled
    /// Its time was up, and nobody had looked what it did with it.
    case unseen
  }

  private let limit: Interval
  /// How long it may wait for one lock, where the server itself can't be told; nil where it can.
  private let lockLimit: Interval?
  /// Whether the transaction holds locks already, so that others wait while this one waits.
  private let holdsLocks: Bool
  private var record: StatementRecord
  private var rowLock = RowLockReading()
  private var killed: ContinuousClock.Instant?
  private var side: MySQLConnection?
  /// Why the statement was ended; nil while it was not.
  private(set) var reason: Reason?

  /// Makes a watch for one statement.
  init(limit: Interval, lockLimit: Interval? = nil, holdsLocks: Bool = false) {
    self.limit = limit
    self.lockLimit = lockLimit
    self.holdsLocks = holdsLocks
    record = StatementRecord(
      limit: limit, lockLimit: lockLimit, holdsLocks: holdsLocks, at: .now)
  }

  /// Starts to count.
  func begin() {
    record = StatementRecord(
      limit: limit, lockLimit: lockLimit, holdsLocks: holdsLocks, at: .now)
  }

  /// What the statement holds, which has just ended.
  var hold: StatementHold { record.hold(endedBy: .now) }

  /// Whether it was seen to keep others out, rather than that nobody looked.
  var isKnownToHold: Bool { record.isKnownToHold(at: .now) }

  /// How long to wait for the server before the next look, in milliseconds.
  var pause: Int32 {
    let held = (ContinuousClock.now - record.heldSince).interval
    let pause = LookPace(limit: limit, lockLimit: lockLimit)
      .pause(held: held, isEnded: killed != nil)
    return Int32(clamping: pause.milliseconds)
  }

  /// Looks whether the statement may go on, and ends it otherwise.
  ///
  /// - Returns: whether an answer is still to be waited for.
  func look(at connection: MySQLConnection) -> Bool {
    let now = ContinuousClock.now
    if let killed { return (now - killed).interval < Bounds.interruptionDeadline }
    let isDue = record.isDue(at: now)
    if Task.isCancelled {
      end(connection, .cancelled)
    } else if isDue || lockLimit != nil {
      let sight = sight(of: connection, isLast: isDue)
      switch record.note(sight, asked: now, answered: .now) {
      case .goesOn: break
      case .overdue: end(connection, .overdue)
      case .waitedForLock: end(connection, .waitedForLock)
      case .unseen: end(connection, .unseen)
      }
    }
    return true
  }

  private func end(_ connection: MySQLConnection, _ reason: Reason) {
    self.reason = reason
    killed = .now
    // Without a second connection the statement's own limits on the server have to do.
    _ = try? sideConnection(of: connection).run("KILL QUERY \(connection.id)")
  }

  /// What the statement does now.
  private func sight(of connection: MySQLConnection, isLast: Bool) -> StatementRecord.Sight {
    guard let side = try? sideConnection(of: connection) else { return .nothing }
    let answer = try? side.scalar(
      "SELECT STATE FROM information_schema.PROCESSLIST WHERE ID = \(connection.id)")
    let state = answer.map { $0.text ?? "" }
    let table = StatementRecord.Sight(state: state, row: .nothing)
    // Whoever waits for a table waits for no row.
    guard table == .nothing else { return table }
    return StatementRecord.Sight(
      state: state, row: rowSight(of: connection.id, on: side, isLast: isLast))
  }

  /// Whether the session waits for a row.
  private func rowSight(
    of session: UInt64, on side: MySQLConnection, isLast: Bool
  ) -> StatementRecord.Sight {
    let asked = ContinuousClock.now
    if let kept = rowLock.kept(at: asked, isLast: isLast) { return kept }
    return rowLock.note(side.rowLock(of: session), asked: asked, isLast: isLast)
  }

  private func sideConnection(
    of connection: MySQLConnection
  ) throws(StepFailure) -> MySQLConnection {
    if let side { return side }
    let opened = try MySQLConnection(connection.address, application: connection.application)
    side = opened
    return opened
  }
}

extension MySQLConnection {
  /// Asks InnoDB for which row a session waits, or how many sessions wait for any where this user
  /// may not see the others.
  fileprivate func rowLock(of session: UInt64) -> RowLockReading.Answer {
    // A list that was made for this very question shows it as what this session does.
    let mark = "windlass-look-\(UInt64.random(in: 1 ... .max))"
    let answers = try? run(together: [
      SQLStatement("START TRANSACTION WITH CONSISTENT SNAPSHOT"),
      SQLStatement(
        """
        SELECT trx_mysql_thread_id = CONNECTION_ID(), trx_requested_lock_id
        FROM information_schema.INNODB_TRX
        WHERE (trx_mysql_thread_id = \(session) AND trx_state = 'LOCK WAIT')
          OR (trx_mysql_thread_id = CONNECTION_ID() AND LOCATE('\(mark)', trx_query) > 0)
        """),
    ])
    defer { if !isLost { _ = try? run("ROLLBACK") } }
    guard let rows = answers?[1].rows else { return .hidden(waiting: waiting) }
    guard rows.contains(where: { $0.values.first == .integer(1) }) else {
      // Where nobody on the server waits, this session does not either.
      if waiting == 0 { return .waitsForNothing }
      let status = try? run("SHOW ENGINE INNODB STATUS").rows.first?.values.last?.text
      return status.flatMap { InnoDBStatus.answer(of: session, in: $0) } ?? .old
    }
    let wait = rows.first { $0.values.first == .integer(0) }
    return wait.map { .waits($0.values.last?.text ?? "") } ?? .waitsForNothing
  }

  /// How many sessions of the whole server wait for rows; nil where that is not told.
  private var waiting: Int64? {
    let row = try? rows("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'").first
    return row?.values.last.flatMap { $0.integer ?? $0.text.flatMap { Int64($0) } }
  }
}
