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
    // Often enough to have seen it at work for half of its time when that is up.
    let step: Int64 = lockLimit.map { max(min($0, limit).milliseconds / 4, 5) } ?? 100
    guard killed == nil else { return 100 }
    let rest = limit.milliseconds - (ContinuousClock.now - record.heldSince).interval.milliseconds
    return Int32(clamping: max(1, min(step, rest)))
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
    let state = try? side.scalar(
      "SELECT STATE FROM information_schema.PROCESSLIST WHERE ID = \(connection.id)")
    if let state = state?.text, state.hasPrefix("Waiting for ") { return .waiting(state) }
    let row = rowLock.sight(of: connection.id, on: side, isLast: isLast)
    return state == nil && row == .working ? .nothing : row
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

/// What InnoDB says about the row lock for which a session waits.
private struct RowLockReading {
  private var asked: ContinuousClock.Instant?
  private var answer = StatementRecord.Sight.nothing

  /// InnoDB makes its list anew only when nobody has read it for a tenth of a second.
  private static let pause = Duration.milliseconds(110)

  /// Whether the session waits for a row, by the lock's number.
  ///
  /// - Parameter isLast: whether something is decided by this answer, for which the number of waits
  ///   on the whole server has to do where this user may not see the sessions of others.
  mutating func sight(
    of session: UInt64, on side: MySQLConnection, isLast: Bool
  ) -> StatementRecord.Sight {
    if !isLast, let asked, ContinuousClock.now - asked < Self.pause { return answer }
    asked = .now
    let rows = try? side.rows(
      """
      SELECT trx_requested_lock_id FROM information_schema.INNODB_TRX
      WHERE trx_mysql_thread_id = \(session) AND trx_state = 'LOCK WAIT'
      """)
    guard let rows else {
      // Where nobody on the server waits, this session does not either.
      let wait = Self.anyWait(on: side)
      return isLast || wait == .working ? wait : .nothing
    }
    answer = rows.first.map { .waiting("row \($0.values.first?.text ?? "")") } ?? .working
    return answer
  }

  private static func anyWait(on side: MySQLConnection) -> StatementRecord.Sight {
    let row = try? side.rows("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'").first
    guard let count = row?.values.last else { return .nothing }
    return count == .text("0") || count == .integer(0) ? .working : .waiting("row")
  }
}
