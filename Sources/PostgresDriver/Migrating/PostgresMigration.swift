import WindlassCore
import WindlassSchema

/// One migration with everything that is checked and written with it.
struct PostgresMigration {
  let step: MigrationStep
  let script: PostgresScript
  let place: LedgerPlace
  let options: PostgresServiceOptions

  /// Reads the body's text.
  init(
    _ step: MigrationStep, place: LedgerPlace, options: PostgresServiceOptions
  ) throws(StepFailure) {
    self.step = step
    self.place = place
    self.options = options
    do throws(SQLTokenError) {
      script = try PostgresScript(step.body.text)
    } catch {
      throw StepFailure(
        code: "MigrationRefused", disposition: .stop,
        message: "\(step.body.file):\(error.line): \(error.reason). Correct the file.")
    }
  }

  /// The failure for a body that is not run; nil for one that is.
  static func refusal(of body: MigrationBody, ledger: PostgresLedger) -> StepFailure? {
    PostgresClassifier(ledgerTable: ledger.table).findings(in: body.text, file: body.file).failure
  }

  /// Makes one attempt: takes the keys, checks, migrates, and gives the keys back.
  ///
  /// - Throws: `.retry` when a lock was not had; nothing is changed then, or what is done is kept
  ///   and the next attempt goes on behind it.
  /// - Returns: what happened, and how long the longest transaction took.
  func attempt(
    on connection: PostgresConnection
  ) throws(StepFailure) -> (outcome: MigrationStep.Outcome, held: Interval) {
    try refuseToQueue(behind: script.statements, on: connection)
    let keys = try MigrationKeys(connection, place)
    defer { keys.releaseAll() }
    do throws(StepFailure) {
      if let text = script.atomicText { return try applyAtOnce(text, on: connection) }
      return try StepwiseMigration(migration: self, connection: connection, keys: keys).apply()
    } catch {
      throw try explained(error, on: connection)
    }
  }

  /// Fails while a transaction is open that the statements would have to wait for: whoever came
  /// behind them would wait as well.
  func refuseToQueue(
    behind statements: [PostgresStatement], on connection: PostgresConnection
  ) throws(StepFailure) {
    let blockers = try connection.blockers(of: statements, olderThan: options.lockBudget)
    guard blockers.isEmpty else { throw blockers.failure(place: connection.place) }
  }

  /// A lock's failure with those who hold it, and a lost commit as what it is: the next attempt
  /// reads back whether it happened.
  private func explained(
    _ failure: StepFailure, on connection: PostgresConnection
  ) throws(StepFailure) -> StepFailure {
    var failure = failure
    if failure.code == "OutcomeUnknown" { failure.disposition = .retry }
    guard failure.code == "DatabaseLocked", connection.isAlive, !connection.isInTransaction else {
      return failure
    }
    let blockers = try connection.blockers(of: script.statements, olderThan: .zero)
    return blockers.isEmpty ? failure : blockers.failure(place: connection.place)
  }

  /// Body, ledger, history and fence in one transaction.
  private func applyAtOnce(
    _ text: String, on connection: PostgresConnection
  ) throws(StepFailure) -> (outcome: MigrationStep.Outcome, held: Interval) {
    let (outcome, held) = try connection.transaction(options.migrationLimits) {
      connection throws(StepFailure) -> MigrationStep.Outcome in
      var own = try PostgresOwnSchema(connection, place)
      if case .epoch(let epoch) = step.fence { try own.requireEpoch(epoch) }
      try own.create()
      let (version, isDirty) = try own.ledgerRow()
      let outcome = try step.check(
        ledger: version, isDirty: isDirty, history: own.history(), database: connection.place)
      guard outcome == .applied else { return outcome }
      try own.lockRows()
      let began = ContinuousClock.now
      try run(text, on: connection)
      try own.record(step.entry(duration: (ContinuousClock.now - began).interval))
      try own.unlockRows()
      return .applied
    }
    return (outcome, held)
  }

  /// Runs a text of statements inside the transaction that is open.
  func run(_ text: String, on connection: PostgresConnection) throws(StepFailure) {
    // A text without statements is no error to the other tool either.
    guard text.utf8.contains(where: { $0 > 0x20 }) else { return }
    do throws(StepFailure) {
      try connection.run(script: text)
    } catch {
      throw error.code == "DatabaseLocked" || error.code == "Interrupted"
        ? error : step.rolledBack(error)
    }
  }
}
