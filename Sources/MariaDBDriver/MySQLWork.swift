import WindlassCore
import WindlassSchema

/// Connections and locks of one piece of work on a database: a connection is kept while it is
/// whole, and a new one is made after a failure.
final class MySQLWork {
  let options: MySQLServiceOptions
  private let name: String
  private var current: MySQLConnection?
  /// Whether Windlass's own lock was taken on the connection, which keeps it to its end.
  private var hasOwnLock = false

  /// Makes the work; nothing is connected yet.
  init(_ options: MySQLServiceOptions, name: String) {
    self.options = options
    self.name = name
  }

  /// The connection.
  func connection() throws(StepFailure) -> MySQLConnection {
    if let current, !current.isLost { return current }
    let opened = try options.connect(name)
    current = opened
    hasOwnLock = false
    return opened
  }

  /// Ends the connection, and with it every lock.
  func drop() { current = nil }

  /// What is read and written of Windlass's own.
  func own() throws(StepFailure) -> MySQLOwnSchema {
    MySQLOwnSchema(connection: try connection(), ledger: options.ledger)
  }

  /// The named locks.
  func locks() throws(StepFailure) -> MySQLLocks {
    MySQLLocks(connection: try connection(), ledger: options.ledger)
  }

  /// Tries until the attempt succeeds, fails for good, or the deadline for locks is over; between
  /// attempts nothing is held.
  ///
  /// - Parameter epoch: the fence's number; a session of an earlier attempt under the same or an
  ///   older number that still holds Windlass's lock is ended. Nil ends nobody's session.
  func retrying<Result>(
    epoch: Epoch? = nil, deadline: Interval? = nil,
    _ attempt: () throws(StepFailure) -> Result
  ) async throws(StepFailure) -> Result {
    try await LockBackoff.retrying(
      deadline: deadline ?? options.lockDeadline, overdue: MySQLBlockers.overdue
    ) { () async throws(StepFailure) in try await once(epoch: epoch, attempt) }
  }

  /// Makes one attempt under Windlass's own lock; a connection on which it failed is dropped.
  func once<Result>(
    epoch: Epoch?, _ attempt: () throws(StepFailure) -> Result
  ) async throws(StepFailure) -> Result {
    do throws(StepFailure) {
      try await takeOwnLock(epoch: epoch)
      return try attempt()
    } catch {
      drop()
      throw error
    }
  }

  /// Runs the body under the lock that golang-migrate takes as well, and gives it back.
  func withSharedLock<Result>(
    _ body: () throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    let locks = try locks()
    try locks.take(locks.sharedName)
    defer { locks.release(locks.sharedName) }
    return try body()
  }

  private func takeOwnLock(epoch: Epoch?) async throws(StepFailure) {
    let locks = try locks()
    guard !hasOwnLock else { return }
    do throws(StepFailure) {
      try locks.take(locks.ownName)
    } catch {
      guard error.code == "DatabaseLocked", let epoch, let orphan = try orphan(locks, epoch) else {
        throw error
      }
      try await locks.end(orphan)
      try locks.take(locks.ownName)
    }
    hasOwnLock = true
  }

  /// The session that holds Windlass's lock for an attempt that this one replaces.
  private func orphan(_ locks: MySQLLocks, _ epoch: Epoch) throws(StepFailure) -> Int64? {
    guard try own().tables().contains(OwnTables.step),
      let last = try MySQLStepJournal(connection: locks.connection).last(), !last.isDone,
      let other = last.epoch, other <= epoch,
      try locks.holder(of: locks.ownName) == last.session
    else { return nil }
    return last.session
  }
}
