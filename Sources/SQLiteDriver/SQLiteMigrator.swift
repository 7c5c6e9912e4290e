package import WindlassCore
package import WindlassSchema

/// The migration engine by itself, without a run: what the command line uses.
package actor SQLiteMigrator: MigrationEngine {
  private let executor: BlockingExecutor
  private let options: SQLiteServiceOptions
  private let now: @Sendable () -> Timestamp

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes an engine; no file is touched yet.
  ///
  /// - Parameter executor: where it works; nil for a thread of its own.
  package init(
    _ options: SQLiteServiceOptions, on executor: BlockingExecutor? = nil,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.options = options
    self.now = now
    self.executor = executor ?? BlockingExecutor(label: "windlass.migrator")
  }

  /// Reads ledger, history and drift.
  package func schema() async throws(StepFailure) -> SchemaReport {
    let ledger = options.ledger
    return try options.connectExisting().snapshot { connection throws(StepFailure) in
      let own = OwnSchema(connection: connection, ledger: ledger)
      let (version, isDirty) = try own.ledgerRow()
      return SchemaReport(
        version: version, isDirty: isDirty, epoch: try own.epoch(),
        systemID: try own.systemID(), committedRun: try own.committedRun(),
        history: try own.history(), drift: try own.drift(),
        backfill: try own.begunBackfill(on: version))
    }
  }

  /// What `migrate` would do; nothing is changed.
  package func forecast(
    _ request: MigrateRequest
  ) async throws(StepFailure) -> MigrateForecast {
    let directory = try MigrationDirectory.read(at: request.directory)
    guard request.createsDatabase, !FilePath.exists(options.path) else {
      let connection = try options.connectExisting()
      return try forecast(request, directory, nil, on: connection).describing(
        directory, dialect: .sqlite
      ) { backfill throws(StepFailure) in
        try SQLiteBackfillTable(backfill.directive, on: connection).estimate(on: connection)
      }
    }
    return try MigrateForecast(request, directory, from: nil, refusal: options.refusal)
  }

  /// Applies what is pending, each migration in its own transaction, all under the lock between
  /// processes.
  ///
  /// - Parameter progress: told of each migration when it is committed, and of backfills.
  package func migrate(
    _ request: MigrateRequest, progress: @escaping @Sendable (MigrateProgress) -> Void
  ) async throws(StepFailure) -> MigrateOutcome {
    let directory = try MigrationDirectory.read(at: request.directory)
    let options = options
    let lock = try await LockBackoff.retrying(
      deadline: options.lockDeadline, path: options.path
    ) { () throws(StepFailure) in
      try RunLock(options)
    }
    defer { withExtendedLifetime(lock) {} }
    // While the database is opened and asked.
    let sums = MigrationSums(of: directory)
    let connection =
      request.createsDatabase && !FilePath.exists(options.path)
      ? try options.connect(.create) : try options.connectExisting(mayKeepJournal: true)
    let forecast = try forecast(request, directory, sums, on: connection)
    guard !forecast.pending.isEmpty else { return MigrateOutcome(forecast: forecast, applied: []) }
    let series = MigrationSeries(
      first: forecast.pending.first?.version, last: forecast.pending.last?.version)
    var after = forecast.from
    var executions: [MigrationExecution] = []
    for pending in forecast.pending {
      executions.append(
        MigrationExecution(
          step: MigrationStep(
            body: try directory.body(of: pending.version), phase: pending.phase, run: request.run,
            fence: .none, after: after, startedAt: now()),
          ledger: options.ledger))
      after = pending.version
    }
    // Nobody waits for the lock of a database without tables, so everything is one transaction.
    let hasTables = try hasServiceTables(connection)
    let isFresh = forecast.from == nil && !hasTables
    let isSeries = !isFresh && executions.count > 1
    let keepsJournal = isSeries ? try connection.keepJournalFile() : false
    defer { if keepsJournal { connection.dropJournalFile() } }
    var applied: [HistoryEntry] = []
    do throws(StepFailure) {
      for batch in isFresh ? [executions] : executions.map({ [$0] }) where !batch.isEmpty {
        let entries: [HistoryEntry]
        if !isFresh, let entry = try await backfill(batch[0], in: series, progress) {
          entries = [entry]
        } else {
          entries = try await apply(
            batch, in: series, on: connection, holdBudget: isFresh ? nil : options.holdBudget)
        }
        for entry in entries { progress(.applied(entry)) }
        applied += entries
      }
    } catch {
      if !applied.isEmpty { try await recordCatalogue(on: connection) }
      throw error
    }
    return MigrateOutcome(forecast: forecast, applied: applied)
  }

  /// Applies the migrations in one transaction, all or none.
  private func apply(
    _ batch: [MigrationExecution], in series: MigrationSeries, on connection: SQLiteConnection,
    holdBudget: Interval?
  ) async throws(StepFailure) -> [HistoryEntry] {
    var limits = options.migrationLimits
    limits.holdBudget = holdBudget
    return try await LockBackoff.retrying(deadline: options.lockDeadline, path: options.path) {
      () throws(StepFailure) in
      try connection.transaction(limits) { connection throws(StepFailure) in
        guard batch.count > 1 else {
          return try batch.map { execution throws(StepFailure) in
            try execution.perform(on: connection, in: series)
          }
        }
        return try MigrationExecution.perform(batch, on: connection)
      }.result
    }
  }

  /// Runs a migration that is a backfill in batches, to its end; nil for any other.
  private func backfill(
    _ execution: MigrationExecution, in series: MigrationSeries,
    _ progress: @escaping @Sendable (MigrateProgress) -> Void
  ) async throws(StepFailure) -> HistoryEntry? {
    let step = execution.step
    guard let backfill = try Backfill(step.body, dialect: .sqlite) else { return nil }
    let work = SQLiteBackfill(
      BackfillStep(step: step, backfill: backfill, pace: options.backfillPace), options,
      holdBudget: options.holdBudget, recordsCatalogue: step.body.version == series.last)
    while try await !work.carryOn(
      takesLock: false,
      while: {
        progress(.backfill($0))
        return true
      }
    ).isFinished {}
    let ledger = options.ledger
    return try options.connectExisting().snapshot { connection throws(StepFailure) in
      try OwnSchema(connection: connection, ledger: ledger).history().first {
        $0.version == step.body.version
      }
    }
  }

  /// Records the schema where a series stopped.
  private func recordCatalogue(on connection: SQLiteConnection) async throws(StepFailure) {
    let options = options
    try await LockBackoff.retrying(deadline: options.lockDeadline, path: options.path) {
      () throws(StepFailure) in
      _ = try connection.transaction(options.ownLimits) { connection throws(StepFailure) in
        try OwnSchema(connection: connection, ledger: options.ledger).recordCatalogue()
      }
    }
  }

  private func hasServiceTables(_ connection: SQLiteConnection) throws(StepFailure) -> Bool {
    let ledger = options.ledger
    return try connection.snapshot { connection throws(StepFailure) in
      try OwnSchema(connection: connection, ledger: ledger).hasServiceTables()
    }
  }

  /// Takes the schema as it is for the one that Windlass left, on a person's word.
  package func acceptDrift() async throws(StepFailure) {
    let options = options
    try await LockBackoff.retrying(deadline: options.lockDeadline, path: options.path) {
      () throws(StepFailure) in
      let lock = try RunLock(options)
      defer { withExtendedLifetime(lock) {} }
      let connection = try options.connectExisting()
      _ = try connection.transaction(options.ownLimits) { connection throws(StepFailure) in
        let own = OwnSchema(connection: connection, ledger: options.ledger)
        let (version, isDirty) = try own.ledgerRow()
        guard !isDirty else { throw MigrationHistory.dirty(version, database: options.path) }
        try own.create()
        try own.forgetHistory(above: version)
        try own.recordCatalogue()
      }
    }
  }

  // MARK: Forecast

  private func forecast(
    _ request: MigrateRequest, _ directory: MigrationDirectory, _ sums: MigrationSums?,
    on connection: SQLiteConnection
  ) throws(StepFailure) -> MigrateForecast {
    let options = options
    return try connection.snapshot { connection throws(StepFailure) in
      let own = OwnSchema(connection: connection, ledger: options.ledger)
      let (version, isDirty) = try own.ledgerRow()
      guard !isDirty else { throw MigrationHistory.dirty(version, database: options.path) }
      let history = try own.history()
      // The files are still being read meanwhile; what is wrong with one is told first.
      let drift = try own.drift()
      try MigrationHistory.check(directory, against: history, ledger: version, sums: sums)
      if let drift { throw drift.failure(path: options.path) }
      return try MigrateForecast(request, directory, from: version, refusal: options.refusal)
    }
  }
}

/// The lock between processes for as long as the value lives.
final class RunLock {
  private let lock: FileLock

  init(_ options: SQLiteServiceOptions) throws(StepFailure) {
    lock = try FileLock(path: options.lockFile, purpose: "migrate \(options.path)")
  }
}
