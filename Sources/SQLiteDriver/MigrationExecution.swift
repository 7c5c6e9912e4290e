import WindlassCore
import WindlassSchema

/// One migration with everything that is checked and written in its own transaction.
struct MigrationExecution: Sendable {
  var step: MigrationStep
  var ledger: SQLiteLedger

  /// Checks fence, history and ledger, runs the body, and writes ledger and history; the caller
  /// has opened the transaction and commits it.
  func perform(on connection: SQLiteConnection) throws(StepFailure) -> MigrationStep.Outcome {
    let own = OwnSchema(connection: connection, ledger: ledger)
    if case .epoch(let epoch) = step.fence { try own.requireEpoch(epoch) }
    try own.create()
    let (version, isDirty) = try own.ledgerRow()
    let outcome = try step.check(
      ledger: version, isDirty: isDirty, history: own.history(), database: connection.path)
    guard outcome == .applied else { return outcome }
    let began = ContinuousClock.now
    try run(on: connection)
    try own.record(step.entry(duration: (ContinuousClock.now - began).interval))
    return .applied
  }

  private func run(on connection: SQLiteConnection) throws(StepFailure) {
    do throws(StepFailure) {
      try StatementGuard.guarding(connection, ledger: ledger) { () throws(StepFailure) in
        try connection.run(script: step.body.text)
      }
    } catch {
      throw step.rolledBack(error)
    }
  }
}
