package import WindlassCore

/// The migration engine of one database by itself, without a run: what the command line uses.
package protocol MigrationEngine: Sendable {
  /// Reads ledger, history and drift.
  func schema() async throws(StepFailure) -> SchemaReport

  /// What `migrate` would do; nothing is changed.
  func forecast(_ request: MigrateRequest) async throws(StepFailure) -> MigrateForecast

  /// Applies what is pending, in order.
  ///
  /// - Parameter progress: told of each migration when it is committed, and of backfills.
  func migrate(
    _ request: MigrateRequest, progress: @escaping @Sendable (MigrateProgress) -> Void
  ) async throws(StepFailure) -> MigrateOutcome

  /// Takes the schema as it is for the one that Windlass left, on a person's word.
  func acceptDrift() async throws(StepFailure)
}

/// What the engine tells while it works.
package enum MigrateProgress: Hashable, Sendable {
  /// A migration is committed.
  case applied(HistoryEntry)
  /// A backfill went on, or rests; told often.
  case backfill(BackfillProgress)
}

/// Where the unpacked migration directory of an archive is; nil while it is not unpacked.
package typealias MigrationLocator =
  @Sendable (ArchiveReference) throws(StepFailure) -> String?

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
  /// Whether a database that does not exist is made, where the engine can do that.
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
  /// What is walked in batches; nil for a migration that is none of that kind.
  package var backfill: BackfillDirective?
  /// How many rows the walked table is taken to have; nil where nobody knows, as before the table
  /// is made.
  package var rowsEstimated: Int64?

  package init(
    version: SchemaVersion, file: String, phase: MigrationPhase,
    backfill: BackfillDirective? = nil
  ) {
    self.version = version
    self.file = file
    self.phase = phase
    self.backfill = backfill
  }
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

  /// Forecasts from what the ledger says and the directory holds.
  ///
  /// - Parameter refusal: the failure for a body that the engine would not run.
  package init(
    _ request: MigrateRequest, _ directory: MigrationDirectory, from: SchemaVersion?,
    refusal: (MigrationBody) -> StepFailure?
  ) throws(StepFailure) {
    if let target = request.target { try directory.check(target, from: from) }
    self.from = from
    pending = []
    waiting = []
    for entry in directory.entries(after: from) {
      if let target = request.target, entry.version > target { break }
      let body = try directory.body(of: entry.version)
      let phase = try body.phase(manifest: nil)
      let next = PendingMigration(
        version: entry.version, file: body.file, phase: phase, backfill: body.backfill)
      guard waiting.isEmpty, phase.order <= request.phase.order else {
        waiting.append(next)
        continue
      }
      if let failure = refusal(body) { throw failure }
      pending.append(next)
    }
  }

  /// The same with the sizes of the tables that backfills walk.
  ///
  /// - Parameters:
  ///   - directory: where the files are.
  ///   - estimate: how many rows the table of a file is taken to have. It fails for one that can't
  ///     be walked, which may only be made, or made right, by a migration before.
  package func describing(
    _ directory: MigrationDirectory, dialect: BackfillDialect,
    _ estimate: (Backfill) throws(StepFailure) -> Int64?
  ) throws(StepFailure) -> MigrateForecast {
    var forecast = self
    for (index, next) in pending.enumerated() {
      guard next.backfill != nil,
        let backfill = try Backfill(directory.body(of: next.version), dialect: dialect)
      else { continue }
      do throws(StepFailure) {
        forecast.pending[index].rowsEstimated = try estimate(backfill)
      } catch {
        guard error.code == "BackfillImpossible", index > 0 else { throw error }
      }
    }
    return forecast
  }
}

/// What the engine did.
package struct MigrateOutcome: Hashable, Sendable {
  package var forecast: MigrateForecast
  /// What was applied, in order.
  package var applied: [HistoryEntry]

  package init(forecast: MigrateForecast, applied: [HistoryEntry]) {
    self.forecast = forecast
    self.applied = applied
  }
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
  /// The migration of Windlass's for which the ledger is dirty; nil for another tool's mark.
  package var interrupted: InterruptedMigration?
  /// Who is at work behind another tool's mark, as a sentence; nil where nobody is, so that the
  /// mark was left over.
  package var atWork: String?
  /// The backfill that is under way.
  package var backfill: BegunBackfill?

  package init(
    version: SchemaVersion?, isDirty: Bool, epoch: Epoch?, systemID: String,
    committedRun: RunID?, history: [HistoryEntry], drift: SchemaDrift?,
    interrupted: InterruptedMigration? = nil,
    backfill: BegunBackfill? = nil
  ) {
    self.version = version
    self.isDirty = isDirty
    self.epoch = epoch
    self.systemID = systemID
    self.committedRun = committedRun
    self.history = history
    self.drift = drift
    self.interrupted = interrupted
    self.backfill = backfill
  }
}

extension MigrationDirectory {
  /// Fails for a version to stop at that does not exist, or that lies below the ledger's.
  fileprivate func check(_ target: SchemaVersion, from: SchemaVersion?) throws(StepFailure) {
    guard entry(target) != nil else {
      throw StepFailure(
        code: "BadArgument", disposition: .stop,
        message: "\(path) has no migration \(target) to stop at. Name one of its versions, of"
          + " which \(entries.last?.version.description ?? "none") is the newest.")
    }
    if let from, target < from {
      throw StepFailure(
        code: "BadArgument", disposition: .stop,
        message: "The ledger says \(from), which is above \(target), and Windlass never runs a"
          + " `.down.sql`. To go back, restore a backup with `windlass restore`.")
    }
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
