package import WindlassCore
package import WindlassSchema

/// The migration engine for MySQL and MariaDB by itself, without a run: what the command line uses.
package actor MySQLMigrator: MigrationEngine {
  private let executor: BlockingExecutor
  private let options: MySQLServiceOptions
  private let now: @Sendable () -> Timestamp
  private let checkpoint: @Sendable (String) -> Void

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes an engine; nothing is connected yet.
  ///
  /// - Parameters:
  ///   - executor: where it works; nil for a thread of its own.
  ///   - checkpoint: called at each point at which a test may cut the work off.
  package init(
    _ options: MySQLServiceOptions, on executor: BlockingExecutor? = nil,
    now: @escaping @Sendable () -> Timestamp,
    checkpoint: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.options = options
    self.now = now
    self.checkpoint = checkpoint
    self.executor = executor ?? BlockingExecutor(label: "windlass.mysql-migrator")
  }

  package func schema() async throws(StepFailure) -> SchemaReport {
    let ledger = options.ledger
    let work = MySQLWork(options, name: "schema")
    return try DirtyMark.report { () throws(StepFailure) in
      try Self.report(on: work.connection(), ledger)
    } underLock: { () throws(StepFailure) in
      try work.withSharedLock { () throws(StepFailure) in
        try Self.report(on: work.connection(), ledger)
      }
    }
  }

  private static func report(
    on connection: MySQLConnection, _ ledger: MySQLLedger
  ) throws(StepFailure) -> SchemaReport {
    try connection.snapshot { connection throws(StepFailure) in
      let own = MySQLOwnSchema(connection: connection, ledger: ledger)
      let tables = try own.tables()
      let (version, isDirty) = try own.ledgerRow(tables)
      let last = isDirty ? try own.interrupted(tables) : nil
      return SchemaReport(
        version: version, isDirty: isDirty, epoch: try own.epoch(tables),
        systemID: try own.systemID(tables), committedRun: try own.committedRun(tables),
        history: try own.history(tables), drift: try own.drift(tables),
        interrupted: last?.version == version ? last?.interruption : nil,
        backfill: try own.begunBackfill(on: version, tables))
    }
  }

  package func forecast(_ request: MigrateRequest) async throws(StepFailure) -> MigrateForecast {
    let directory = try MigrationDirectory.read(at: request.directory)
    let options = options
    let work = MySQLWork(options, name: "forecast")
    return try DirtyMark.settled { () throws(StepFailure) in
      try Self.described(request, directory, on: work.connection(), options)
    } underLock: { () throws(StepFailure) in
      try work.withSharedLock { () throws(StepFailure) in
        try Self.described(request, directory, on: work.connection(), options)
      }
    }
  }

  private static func described(
    _ request: MigrateRequest, _ directory: MigrationDirectory, on connection: MySQLConnection,
    _ options: MySQLServiceOptions
  ) throws(StepFailure) -> MigrateForecast {
    try connection.snapshot { connection throws(StepFailure) in
      try forecast(request, directory, nil, on: connection, options).describing(
        directory, dialect: .mysql
      ) { backfill throws(StepFailure) in
        try MySQLBackfillTable(backfill, on: connection).estimate(on: connection)
      }
    }
  }

  package func migrate(
    _ request: MigrateRequest, progress: @escaping @Sendable (MigrateProgress) -> Void
  ) async throws(StepFailure) -> MigrateOutcome {
    let directory = try MigrationDirectory.read(at: request.directory)
    // While the server is reached and asked.
    let sums = MigrationSums(of: directory)
    let options = options
    let work = MySQLWork(options, name: "migrate")
    let forecast = try await work.retrying { () throws(StepFailure) -> MigrateForecast in
      try DirtyMark.settled { () throws(StepFailure) in
        try Self.forecast(request, directory, sums, on: work.connection(), options)
      } underLock: { () throws(StepFailure) in
        try work.withSharedLock { () throws(StepFailure) in
          try Self.forecast(request, directory, sums, on: work.connection(), options)
        }
      }
    }
    guard !forecast.pending.isEmpty else { return MigrateOutcome(forecast: forecast, applied: []) }
    let hasBackfills = try await work.retrying { () throws(StepFailure) -> Bool in
      // A wrong one is told before anything is changed.
      _ = try MySQLReplicas(options).sights(beside: work.connection())
      let own = try work.own()
      try own.create()
      try own.forgetCatalogue()
      return try own.hasBackfills()
    }
    let series = MySQLSeries(work, checkpoint: checkpoint)
    series.note(mayHaveBackfills: hasBackfills)
    var applied: [HistoryEntry] = []
    let report = {
      for entry in series.takeWritten() {
        applied.append(entry)
        progress(.applied(entry))
      }
    }
    // What was written before a failure is told all the same.
    defer { report() }
    var after = forecast.from
    var next: MigrationStep?
    for (index, pending) in forecast.pending.enumerated() {
      var step =
        if let next { next } else { try step(pending, request, directory, after: after) }
      step.startedAt = now()
      after = pending.version
      next = nil
      if index + 1 < forecast.pending.count {
        next = try self.step(forecast.pending[index + 1], request, directory, after: after)
      }
      if let backfill = try Backfill(step.body, dialect: .mysql) {
        series.note(mayHaveBackfills: true)
        try await work.retrying { () throws(StepFailure) in try series.settle() }
        report()
        if let entry = try await apply(backfill, step, work, progress) {
          applied.append(entry)
          progress(.applied(entry))
        }
      } else {
        let foreseen = next.flatMap { $0.body.backfill == nil ? $0 : nil }
        try await work.retrying { () throws(StepFailure) in
          try series.apply(step, before: foreseen)
        }
        report()
      }
    }
    try await work.retrying { () throws(StepFailure) in try series.settle() }
    report()
    try await work.retrying { () throws(StepFailure) in try work.own().recordCatalogue() }
    return MigrateOutcome(forecast: forecast, applied: applied)
  }

  private func step(
    _ pending: PendingMigration, _ request: MigrateRequest, _ directory: MigrationDirectory,
    after: SchemaVersion?
  ) throws(StepFailure) -> MigrationStep {
    MigrationStep(
      body: try directory.body(of: pending.version), phase: pending.phase, run: request.run,
      fence: .none, after: after, startedAt: now())
  }

  package func acceptDrift() async throws(StepFailure) {
    let work = MySQLWork(options, name: "accept-drift")
    try await work.retrying { () throws(StepFailure) in
      try DirtyMark.settled { () throws(StepFailure) in
        try Self.acceptDrift(work.own())
      } underLock: { () throws(StepFailure) in
        try work.withSharedLock { () throws(StepFailure) in try Self.acceptDrift(work.own()) }
      }
    }
  }

  private static func acceptDrift(_ own: MySQLOwnSchema) throws(StepFailure) {
    let (version, isDirty) = try own.ledgerRow()
    guard !isDirty else {
      throw MigrationHistory.dirty(version, database: own.connection.address.name)
    }
    try own.create()
    try own.forgetHistory(above: version)
    try own.recordCatalogue()
  }

  /// Runs a backfill in batches, to its end.
  private func apply(
    _ backfill: Backfill, _ step: MigrationStep, _ work: MySQLWork,
    _ progress: @escaping @Sendable (MigrateProgress) -> Void
  ) async throws(StepFailure) -> HistoryEntry? {
    let walk = MySQLBackfill(
      BackfillStep(step: step, backfill: backfill, pace: options.backfillPace), work,
      checkpoint: checkpoint)
    while try await !walk.carryOn(
      while: {
        progress(.backfill($0))
        return true
      }
    ).isFinished {}
    return try await work.retrying { () throws(StepFailure) in
      try work.own().historyEntry(of: step.body.version)
    }
  }

  private static func forecast(
    _ request: MigrateRequest, _ directory: MigrationDirectory, _ sums: MigrationSums?,
    on connection: MySQLConnection, _ options: MySQLServiceOptions
  ) throws(StepFailure) -> MigrateForecast {
    let own = MySQLOwnSchema(connection: connection, ledger: options.ledger)
    let overview = try MySQLOverview(own)
    let tables = if let overview { overview.tables } else { try own.tables() }
    var (version, isDirty) =
      if let overview { (overview.ledger.version, overview.ledger.isDirty) } else {
        try own.ledgerRow(tables)
      }
    if isDirty {
      // Cut off by ourselves: the engine goes on with it, or says why it can't.
      guard let last = try own.interrupted(tables), last.version == version else {
        throw MigrationHistory.dirty(version, database: options.address.name)
      }
      version = last.after
    }
    let history = if let overview { overview.history } else { try own.history(tables) }
    try MigrationHistory.check(directory, against: history, ledger: version, sums: sums)
    if overview?.isAsRecorded != true, let drift = try own.drift(tables) {
      throw drift.failure(
        database: options.address.name, reference: options.address.publicURL)
    }
    return try MigrateForecast(
      request, directory, from: version, refusal: options.refusal)
  }
}

extension MySQLOwnSchema {
  /// The last statement that the journal holds of a migration that was cut off.
  func interrupted(_ tables: Set<String>) throws(StepFailure) -> MySQLStep? {
    guard tables.contains(OwnTables.step) else { return nil }
    return try MySQLStepJournal(connection: connection).last()
  }
}
