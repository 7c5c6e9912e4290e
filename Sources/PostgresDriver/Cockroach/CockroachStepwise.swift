import WindlassCore
import WindlassSchema

/// A migration with definitions in it, statement by statement.
///
/// The ledger says (N, dirty) meanwhile. Before a definition runs the journal says so and keeps the
/// schema as it was; behind it all its jobs are waited for. Whatever is cut off is looked at again:
/// an unchanged schema proves that nothing happened, a changed one with no failed job that all of
/// it did, and anything else stays dirty with its position.
final class CockroachStepwise {
  let migration: CockroachMigration
  let connection: PostgresConnection
  let lock: CockroachLock
  private let began = ContinuousClock.now
  private var held = Interval.zero

  init(migration: CockroachMigration, connection: PostgresConnection, lock: CockroachLock) {
    self.migration = migration
    self.connection = connection
    self.lock = lock
  }

  var step: MigrationStep { migration.step }
  var steps: [CockroachScript.Step] { migration.script.steps }

  /// Begins, or goes on where an earlier attempt was cut off.
  func apply() throws(StepFailure) -> (outcome: MigrationStep.Outcome, held: Interval) {
    guard var progress = try begin() else { return (.alreadyApplied, .zero) }
    try checkText(progress)
    for statement in steps.prefix(progress.common.done).flatMap(\.statements)
    where statement.begins(with: "SET") {
      try connection.run(script: statement.text)
    }
    while progress.common.done < steps.count {
      let next = steps[progress.common.done]
      switch next.kind {
      case .rows: try runRows(next, &progress)
      case .definition: try runDefinition(next, &progress)
      }
    }
    try finish(progress)
    return (.applied, held)
  }

  // MARK: Beginning and end

  private func begin() throws(StepFailure) -> CockroachProgress? {
    try transaction { own throws(StepFailure) in
      if let progress = try own.cockroachProgress(),
        progress.common.version == step.body.version
      {
        return progress
      }
      let (version, isDirty) = try own.ledgerRow()
      let outcome = try step.check(
        ledger: version, isDirty: isDirty, history: own.history(of: step.body.version),
        database: connection.place)
      guard outcome == .applied else { return nil }
      let progress = CockroachProgress(
        common: MigrationProgress(
          version: step.body.version, before: version, checksum: step.checksum, run: step.run,
          done: 0, begun: 0),
        prefix: CockroachProgress.digest(of: []), statement: Digest(""),
        beganAt: Timestamp(milliseconds: 0), catalogue: "")
      try own.writeLedger(step.body.version, isDirty: true)
      try own.write(progress)
      return progress
    }
  }

  /// Fails when the file no longer says what is done of it.
  private func checkText(_ progress: CockroachProgress) throws(StepFailure) {
    let done = progress.common.done
    guard done > steps.count || CockroachProgress.digest(of: steps.prefix(done)) != progress.prefix
    else { return }
    throw StepFailure(
      code: "ChangedFile", disposition: .stop,
      message:
        "Migration \(step.body.file) was begun by run \(progress.common.run), and what is done"
        + " of it (\(done) statement(s)) has changed in the file since. Put those statements back"
        + " to let it go on; only what comes behind them may be corrected.")
  }

  private func finish(_ progress: CockroachProgress) throws(StepFailure) {
    let duration = (ContinuousClock.now - began).interval
    try transaction { own throws(StepFailure) in
      try requireGround(own, progress)
      try own.record([step.entry(duration: duration)])
      try own.endProgress()
    }
  }

  // MARK: Steps

  private func runRows(
    _ next: CockroachScript.Step, _ progress: inout CockroachProgress
  ) throws(StepFailure) {
    let before = progress
    let after = advanced(progress)
    do throws(StepFailure) {
      try transaction { own throws(StepFailure) in
        try requireGround(own, before)
        for statement in next.statements { try migration.run(statement, on: connection) }
        try own.write(after)
      }
    } catch {
      guard error.disposition == .stop, connection.isAlive, error.code != "FenceLost",
        error.code != "OutcomeUnknown"
      else { throw error }
      throw try stopped(before, after: error)
    }
    progress = after
  }

  private func runDefinition(
    _ next: CockroachScript.Step, _ progress: inout CockroachProgress
  ) throws(StepFailure) {
    guard let statement = next.statements.first else { return }
    var isDone = false
    if progress.isUnderWay { isDone = try wasApplied(statement, progress) }
    if !isDone {
      try intend(next, &progress)
      do throws(StepFailure) {
        try runAlone(statement)
        try requireSuccess(of: statement, progress)
      } catch {
        isDone = try resolve(error, of: statement, &progress)
        if !isDone { return }
      }
    }
    let after = advanced(progress)
    let before = progress
    try transaction { own throws(StepFailure) in
      try requireGround(own, before)
      try own.write(after)
    }
    progress = after
  }

  /// Notes that the statement is about to run, with the schema that it finds.
  private func intend(
    _ next: CockroachScript.Step, _ progress: inout CockroachProgress
  ) throws(StepFailure) {
    var begun = progress
    begun.common.begun = begun.common.done + 1
    begun.statement = SHA256.digest(of: next.text)
    begun.beganAt = try connection.serverClock()
    begun.catalogue = try CockroachProgress.encoded(try catalogue(), place: connection.place)
    let before = progress
    try transaction { own throws(StepFailure) in
      try requireGround(own, before)
      try own.write(begun)
    }
    progress = begun
  }

  /// The schema as it is now.
  func catalogue() throws(StepFailure) -> Catalogue {
    let place = migration.place
    return try connection.snapshot { connection throws(StepFailure) in
      try connection.catalogue(place, countsRows: false)
    }
  }

  /// Runs a definition as a transaction of its own; the statement waits for its jobs, in which
  /// nobody queues behind it, so that it gets time.
  private func runAlone(_ statement: PostgresStatement) throws(StepFailure) {
    let limit = migration.options.concurrentDeadline
    let usual = connection.patience
    connection.patience = limit
    defer { connection.patience = usual }
    try connection.run(
      script: "SET lock_timeout = 0; SET statement_timeout = \(limit.milliseconds)")
    do throws(StepFailure) {
      try connection.run(script: migration.lineAligned(statement))
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

  private func advanced(_ progress: CockroachProgress) -> CockroachProgress {
    var next = progress
    next.common.done += 1
    next.common.begun = next.common.done
    next.common.checksum = step.checksum
    next.common.run = step.run
    next.prefix = CockroachProgress.digest(of: steps.prefix(next.common.done))
    next.catalogue = ""
    return next
  }

  /// Runs the body in a transaction under fence and lock.
  func transaction<Result>(
    _ body: (inout PostgresOwnSchema) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    let (result, held) = try migration.transaction(lock, on: connection, body)
    self.held = max(self.held, held)
    return result
  }

  /// Fails when somebody else changed the ledger or the journal.
  func requireGround(
    _ own: PostgresOwnSchema, _ progress: CockroachProgress
  ) throws(StepFailure) {
    guard try own.cockroachProgress() != progress else { return }
    throw StepFailure(
      code: "LedgerMoved", disposition: .stop,
      message: "Somebody changed the ledger of \(connection.place) while migration"
        + " \(step.body.version) was under way. Look at `windlass schema`.")
  }
}
