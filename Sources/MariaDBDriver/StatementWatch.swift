import WindlassCore
import WindlassSchema

/// Looks at a statement while it runs, and ends it by `KILL QUERY` from a second connection when it
/// takes too long, waits too long for a lock, or the task was cancelled.
final class StatementWatch {
  /// Why a statement was ended.
  enum Reason: Hashable, Sendable {
    case overdue, waitedForLock, cancelled
  }

  private let limit: Interval
  /// How long it may wait for one lock, where the server itself can't be told; nil where it can.
  private let lockLimit: Interval?
  /// Whether the transaction holds locks already, so that others wait while this one waits.
  private let holdsLocks: Bool
  private var began = ContinuousClock.now
  /// The moment from which the statement may have kept others out: what it waited for its first
  /// lock is not counted.
  private(set) var heldSince = ContinuousClock.now
  private var wait: (lock: String, since: ContinuousClock.Instant)?
  private var lastLook = ContinuousClock.now
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
  }

  /// Starts to count.
  func begin() {
    began = .now
    heldSince = began
    lastLook = began
    wait = nil
  }

  /// How long to wait for the server before the next look, in milliseconds.
  var pause: Int32 {
    let step: Int64 = lockLimit.map { max($0.milliseconds / 4, 5) } ?? 100
    guard killed == nil else { return 100 }
    let rest = limit.milliseconds - (ContinuousClock.now - heldSince).interval.milliseconds
    return Int32(clamping: max(1, min(step, rest)))
  }

  /// Looks whether the statement may go on, and ends it otherwise.
  ///
  /// - Returns: whether an answer is still to be waited for.
  func look(at connection: MySQLConnection) -> Bool {
    let now = ContinuousClock.now
    if let killed { return (now - killed).interval < Bounds.interruptionDeadline }
    let isOverdue = (now - heldSince).interval >= limit
    if Task.isCancelled {
      end(connection, .cancelled)
    } else if isOverdue {
      end(connection, lockWaitedFor(connection, isLast: true) == nil ? .overdue : .waitedForLock)
    } else if let lockLimit, let lock = lockWaitedFor(connection, isLast: false) {
      note(lock, at: now)
      if let wait, (now - wait.since).interval >= lockLimit { end(connection, .waitedForLock) }
    } else if lockLimit != nil {
      note(nil, at: now)
    }
    return true
  }

  /// Takes note of what it waits for.
  private func note(_ lock: String?, at now: ContinuousClock.Instant) {
    // It may have begun to wait at any time since the look before.
    if lock != wait?.lock { wait = lock.map { ($0, lastLook) } }
    lastLook = now
    // Until it has waited for its first lock it holds none.
    if let wait, wait.since == began, !holdsLocks { heldSince = now }
  }

  private func end(_ connection: MySQLConnection, _ reason: Reason) {
    self.reason = reason
    killed = .now
    // Without a second connection the statement's own limits on the server have to do.
    _ = try? sideConnection(of: connection).run("KILL QUERY \(connection.id)")
  }

  /// The lock that the statement waits for now, by a name that tells it from others; nil when it
  /// waits for none, or nobody knows.
  private func lockWaitedFor(_ connection: MySQLConnection, isLast: Bool) -> String? {
    guard let side = try? sideConnection(of: connection) else { return nil }
    let state = try? side.scalar(
      "SELECT STATE FROM information_schema.PROCESSLIST WHERE ID = \(connection.id)")
    if let state = state?.text, state.hasPrefix("Waiting for ") { return state }
    return rowLock.lock(waitedForBy: connection.id, on: side, isLast: isLast)
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
  private var answer: String?

  /// InnoDB makes its list anew only when nobody has read it for a tenth of a second.
  private static let pause = Duration.milliseconds(110)

  /// The lock's number; nil for none.
  ///
  /// - Parameter isLast: whether something is decided by this answer, for which the number of waits
  ///   on the whole server has to do where this user may not see the sessions of others.
  mutating func lock(
    waitedForBy session: UInt64, on side: MySQLConnection, isLast: Bool
  ) -> String? {
    if !isLast, let asked, ContinuousClock.now - asked < Self.pause { return answer }
    asked = .now
    let rows = try? side.rows(
      """
      SELECT trx_requested_lock_id FROM information_schema.INNODB_TRX
      WHERE trx_mysql_thread_id = \(session) AND trx_state = 'LOCK WAIT'
      """)
    guard let rows else { return isLast ? Self.anyWait(on: side) : nil }
    answer = rows.first.map { "row \($0.values.first?.text ?? "")" }
    return answer
  }

  private static func anyWait(on side: MySQLConnection) -> String? {
    let row = try? side.rows("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'").first
    guard let count = row?.values.last, count != .text("0"), count != .integer(0) else {
      return nil
    }
    return "row"
  }
}
