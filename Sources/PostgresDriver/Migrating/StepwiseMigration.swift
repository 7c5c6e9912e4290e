import WindlassCore
import WindlassSchema

/// A migration that can't run in one transaction: each step by itself, with a mark of how far it
/// has come, so that a crash is followed by the rest and nothing runs twice.
///
/// The ledger says (N, dirty) meanwhile, which keeps golang-migrate out while its keys are free.
final class StepwiseMigration {
  private let migration: PostgresMigration
  private let connection: PostgresConnection
  private let keys: MigrationKeys
  private let began = ContinuousClock.now
  private var held = Interval.zero

  init(migration: PostgresMigration, connection: PostgresConnection, keys: MigrationKeys) {
    self.migration = migration
    self.connection = connection
    self.keys = keys
  }

  private var step: MigrationStep { migration.step }

  /// Begins, or goes on where an earlier attempt was cut off.
  func apply() throws(StepFailure) -> (outcome: MigrationStep.Outcome, held: Interval) {
    guard var progress = try begin() else { return (.alreadyApplied, .zero) }
    let steps = migration.script.steps
    while progress.done < steps.count {
      do throws(StepFailure) {
        try run(steps[progress.done], &progress)
      } catch {
        try undoIfNothingIsDone(progress, after: error)
        throw error
      }
    }
    try finish(progress)
    return (.applied, held)
  }

  // MARK: Beginning and end

  private func begin() throws(StepFailure) -> MigrationProgress? {
    try transaction { own throws(StepFailure) in
      if let progress = try own.progress(), progress.version == step.body.version {
        guard progress.checksum == step.checksum else { throw changedUnderWay(progress) }
        return progress
      }
      let (version, isDirty) = try own.ledgerRow()
      let outcome = try step.check(
        ledger: version, isDirty: isDirty, history: own.history(of: step.body.version),
        database: connection.place)
      guard outcome == .applied else { return nil }
      let progress = MigrationProgress(
        version: step.body.version, before: version, checksum: step.checksum, run: step.run,
        done: 0, begun: 0)
      try own.writeLedger(step.body.version, isDirty: true)
      try own.write(progress)
      return progress
    }
  }

  private func finish(_ progress: MigrationProgress) throws(StepFailure) {
    let duration = (ContinuousClock.now - began).interval
    try transaction { own throws(StepFailure) in
      guard try own.progress() == progress else { throw lostGround() }
      try own.record([step.entry(duration: duration)])
      try own.endProgress()
    }
  }

  /// Puts the ledger back when the first step failed for good: it took effect as a whole or not at
  /// all, so nothing is half done.
  private func undoIfNothingIsDone(
    _ progress: MigrationProgress, after failure: StepFailure
  ) throws(StepFailure) {
    guard progress.done == 0, failure.disposition == .stop, connection.isAlive,
      failure.code != "FenceLost"
    else { return }
    if connection.isInTransaction { connection.rollBack() }
    try transaction { own throws(StepFailure) in
      guard try own.progress() != nil else { return }
      try own.writeLedger(progress.before)
      try own.endProgress()
    }
  }

  // MARK: Steps

  private func run(
    _ part: PostgresScript.Step, _ progress: inout MigrationProgress
  ) throws(StepFailure) {
    var next = progress
    next.done += 1
    next.begun = next.done
    switch part.action {
    case .transaction:
      try migration.refuseToQueue(behind: part.statements, on: connection)
      try transaction { [next] own throws(StepFailure) in
        guard try own.progress() != nil else { throw lostGround() }
        try migration.run(part.text, on: connection)
        try own.write(next)
      }
    case .maintenance:
      try withoutLimits { () throws(StepFailure) in try connection.run(script: part.text) }
      try mark(next)
    case .concurrent(let kind):
      let wasBegun = progress.begun > progress.done
      let statement = ConcurrentStatement(kind: kind, text: part.text, connection: connection)
      let isDone = try statement.prepare(wasBegun: wasBegun)
      if !isDone {
        var begun = progress
        begun.begun = progress.done + 1
        try mark(begun)
        progress = begun
        // Whoever waits for a key of golang-migrate holds a snapshot, for which this would wait.
        try keys.releaseForeign()
        try withoutLimits { () throws(StepFailure) in try statement.run() }
        try keys.takeForeign()
      }
      try mark(next)
    }
    progress = next
  }

  private func mark(_ progress: MigrationProgress) throws(StepFailure) {
    try transaction { own throws(StepFailure) in
      guard try own.progress() != nil else { throw lostGround() }
      try own.write(progress)
    }
  }

  /// Runs the body without the limits of a transaction that others wait for.
  private func withoutLimits(_ body: () throws(StepFailure) -> Void) throws(StepFailure) {
    let limit = migration.options.concurrentDeadline
    let usual = connection.patience
    connection.patience = limit
    defer { connection.patience = usual }
    try connection.run(
      script: "SET lock_timeout = 0; SET statement_timeout = \(limit.milliseconds)")
    do throws(StepFailure) {
      try body()
    } catch {
      if connection.isAlive { try restoreLimits(usual) }
      throw error
    }
    try restoreLimits(usual)
  }

  private func restoreLimits(_ usual: Interval) throws(StepFailure) {
    try connection.run(
      script: "SET lock_timeout = \(migration.options.lockBudget.milliseconds);"
        + " SET statement_timeout = \(usual.milliseconds)")
  }

  /// Runs the body in a transaction under fence and row locks.
  private func transaction<Result>(
    _ body: (inout PostgresOwnSchema) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    let (result, held) = try connection.transaction(migration.options.migrationLimits) {
      connection throws(StepFailure) -> Result in
      var own = try PostgresOwnSchema(connection, migration.place)
      if case .epoch(let epoch) = step.fence { try own.requireEpoch(epoch) }
      try own.create(recordsCatalogue: false)
      try own.lockRows()
      let result = try body(&own)
      try own.unlockRows()
      return result
    }
    self.held = max(self.held, held)
    return result
  }

  // MARK: Failures

  private func changedUnderWay(_ progress: MigrationProgress) -> StepFailure {
    StepFailure(
      code: "ChangedFile", disposition: .stop,
      message: "Migration \(step.body.file) was begun by run \(progress.run) and has changed since"
        + " (\(progress.done) step(s) are done). Put the old file back to let it go on; publish"
        + " the change as a new migration.")
  }

  private func lostGround() -> StepFailure {
    StepFailure(
      code: "LedgerMoved", disposition: .stop,
      message: "Somebody changed the ledger of \(connection.place) while migration"
        + " \(step.body.version) was under way. Look at `windlass schema`.")
  }
}
