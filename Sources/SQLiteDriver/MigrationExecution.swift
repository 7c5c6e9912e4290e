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
    let outcome = try check(own, history: own.history())
    guard outcome == .applied else { return outcome }
    try own.record([run(on: connection)])
    try own.recordCatalogue()
    return .applied
  }

  /// The same as one of a series under the lock between processes, whose history is known and whose
  /// catalogue is recorded at its end.
  func perform(
    on connection: SQLiteConnection, in series: MigrationSeries
  ) throws(StepFailure) -> HistoryEntry {
    let own = OwnSchema(connection: connection, ledger: ledger)
    let isFirst = step.body.version == series.first
    if isFirst { try own.create() }
    // The forecast named it as pending, so its own history can't hold it.
    _ = try check(own, history: [])
    let entry = try run(on: connection)
    try own.record([entry], makesLedger: isFirst)
    if step.body.version == series.last {
      try own.recordCatalogue()
    } else if isFirst {
      // A series that is cut off has no record, rather than one that is not true any more.
      try own.forgetCatalogue()
    }
    return entry
  }

  /// The same of several in one transaction, of which all are kept or none: ledger, history and
  /// catalogue are written behind the last one, so that SQLite compiles no statement for each.
  ///
  /// As in a series, bodies behind the first one find the ledger's table, which is empty until the
  /// end.
  static func perform(
    _ batch: [Self], on connection: SQLiteConnection
  ) throws(StepFailure) -> [HistoryEntry] {
    guard let first = batch.first else { return [] }
    let own = OwnSchema(connection: connection, ledger: first.ledger)
    try own.create()
    _ = try first.check(own, history: [])
    var entries: [HistoryEntry] = []
    for execution in batch {
      entries.append(try execution.run(on: connection))
      if entries.count == 1 { try own.makeLedger() }
    }
    // No body may have written what is about to be written.
    _ = try first.check(own, history: [])
    try own.record(entries)
    try own.recordCatalogue()
    return entries
  }

  private func check(
    _ own: OwnSchema, history: [HistoryEntry]
  ) throws(StepFailure) -> MigrationStep.Outcome {
    let (version, isDirty) = try own.ledgerRow()
    return try step.check(
      ledger: version, isDirty: isDirty, history: history, database: own.connection.path)
  }

  private func run(on connection: SQLiteConnection) throws(StepFailure) -> HistoryEntry {
    let began = ContinuousClock.now
    do throws(StepFailure) {
      try StatementGuard.guarding(connection, ledger: ledger) { () throws(StepFailure) in
        try connection.run(script: step.body.text)
      }
    } catch {
      throw step.rolledBack(error)
    }
    return step.entry(duration: (ContinuousClock.now - began).interval)
  }
}

/// The migrations that one command applies, by their ends.
struct MigrationSeries: Hashable, Sendable {
  var first: SchemaVersion?
  var last: SchemaVersion?
}
