package import WindlassCore
package import WindlassSchema

/// The migration engine by itself, without a run: what the command line uses.
package actor PostgresMigrator: MigrationEngine {
  private let executor: BlockingExecutor
  private let options: PostgresServiceOptions
  private let now: @Sendable () -> Timestamp

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes an engine; nothing is connected yet.
  ///
  /// - Parameter executor: where it works; nil for a thread of its own.
  package init(
    _ options: PostgresServiceOptions, on executor: BlockingExecutor? = nil,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.options = options
    self.now = now
    self.executor = executor ?? BlockingExecutor(label: "windlass.postgres-migrator")
  }

  package func schema() async throws(StepFailure) -> SchemaReport {
    let connection = try options.connect(for: "schema")
    return try settled(on: connection).report { own throws(StepFailure) in
      let (version, isDirty) = try own.ledgerRow()
      return SchemaReport(
        version: version, isDirty: isDirty, epoch: try own.epoch(),
        systemID: try own.systemID(), committedRun: try own.committedRun(),
        history: try own.history(), drift: try own.drift(),
        interrupted: isDirty ? try own.progress()?.interruption : nil,
        backfill: try own.begunBackfill(on: version))
    }
  }

  package func forecast(
    _ request: MigrateRequest
  ) async throws(StepFailure) -> MigrateForecast {
    let directory = try MigrationDirectory.read(at: request.directory)
    let connection = try options.connect(for: "forecast")
    return try forecast(request, directory, nil, on: connection).describing(
      directory, dialect: .postgres
    ) { backfill throws(StepFailure) in
      try PostgresBackfillTable(backfill.directive, on: connection).estimate(on: connection)
    }
  }

  /// Applies what is pending, each migration under the keys by itself; where there are no tables
  /// yet, and nobody waits for any, many in one transaction.
  package func migrate(
    _ request: MigrateRequest, progress: @escaping @Sendable (MigrateProgress) -> Void
  ) async throws(StepFailure) -> MigrateOutcome {
    let directory = try MigrationDirectory.read(at: request.directory)
    // While the server is reached and asked.
    let sums = MigrationSums(of: directory)
    var session = MigratingSession(options: options)
    // A server that is not reached is told at once, and not tried for as long as a lock is.
    _ = try session.connection()
    let forecast = try await forecast(request, directory, sums, &session)
    guard !forecast.pending.isEmpty else { return MigrateOutcome(forecast: forecast, applied: []) }
    var batches = try batches(forecast, directory, run: request.run)
    if options.url.dialect == .postgres, forecast.from == nil,
      try isWithoutTables(on: session.connection())
    {
      batches = PostgresBatch.joining(batches)
    }
    var applied: [HistoryEntry] = []
    // How often nothing was applied by requests, as where golang-migrate locks by a table.
    var vainStreams = 0
    do throws(StepFailure) {
      while !batches.isEmpty {
        if vainStreams < Self.vainStreamsMax, session.isReadyForRequests {
          let before = applied.count
          try stream(&batches, &session) { entry in
            progress(.applied(entry))
            applied.append(entry)
          }
          vainStreams = applied.count > before ? 0 : vainStreams + 1
        }
        guard !batches.isEmpty else { break }
        let batch = batches.removeFirst()
        do throws(StepFailure) {
          let entries =
            if let entry = try await backfill(batch, session, progress) { [entry] } else {
              try await apply(batch, &session)
            }
          for entry in entries { progress(.applied(entry)) }
          applied += entries
        } catch {
          // One by one, what comes before the wrong one stays, as everywhere else.
          guard batch.steps.count > 1, error.disposition == .stop else { throw error }
          batches = batch.steps.map { PostgresBatch(steps: [$0]) } + batches
        }
      }
    } catch {
      if !applied.isEmpty { try await recordCatalogue(&session) }
      throw error
    }
    try await recordCatalogue(&session)
    return MigrateOutcome(forecast: forecast, applied: applied)
  }

  private func forecast(
    _ request: MigrateRequest, _ directory: MigrationDirectory, _ sums: MigrationSums,
    _ session: inout MigratingSession
  ) async throws(StepFailure) -> MigrateForecast {
    try await options.retrying { () throws(StepFailure) in
      try session.use { connection, _ throws(StepFailure) in
        try forecast(request, directory, sums, on: connection)
      }
    }
  }

  private static let vainStreamsMax = 5

  /// Applies what comes first as requests that do not wait for each other, as far as that goes.
  private func stream(
    _ batches: inout [PostgresBatch], _ session: inout MigratingSession,
    report: (HistoryEntry) -> Void
  ) throws(StepFailure) {
    do throws(StepFailure) {
      try session.use { connection, place throws(StepFailure) in
        try MigrationStream(connection: connection, place: place, options: options)
          .run(&batches, report: report)
      }
    } catch {
      // What became of those on their way is read back by the one that is looked at by itself.
      guard error.disposition == .retry else { throw error }
    }
  }

  private func apply(
    _ batch: PostgresBatch, _ session: inout MigratingSession
  ) async throws(StepFailure) -> [HistoryEntry] {
    try await options.retrying { () throws(StepFailure) in
      try session.useInSeries { connection, place, isComplete throws(StepFailure) in
        try batch.attempt(
          on: connection, place: place, options: options, isComplete: &isComplete)
      }
    }
  }

  /// Runs a migration that is a backfill in batches, to its end; nil for any other.
  private func backfill(
    _ batch: PostgresBatch, _ session: MigratingSession,
    _ progress: @escaping @Sendable (MigrateProgress) -> Void
  ) async throws(StepFailure) -> HistoryEntry? {
    guard options.url.dialect == .postgres, batch.steps.count == 1, let step = batch.steps.first,
      let backfill = try Backfill(step.body, dialect: .postgres)
    else { return nil }
    let work = PostgresBackfill(
      BackfillStep(step: step, backfill: backfill, pace: options.backfillPace), session)
    while try await !work.carryOn(
      while: {
        progress(.backfill($0))
        return true
      }
    ).isFinished {}
    return try reading { own throws(StepFailure) in
      try own.history(of: step.body.version).first
    }
  }

  private func batches(
    _ forecast: MigrateForecast, _ directory: MigrationDirectory, run: RunID
  ) throws(StepFailure) -> [PostgresBatch] {
    var after = forecast.from
    var batches: [PostgresBatch] = []
    for pending in forecast.pending {
      batches.append(
        PostgresBatch(steps: [
          MigrationStep(
            body: try directory.body(of: pending.version), phase: pending.phase, run: run,
            fence: .none, after: after, startedAt: now())
        ]))
      after = pending.version
    }
    return batches
  }

  private func isWithoutTables(on connection: PostgresConnection) throws(StepFailure) -> Bool {
    let place = try options.ledger.located(on: connection)
    return try connection.snapshot { connection throws(StepFailure) in
      try !PostgresOwnSchema(connection, place).hasServiceTables()
    }
  }

  /// Records the schema where the series ended.
  private func recordCatalogue(_ session: inout MigratingSession) async throws(StepFailure) {
    try await options.retrying { () throws(StepFailure) in
      try session.use { connection, place throws(StepFailure) in
        try PostgresMigration.recordCatalogue(place, options, on: connection)
      }
    }
  }

  package func acceptDrift() async throws(StepFailure) {
    let options = options
    try await options.retrying { () throws(StepFailure) in
      try DirtyMark.settled { () throws(StepFailure) in
        try options.changeOnce(step: "accept-drift") { own throws(StepFailure) in
          let version = try own.cleanVersion()
          try own.create()
          try own.forgetHistory(above: version)
          try own.recordCatalogue()
        }
      } underLock: { () throws(StepFailure) in
        let ledger = try settled(on: options.connect(for: "accept-drift"))
        _ = try ledger.underLock { own throws(StepFailure) in try own.cleanVersion() }
        // Whoever had marked it is done: what it left is looked at anew.
        throw StepFailure(
          code: "DatabaseLocked", disposition: .retry,
          message: "Another migration of \(ledger.connection.place) has just ended.")
      }
    }
  }

  private func settled(on connection: PostgresConnection) throws(StepFailure) -> SettledLedger {
    SettledLedger(
      connection: connection, place: try options.ledger.located(on: connection), options: options)
  }

  private func forecast(
    _ request: MigrateRequest, _ directory: MigrationDirectory, _ sums: MigrationSums?,
    on connection: PostgresConnection
  ) throws(StepFailure) -> MigrateForecast {
    let options = options
    return try settled(on: connection).read { own throws(StepFailure) in
      let version = try own.settledVersion()
      try MigrationHistory.check(
        directory, against: own.history(), ledger: version, sums: sums)
      if let drift = try own.drift() { throw drift.failure(options.url) }
      return try MigrateForecast(request, directory, from: version) { body in
        PostgresMigration.refusal(of: body, options)
      }
    }
  }

  private func reading<Result>(
    _ body: (PostgresOwnSchema) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    let connection = try options.connect(for: "schema")
    let place = try options.ledger.located(on: connection)
    return try connection.snapshot { connection throws(StepFailure) in
      try body(PostgresOwnSchema(connection, place))
    }
  }
}

extension PostgresOwnSchema {
  /// The version on which the next migration builds: the one before a migration of Windlass that is
  /// under way, which goes on.
  ///
  /// - Throws: for a ledger that another tool left dirty.
  func settledVersion() throws(StepFailure) -> SchemaVersion? {
    let (version, isDirty) = try ledgerRow()
    guard isDirty else { return version }
    guard let progress = try progress() else {
      throw MigrationHistory.dirty(version, database: connection.place)
    }
    return progress.before
  }

  /// The ledger's version.
  ///
  /// - Throws: for a ledger that is dirty, whoever marked it.
  func cleanVersion() throws(StepFailure) -> SchemaVersion? {
    let (version, isDirty) = try ledgerRow()
    guard !isDirty else { throw MigrationHistory.dirty(version, database: connection.place) }
    return version
  }
}

extension SchemaDrift {
  /// The failure for a schema that is not as it was left.
  func failure(_ url: PostgresURL) -> StepFailure {
    failure(database: url.place, reference: "'\(url.reference)'")
  }
}

extension PostgresServiceOptions {
  /// Changes Windlass's own tables in one transaction, which no other Windlass process disturbs.
  ///
  /// - Parameter body: finds by itself what it did before, because it is repeated when the reply to
  ///   its commit was lost.
  func changing(
    step: String, expecting system: String? = nil,
    _ body: (inout PostgresOwnSchema) throws(StepFailure) -> Void
  ) async throws(StepFailure) {
    try await retrying { () throws(StepFailure) in
      try changeOnce(step: step, expecting: system, body)
    }
  }

  /// Makes one attempt at that.
  func changeOnce(
    step: String, expecting system: String? = nil,
    _ body: (inout PostgresOwnSchema) throws(StepFailure) -> Void
  ) throws(StepFailure) {
    do throws(StepFailure) {
      try change(step: step, expecting: system, body)
    } catch {
      var failure = error
      failure.repeatIfOutcomeIsUnknown()
      throw failure
    }
  }

  private func change(
    step: String, expecting system: String?,
    _ body: (inout PostgresOwnSchema) throws(StepFailure) -> Void
  ) throws(StepFailure) {
    let connection = try connect(for: step, expecting: system)
    let place = try ledger.located(on: connection)
    if connection.dialect == .cockroachdb { try CockroachTables.make(place, on: connection) }
    _ = try connection.transaction(ownLimits) { connection throws(StepFailure) in
      // Before anything is read: what was true before the others were kept out need not be now.
      if connection.dialect == .postgres { try Self.excludeOthers(from: place, on: connection) }
      var own = try PostgresOwnSchema(connection, place)
      if connection.dialect == .cockroachdb { try CockroachHolder.requireNone(own) }
      try body(&own)
    }
  }

  /// Keeps other Windlass processes out until the transaction ends, or fails while one migrates.
  private static func excludeOthers(
    from place: LedgerPlace, on connection: PostgresConnection
  ) throws(StepFailure) {
    let key = place.ownKey
    guard
      try connection.scalar("SELECT pg_try_advisory_xact_lock(\(key.first), \(key.second))")
        == .integer(1)
    else {
      throw StepFailure(
        code: "DatabaseLocked", disposition: .retry,
        message: "Another Windlass process migrates \(connection.place).")
    }
  }
}
