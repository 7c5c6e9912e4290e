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
      script = try PostgresScript(step.body.text, options.url.dialect)
    } catch {
      throw StepFailure(
        code: "MigrationRefused", disposition: .stop,
        message: "\(step.body.file):\(error.line): \(error.reason). Correct the file.")
    }
  }

  /// The failure for a body that is not run; nil for one that is.
  static func refusal(
    of body: MigrationBody, _ options: PostgresServiceOptions
  ) -> StepFailure? {
    let ledger = options.ledger
    if options.url.dialect == .cockroachdb {
      return CockroachMigration.refusal(of: body, ledger: ledger)
    }
    let findings =
      PostgresClassifier(ledgerTable: ledger.table).findings(in: body.text, file: body.file)
      + Backfill.findings(in: body, dialect: .postgres)
    return findings.failure
  }

  /// Makes one attempt: takes the keys, checks, migrates, records the schema, and gives the keys
  /// back.
  ///
  /// - Throws: `.retry` when a lock was not had; nothing is changed then, or what is done is kept
  ///   and the next attempt goes on behind it.
  /// - Returns: what happened, and how long the longest transaction took that holds locks.
  func attempt(
    on connection: PostgresConnection
  ) throws(StepFailure) -> (outcome: MigrationStep.Outcome, held: Interval) {
    if connection.dialect == .cockroachdb {
      let result = try CockroachMigration(step, place: place, options: options)
        .attempt(on: connection)
      try Self.recordCatalogue(place, options, on: connection)
      return result
    }
    try refuseToQueue(behind: script.statements, on: connection)
    let keys = try MigrationKeys(connection, place)
    defer { keys.releaseAll() }
    let result = try underKeys(keys, on: connection)
    try Self.recordCatalogue(place, options, on: connection)
    return result
  }

  /// Makes one attempt as one of a series, at whose end the schema is recorded.
  ///
  /// - Parameter isComplete: whether the tables of Windlass and the ledger are known to exist; set
  ///   when they are.
  /// - Returns: the migration's line in the history.
  func attemptInSeries(
    on connection: PostgresConnection, isComplete: inout Bool
  ) throws(StepFailure) -> HistoryEntry? {
    if connection.dialect == .cockroachdb {
      _ = try CockroachMigration(step, place: place, options: options).attempt(on: connection)
      return try PostgresOwnSchema(connection, place).history(of: step.body.version).first
    }
    guard script.atomicText == nil else {
      return try explaining(on: connection) { () throws(StepFailure) in
        try Self.applyAtOnce(
          [self], on: connection, limits: options.migrationLimits, isComplete: &isComplete
        ).entries.first
      }
    }
    try refuseToQueue(behind: script.statements, on: connection)
    let keys = try MigrationKeys(connection, place)
    defer { keys.releaseAll() }
    _ = try underKeys(keys, on: connection)
    return try PostgresOwnSchema(connection, place).history(of: step.body.version).first
  }

  /// Records the schema where no record is, in a transaction that keeps nobody out.
  ///
  /// - Throws: `.retry` also when the reply to its commit was lost: the next attempt finds the
  ///   record.
  static func recordCatalogue(
    _ place: LedgerPlace, _ options: PostgresServiceOptions, on connection: PostgresConnection
  ) throws(StepFailure) {
    do throws(StepFailure) {
      _ = try connection.transaction(options.ownLimits) { connection throws(StepFailure) in
        let own = try PostgresOwnSchema(connection, place)
        guard own.has(OwnTables.catalogue) else { return }
        try own.recordCatalogueIfMissing()
      }
    } catch {
      var failure = error
      failure.repeatIfOutcomeIsUnknown()
      throw failure
    }
  }

  private func underKeys(
    _ keys: MigrationKeys, on connection: PostgresConnection
  ) throws(StepFailure) -> (outcome: MigrationStep.Outcome, held: Interval) {
    try explaining(on: connection) { () throws(StepFailure) in
      guard script.atomicText == nil else {
        var isComplete = false
        let (result, _, held) = try Self.applyAtOnce(
          [self], on: connection, limits: options.migrationLimits, isComplete: &isComplete)
        return (result, held)
      }
      return try StepwiseMigration(migration: self, connection: connection, keys: keys).apply()
    }
  }

  private func explaining<Result>(
    on connection: PostgresConnection, _ body: () throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    do throws(StepFailure) {
      return try body()
    } catch {
      throw try explained(error, on: connection)
    }
  }

  /// Fails while a transaction is open that the statements would have to wait for: whoever came
  /// behind them would wait as well.
  func refuseToQueue(
    behind statements: [PostgresStatement], on connection: PostgresConnection
  ) throws(StepFailure) {
    let blockers = try connection.blockers(of: statements, olderThan: options.blockerAge)
    guard blockers.isEmpty else { throw blockers.failure(place: connection.place) }
  }

  /// A lock's failure with those who hold it, and a lost commit as what it is: the next attempt
  /// reads back whether it happened.
  private func explained(
    _ failure: StepFailure, on connection: PostgresConnection
  ) throws(StepFailure) -> StepFailure {
    var failure = failure
    failure.repeatIfOutcomeIsUnknown()
    guard failure.code == "DatabaseLocked", connection.isAlive, !connection.isInTransaction else {
      return failure
    }
    let blockers = try connection.blockers(of: script.statements, olderThan: .zero)
    return blockers.isEmpty ? failure : blockers.failure(place: connection.place)
  }

  /// Bodies, ledger, history and fence in one transaction, in which the keys are taken.
  ///
  /// - Parameters:
  ///   - migrations: ascending, none of which needs steps; what is true of the first one is true of
  ///     all.
  ///   - isComplete: whether the tables of Windlass and the ledger are known to exist; set when
  ///     they are.
  static func applyAtOnce(
    _ migrations: [PostgresMigration], on connection: PostgresConnection, limits: PostgresLimits,
    isComplete: inout Bool
  ) throws(StepFailure) -> (
    outcome: MigrationStep.Outcome, entries: [HistoryEntry], held: Interval
  ) {
    guard let first = migrations.first else { return (.applied, [], .zero) }
    let opening = PostgresOpening(
      migrations, on: connection, readsLedger: isComplete && first.step.fence == .none)
    let (result, held) = try connection.transaction(limits, beginningWith: opening.statements) {
      connection, answers throws(StepFailure) -> (MigrationStep.Outcome, [HistoryEntry], Bool) in
      var (own, ledger, history) = try opening.read(answers)
      let outcome = try first.step.check(
        ledger: ledger.version, isDirty: ledger.isDirty, history: history,
        database: connection.place)
      guard outcome == .applied else { return (outcome, history, own.isComplete) }
      try own.lockRows()
      let entries = try run(migrations, on: connection)
      try own.record(entries)
      try own.unlockRows()
      return (.applied, entries, own.isComplete)
    }
    isComplete = result.2
    return (result.0, result.1, held)
  }

  /// Runs the bodies inside the transaction that is open, where there are several without waiting
  /// for each before the next is sent.
  private static func run(
    _ migrations: [PostgresMigration], on connection: PostgresConnection
  ) throws(StepFailure) -> [HistoryEntry] {
    var entries: [HistoryEntry] = []
    var rest = migrations[...]
    while let next = rest.first {
      let plain = rest.prefix { $0.script.plainStatements != nil }
      if plain.count > 1 {
        entries += try stream(plain, on: connection)
        rest = rest.dropFirst(plain.count)
        continue
      }
      let began = ContinuousClock.now
      try next.run(next.script.atomicText ?? "", on: connection)
      entries.append(next.step.entry(duration: (ContinuousClock.now - began).interval))
      rest = rest.dropFirst()
    }
    return entries
  }

  private static func stream(
    _ migrations: ArraySlice<PostgresMigration>, on connection: PostgresConnection
  ) throws(StepFailure) -> [HistoryEntry] {
    var entries: [HistoryEntry] = []
    var next = migrations.startIndex
    let pipeline = try PostgresPipeline(connection)
    var began = ContinuousClock.now
    for migration in migrations {
      while next < migrations.endIndex, pipeline.count < requestsMax {
        let statements = migrations[next].script.plainStatements ?? []
        try pipeline.send(statements.map { PipelineStatement(once: $0.textInPlace) })
        next += 1
      }
      if let failure = try pipeline.receive().failure?.failure {
        try pipeline.close()
        throw migration.explaining(failure)
      }
      let now = ContinuousClock.now
      entries.append(migration.step.entry(duration: (now - began).interval))
      began = now
    }
    try pipeline.close()
    return entries
  }

  /// Bodies that are on their way in one transaction at a time.
  private static let requestsMax = 16

  /// Runs a text of statements inside the transaction that is open.
  func run(_ text: String, on connection: PostgresConnection) throws(StepFailure) {
    // A text without statements is no error to the other tool either.
    guard text.utf8.contains(where: { $0 > 0x20 }) else { return }
    do throws(StepFailure) {
      try connection.run(script: text)
    } catch {
      throw explaining(error)
    }
  }

  /// The failure of the body, whose transaction is rolled back.
  private func explaining(_ failure: StepFailure) -> StepFailure {
    failure.code == "DatabaseLocked" || failure.code == "Interrupted"
      ? failure : step.rolledBack(failure)
  }
}
