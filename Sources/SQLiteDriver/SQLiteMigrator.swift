package import WindlassCore
import WindlassSchema

/// What a person asks the migration engine for.
package struct MigrateRequest: Hashable, Sendable {
  /// The migration directory.
  package var directory: String
  /// The version to stop at; nil for the newest.
  package var target: SchemaVersion?
  /// The last phase to run: a file of a later phase stops everything from there on.
  package var phase: MigrationPhase
  /// The name under which the history records what is applied.
  package var run: RunID
  /// Whether a database that does not exist is made.
  package var createsDatabase: Bool

  package init(
    directory: String, target: SchemaVersion? = nil, phase: MigrationPhase = .backfill,
    run: RunID, createsDatabase: Bool = false
  ) {
    self.directory = directory
    self.target = target
    self.phase = phase
    self.run = run
    self.createsDatabase = createsDatabase
  }
}

/// One migration of a forecast.
package struct PendingMigration: Hashable, Sendable {
  package var version: SchemaVersion
  package var file: String
  package var phase: MigrationPhase
}

/// What the engine will do.
package struct MigrateForecast: Hashable, Sendable {
  /// What the ledger says now.
  package var from: SchemaVersion?
  /// What will be applied, in order.
  package var pending: [PendingMigration]
  /// What is up to the target and waits, because its phase or an earlier file's is not asked for.
  package var waiting: [PendingMigration]

  /// What the ledger will say.
  package var to: SchemaVersion? { pending.last?.version ?? from }
}

/// What the engine did.
package struct MigrateOutcome: Hashable, Sendable {
  package var forecast: MigrateForecast
  /// What was applied, in order.
  package var applied: [HistoryEntry]
}

/// What a database says of its schema.
package struct SchemaReport: Hashable, Sendable {
  package var version: SchemaVersion?
  package var isDirty: Bool
  package var epoch: Epoch?
  package var systemID: String
  package var committedRun: RunID?
  package var history: [HistoryEntry]
  package var drift: SchemaDrift?
}

/// The migration engine by itself, without a run: what the command line uses.
package actor SQLiteMigrator {
  private let executor: BlockingExecutor
  private let options: SQLiteServiceOptions
  private let now: @Sendable () -> Timestamp

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes an engine; no file is touched yet.
  package init(_ options: SQLiteServiceOptions, now: @escaping @Sendable () -> Timestamp) {
    self.options = options
    self.now = now
    executor = BlockingExecutor(label: "windlass.migrator")
  }

  /// Reads ledger, history and drift.
  package func schema() throws(StepFailure) -> SchemaReport {
    let ledger = options.ledger
    return try options.connectExisting().snapshot { connection throws(StepFailure) in
      let own = OwnSchema(connection: connection, ledger: ledger)
      let (version, isDirty) = try own.ledgerRow()
      return SchemaReport(
        version: version, isDirty: isDirty, epoch: try own.epoch(),
        systemID: try own.systemID(), committedRun: try own.committedRun(),
        history: try own.history(), drift: try own.drift())
    }
  }

  /// What `migrate` would do; nothing is changed.
  package func forecast(_ request: MigrateRequest) throws(StepFailure) -> MigrateForecast {
    let directory = try MigrationDirectory.read(at: request.directory)
    guard request.createsDatabase, !FilePath.exists(options.path) else {
      return try forecast(request, directory, on: options.connectExisting())
    }
    return try Self.forecast(request, directory, from: nil, ledger: options.ledger)
  }

  /// Applies what is pending, each migration in its own transaction, all under the lock between
  /// processes.
  ///
  /// - Parameter progress: told of each migration when it is committed.
  package func migrate(
    _ request: MigrateRequest, progress: @Sendable (HistoryEntry) -> Void
  ) async throws(StepFailure) -> MigrateOutcome {
    let directory = try MigrationDirectory.read(at: request.directory)
    let options = options
    let lock = try await LockBackoff.retrying(
      deadline: options.lockDeadline, path: options.path
    ) { () throws(StepFailure) in
      try RunLock(options)
    }
    defer { withExtendedLifetime(lock) {} }
    let connection =
      request.createsDatabase && !FilePath.exists(options.path)
      ? try options.connect(.create) : try options.connectExisting()
    let forecast = try forecast(request, directory, on: connection)
    var after = forecast.from
    var applied: [HistoryEntry] = []
    for pending in forecast.pending {
      let execution = MigrationExecution(
        body: try directory.body(of: pending.version), phase: pending.phase, run: request.run,
        fence: .none, after: after, ledger: options.ledger, startedAt: now())
      let entry = try await LockBackoff.retrying(
        deadline: options.lockDeadline, path: options.path
      ) { () throws(StepFailure) in
        try connection.transaction(options.migrationLimits) { connection throws(StepFailure) in
          _ = try execution.perform(on: connection)
          return try OwnSchema(connection: connection, ledger: options.ledger).history().last
        }.result
      }
      if let entry {
        applied.append(entry)
        progress(entry)
      }
      after = pending.version
    }
    return MigrateOutcome(forecast: forecast, applied: applied)
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
        guard !isDirty else { throw MigrationHistory.dirty(version, path: options.path) }
        try own.create()
        try own.forgetHistory(above: version)
        try own.recordCatalogue()
      }
    }
  }

  // MARK: Forecast

  private func forecast(
    _ request: MigrateRequest, _ directory: MigrationDirectory, on connection: SQLiteConnection
  ) throws(StepFailure) -> MigrateForecast {
    let options = options
    return try connection.snapshot { connection throws(StepFailure) in
      let own = OwnSchema(connection: connection, ledger: options.ledger)
      let (version, isDirty) = try own.ledgerRow()
      guard !isDirty else { throw MigrationHistory.dirty(version, path: options.path) }
      try MigrationHistory.check(directory, against: own.history(), ledger: version)
      if let drift = try own.drift() { throw drift.failure(path: options.path) }
      return try Self.forecast(request, directory, from: version, ledger: options.ledger)
    }
  }

  private static func forecast(
    _ request: MigrateRequest, _ directory: MigrationDirectory, from: SchemaVersion?,
    ledger: SQLiteLedger
  ) throws(StepFailure) -> MigrateForecast {
    if let target = request.target { try check(target, directory, from: from) }
    var forecast = MigrateForecast(from: from, pending: [], waiting: [])
    let classifier = SQLiteClassifier(ledgerTable: ledger.table)
    for entry in directory.entries(after: from) {
      if let target = request.target, entry.version > target { break }
      let body = try directory.body(of: entry.version)
      let phase = try body.phase(manifest: nil)
      let pending = PendingMigration(version: entry.version, file: body.file, phase: phase)
      guard forecast.waiting.isEmpty, phase.order <= request.phase.order else {
        forecast.waiting.append(pending)
        continue
      }
      if let failure = classifier.findings(in: body.text, file: body.file).failure {
        throw failure
      }
      forecast.pending.append(pending)
    }
    return forecast
  }

  private static func check(
    _ target: SchemaVersion, _ directory: MigrationDirectory, from: SchemaVersion?
  ) throws(StepFailure) {
    guard directory.entry(target) != nil else {
      throw StepFailure(
        code: "BadArgument", disposition: .stop,
        message: "\(directory.path) has no migration \(target) to stop at. Name one of its"
          + " versions, of which \(directory.entries.last?.version.description ?? "none") is the"
          + " newest.")
    }
    if let from, target < from {
      throw StepFailure(
        code: "BadArgument", disposition: .stop,
        message: "The ledger says \(from), which is above \(target), and Windlass never runs a"
          + " `.down.sql`. To go back, restore a backup with `windlass restore`.")
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

extension MigrationPhase {
  /// Its place in a hop.
  fileprivate var order: Int {
    switch self {
    case .expand: 0
    case .backfill: 1
    case .contract: 2
    }
  }
}
