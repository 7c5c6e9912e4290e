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
  /// How long it may stand in the queue for a lock, where the server itself can't be told; nil
  /// where it can.
  private let lockLimit: Interval?
  private var began = ContinuousClock.now
  private var killed: ContinuousClock.Instant?
  private var side: MySQLConnection?
  /// Why the statement was ended; nil while it was not.
  private(set) var reason: Reason?

  /// Makes a watch for one statement.
  init(limit: Interval, lockLimit: Interval? = nil) {
    self.limit = limit
    self.lockLimit = lockLimit
  }

  /// Starts to count.
  func begin() { began = .now }

  /// How long to wait for the server before the next look, in milliseconds.
  var pause: Int32 {
    let step: Int64 = lockLimit.map { max($0.milliseconds / 4, 5) } ?? 100
    guard killed == nil else { return 100 }
    let rest = limit.milliseconds - (ContinuousClock.now - began).interval.milliseconds
    return Int32(clamping: max(1, min(step, rest)))
  }

  /// Looks whether the statement may go on, and ends it otherwise.
  ///
  /// - Returns: whether an answer is still to be waited for.
  func look(at connection: MySQLConnection) -> Bool {
    if let killed {
      return (ContinuousClock.now - killed).interval < Bounds.interruptionDeadline
    }
    if (ContinuousClock.now - began).interval >= limit {
      end(connection, .overdue)
    } else if Task.isCancelled {
      end(connection, .cancelled)
    } else if let lockLimit, (ContinuousClock.now - began).interval >= lockLimit,
      isWaiting(connection)
    {
      end(connection, .waitedForLock)
    }
    return true
  }

  private func end(_ connection: MySQLConnection, _ reason: Reason) {
    self.reason = reason
    killed = .now
    // Without a second connection the statement's own limits on the server have to do.
    _ = try? sideConnection(of: connection).run("KILL QUERY \(connection.id)")
  }

  private func isWaiting(_ connection: MySQLConnection) -> Bool {
    let state = try? sideConnection(of: connection).scalar(
      "SELECT STATE FROM information_schema.PROCESSLIST WHERE ID = \(connection.id)")
    return state?.text?.hasPrefix("Waiting for ") == true
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
