import WindlassCore
import WindlassSchema

/// One migration on CockroachDB with everything that is checked and written with it.
struct CockroachMigration {
  let step: MigrationStep
  let script: CockroachScript
  let place: LedgerPlace
  let options: PostgresServiceOptions

  /// Reads the body's text.
  init(
    _ step: MigrationStep, place: LedgerPlace, options: PostgresServiceOptions
  ) throws(StepFailure) {
    self.step = step
    self.place = place
    self.options = options
    if let refusal = Self.refusal(of: step.body, ledger: options.ledger) { throw refusal }
    do throws(SQLTokenError) {
      script = try CockroachScript(step.body.text)
    } catch {
      throw StepFailure(
        code: "MigrationRefused", disposition: .stop,
        message: "\(step.body.file):\(error.line): \(error.reason). Correct the file.")
    }
  }

  /// The failure for a body that is not run; nil for one that is.
  static func refusal(of body: MigrationBody, ledger: PostgresLedger) -> StepFailure? {
    CockroachClassifier(ledgerTable: ledger.table, lockTable: ledger.lockTable)
      .findings(in: body.text, file: body.file).failure
  }

  /// Makes one attempt: takes the lock, checks, migrates, and gives the lock back.
  ///
  /// - Throws: `.retry` when the lock was not had, or an outcome is not known; the next attempt
  ///   finds out what is done.
  /// - Returns: what happened, and how long the longest transaction took.
  func attempt(
    on connection: PostgresConnection
  ) throws(StepFailure) -> (outcome: MigrationStep.Outcome, held: Interval) {
    do throws(StepFailure) {
      try CockroachTables.make(place, on: connection)
      let lock = try CockroachLock(connection, place)
      defer { lock.release() }
      let isUnderWay = try connection.snapshot { connection throws(StepFailure) in
        try PostgresOwnSchema(connection, place).progress()?.version == step.body.version
      }
      guard isUnderWay || !script.isAtomic else { return try applyAtOnce(lock, connection) }
      return try CockroachStepwise(migration: self, connection: connection, lock: lock).apply()
    } catch {
      var failure = error
      failure.repeatIfOutcomeIsUnknown()
      throw failure
    }
  }

  /// Changes of rows, ledger, history and fence in one transaction.
  private func applyAtOnce(
    _ lock: CockroachLock, _ connection: PostgresConnection
  ) throws(StepFailure) -> (outcome: MigrationStep.Outcome, held: Interval) {
    let (outcome, held) = try transaction(lock, on: connection) {
      own throws(StepFailure) -> MigrationStep.Outcome in
      let (version, isDirty) = try own.ledgerRow()
      let outcome = try step.check(
        ledger: version, isDirty: isDirty, history: own.history(of: step.body.version),
        database: connection.place)
      guard outcome == .applied else { return outcome }
      let began = ContinuousClock.now
      for statement in script.statements { try run(statement, on: connection) }
      try own.record([step.entry(duration: (ContinuousClock.now - began).interval)])
      return .applied
    }
    return (outcome, held)
  }

  /// Runs the body in a transaction that can only be committed while fence and lock are this run's.
  func transaction<Result>(
    _ lock: CockroachLock, on connection: PostgresConnection,
    _ body: (inout PostgresOwnSchema) throws(StepFailure) -> Result
  ) throws(StepFailure) -> (result: Result, held: Interval) {
    try connection.transaction(options.migrationLimits) { connection throws(StepFailure) in
      var own = try PostgresOwnSchema(connection, place)
      if case .epoch(let epoch) = step.fence { try own.requireEpoch(epoch) }
      try lock.require()
      try own.create(recordsCatalogue: false)
      return try body(&own)
    }
  }

  /// Runs a change of rows inside the transaction that is open.
  func run(_ statement: PostgresStatement, on connection: PostgresConnection) throws(StepFailure) {
    do throws(StepFailure) {
      try connection.run(script: lineAligned(statement))
    } catch {
      throw ["ConnectionLost", "DatabaseBusy", "DatabaseLocked", "Interrupted"]
        .contains(error.code) ? error : step.rolledBack(error)
    }
  }

  /// The statement behind empty lines, so that the server counts the file's own.
  func lineAligned(_ statement: PostgresStatement) -> String {
    String(repeating: "\n", count: statement.line - 1) + statement.text
  }
}
