import WindlassCore
import WindlassSchema

/// Migrations one after the other on one connection.
///
/// Each has its own intents, and nothing runs before they are durable. The end of one is written
/// with the beginning of the next; golang-migrate's lock is kept for as long as an end waits.
final class MySQLSeries {
  private let work: MySQLWork
  private let checkpoint: @Sendable (String) -> Void
  private let endings = MySQLEndings()
  /// The migration whose end waits, and the connection on which it does.
  private var last: (step: MigrationStep, connection: MySQLConnection)?
  /// The migration that was read while the one before it was on its way.
  private var read: (step: MigrationStep, statements: [MySQLStatement])?
  /// The connection that has golang-migrate's lock.
  private weak var locked: MySQLConnection?

  init(_ work: MySQLWork, checkpoint: @escaping @Sendable (String) -> Void) {
    self.work = work
    self.checkpoint = checkpoint
  }

  /// Takes note of whether backfills may be under way, as long as the connection lasts.
  func note(mayHaveBackfills: Bool) { endings.mayHaveBackfills = mayHaveBackfills }

  /// The history's lines that were written since this was asked last.
  func takeWritten() -> [HistoryEntry] { endings.takeWritten() }

  /// Makes one attempt at a migration; the end of it may wait. The caller holds Windlass's lock.
  ///
  /// - Parameter next: the one that follows it, whose table is looked at on the way.
  func apply(_ step: MigrationStep, before next: MigrationStep? = nil) throws(StepFailure) {
    try recover()
    try perform(step, before: next, owes: true)
  }

  /// Writes the end that waits, if one does.
  func settle() throws(StepFailure) {
    try recover()
    guard let last else { return }
    try execution(last.step, last.connection).settle()
    self.last = nil
    try release()
  }

  /// Finds out what became of the migration whose end was to be written on a connection that is
  /// lost.
  private func recover() throws(StepFailure) {
    let connection = try work.connection()
    guard let last, last.connection !== connection else { return }
    try takeLock(on: connection)
    endings.forget()
    endings.mayHaveBackfills = true
    let known = try work.own().historyEntry(of: last.step.body.version)
    if let known, known.run == last.step.run, known.checksum == last.step.checksum {
      endings.note(known)
    } else {
      try perform(last.step, owes: false)
    }
    self.last = nil
    try release()
  }

  private func perform(
    _ step: MigrationStep, before next: MigrationStep? = nil, owes: Bool
  ) throws(StepFailure) {
    let connection = try work.connection()
    try takeLock(on: connection)
    var execution = try execution(step, connection)
    if let read, read.step.body == step.body { execution.statements = read.statements }
    read = nil
    if let next, let statements = try? self.execution(next, connection).split() {
      read = (next, statements)
      execution.next = statements.first.flatMap(Self.table(of:))
    }
    do throws(StepFailure) {
      if try execution.perform(owes: owes) == .alreadyApplied,
        let known = try work.own().historyEntry(of: step.body.version)
      {
        endings.note(known)
      }
    } catch {
      // The one before has ended all the same; on a lost connection that is found out later.
      if !connection.isLost { _ = try? execution.settle() }
      if endings.owed == nil { last = nil }
      throw error
    }
    last = endings.owed == nil ? nil : (step, connection)
    if last == nil { try release() }
  }

  /// The only table that a definition names.
  private static func table(of statement: MySQLStatement) -> MySQLObject? {
    let objects = statement.kind == .definition ? MySQLObject.named(in: statement) : []
    return objects.count == 1 && objects[0].kind == .table ? objects[0] : nil
  }

  private func execution(
    _ step: MigrationStep, _ connection: MySQLConnection
  ) throws(StepFailure) -> MySQLExecution {
    let locks = try work.locks()
    return MySQLExecution(
      connection: connection, options: work.options, step: step, checkpoint: checkpoint,
      endings: endings, locks: [locks.ownName, locks.sharedName])
  }

  private func takeLock(on connection: MySQLConnection) throws(StepFailure) {
    guard locked !== connection else { return }
    let locks = try work.locks()
    try locks.take(locks.sharedName)
    locked = connection
  }

  private func release() throws(StepFailure) {
    guard let connection = locked else { return }
    locked = nil
    // The lock of a connection that is gone went with it.
    guard !connection.isLost, try work.connection() === connection else { return }
    let locks = try work.locks()
    locks.release(locks.sharedName)
  }
}
