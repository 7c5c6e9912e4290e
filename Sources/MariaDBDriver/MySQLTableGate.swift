import Glibc
import WindlassCore
import WindlassSchema

/// The lock of one table on MariaDB, taken by itself before a change that takes a moment.
///
/// A change that does not get its lock has written and synchronised files by then, which the users
/// of a busy table feel; an attempt at the lock alone costs nothing. The change is sent in the same
/// request, so that nobody stands behind the lock for longer than it takes.
struct MySQLTableGate {
  let connection: MySQLConnection
  let table: String

  /// Runs the statement, which holds no semicolon, once the lock is had: for half of the budget
  /// nobody is made to wait, and for the other half those who come later are.
  ///
  /// - Returns: the moment from which it may have kept others out.
  /// - Throws: `DatabaseLocked` when the lock was not had within the budget.
  func run(
    _ text: String, lockBudget: Interval, holdBudget: Interval
  ) throws(StepFailure) -> ContinuousClock.Instant {
    let half = Interval(milliseconds: max(1, lockBudget.milliseconds / 2))
    let deadline = ContinuousClock.now + .milliseconds(half.milliseconds)
    repeat {
      do throws(StepFailure) {
        return try attempt(text, wait: nil, lockBudget, holdBudget)
      } catch {
        guard error.code == "DatabaseLocked" else { throw error }
      }
      usleep(1_000)
    } while ContinuousClock.now < deadline && !Task.isCancelled
    return try attempt(text, wait: half, lockBudget, holdBudget)
  }

  /// Whether the lock can be had at some moment within a time, without making anybody wait; true
  /// where this user may not take it, so that nothing is known.
  func isFree(within budget: Interval) throws(StepFailure) -> Bool {
    let deadline = ContinuousClock.now + .milliseconds(budget.milliseconds)
    repeat {
      do throws(StepFailure) {
        _ = try connection.run(together: [lock, Self.unlock])
        return true
      } catch {
        guard !connection.isLost else { throw error }
        guard error.code == "DatabaseLocked" else { return true }
      }
      usleep(1_000)
    } while ContinuousClock.now < deadline && !Task.isCancelled
    return false
  }

  private var lock: SQLStatement { SQLStatement("LOCK TABLES \(MySQLText.quoted(table)) WRITE") }
  private static let unlock = SQLStatement("UNLOCK TABLES")

  private func attempt(
    _ text: String, wait: Interval?, _ lockBudget: Interval, _ holdBudget: Interval
  ) throws(StepFailure) -> ContinuousClock.Instant {
    let usual = limits(wait: 0, connection.statementLimit)
    var requests = [lock, usual, SQLStatement(text), Self.unlock]
    // The server itself ends the wait: to the millisecond, and whatever becomes of this process.
    if let wait { requests.insert(limits(wait: 1, wait), at: 0) }
    let began = ContinuousClock.now
    do throws(StepFailure) {
      _ = try connection.run(together: requests, within: holdBudget + (wait ?? .zero))
      return began
    } catch {
      let (number, answered) = (connection.errorNumber, connection.answered)
      if !connection.isLost { _ = try connection.run(together: [Self.unlock, usual]) }
      connection.errorNumber = number
      // A user without the right to lock tables, or a change that is not made under such a lock,
      // goes on without; the change by itself was admitted before.
      if [1044, 1099, 1100, 1142].contains(number) {
        throw .lockNotFree(within: lockBudget, connection.address.name)
      }
      guard error.code == "Interrupted" else { throw error }
      let held = (ContinuousClock.now - began).interval
      // Without the answer to LOCK TABLES it was that which the server gave up, and nothing was
      // held, however late this process heard of it.
      let hadLock = answered >= requests.count - 3
      guard hadLock, held > holdBudget else {
        throw .lockNotFree(within: lockBudget, connection.address.name)
      }
      throw StepFailure(
        code: "HoldBudgetExceeded", disposition: .stop,
        message: "A change of \(table) on \(connection.address.name) kept others out for more than"
          + " \(holdBudget) and was ended; the server took it back. Raise `database.holdBudget`.")
    }
  }

  private func limits(wait seconds: Int, _ limit: Interval) -> SQLStatement {
    SQLStatement(
      "SET SESSION lock_wait_timeout = \(seconds),"
        + " max_statement_time = \(Double(limit.milliseconds) / 1_000)")
  }
}
