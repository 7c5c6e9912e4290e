import WindlassCore

/// A statement whose client is gone, or whose client was held up.
struct LateOrder: Hashable {
  var order: MigrationOrder
  /// When the server begins it, and when it commits what it began.
  var begins: Timestamp
  var ends: Timestamp
  var hasBegun = false
}

/// A service's database: ledger, fence, history, one writer at a time.
struct SimulatedDatabase {
  var version: SchemaVersion?
  var isDirty = false
  var epoch: Epoch?
  var applied: [AppliedMigration] = []
  var committedRun: RunID?
  var systemID = "database-1"
  var late: [LateOrder] = []
  /// A backfill that changed rows and is not finished.
  var backfill: BegunBackfill?
  /// Nothing is answered until then.
  var isAwayUntil = Timestamp(milliseconds: 0)
  /// Whether orders are checked against the fence; false only for a broken variant.
  var checksFence = true
  /// Migrations with a statement that fails.
  var failing: Set<SchemaVersion> = []
  /// How often each migration took effect.
  private(set) var effects: [SchemaVersion: Int] = [:]

  func reading(asOf: Timestamp) -> LedgerReading {
    LedgerReading(
      version: version, isDirty: isDirty, epoch: epoch, applied: applied,
      committedRun: committedRun, hasTables: version != nil, systemID: systemID, asOf: asOf,
      backfill: backfill)
  }

  /// Why nothing can be written now; nil when it can.
  func obstacle(at now: Timestamp) -> StepFailure? {
    if now < isAwayUntil {
      return StepFailure(
        code: "Unreachable", disposition: .retry, message: "the database is away")
    }
    if late.contains(where: \.hasBegun) {
      return StepFailure(
        code: "LockNotObtained", disposition: .retry, message: "a statement holds the lock")
    }
    return nil
  }

  mutating func takeFence(after current: Epoch?) throws(StepFailure) -> Epoch {
    guard epoch == current else { throw SimulatedDatabase.fenceLost }
    let next = Epoch((epoch?.number ?? 0) + 1)
    epoch = next
    return next
  }

  static let fenceLost = StepFailure(
    code: "FenceLost", disposition: .stop, message: "the fence holds another number")

  /// What the order's own transaction looks at first; true when there is something to do.
  func admits(_ order: MigrationOrder) throws(StepFailure) -> Bool {
    if applied.contains(where: { $0.version == order.migration.version && $0.run == order.run }) {
      return false
    }
    if checksFence, epoch != order.epoch { throw SimulatedDatabase.fenceLost }
    if isDirty {
      throw StepFailure(code: "DirtyLedger", disposition: .stop, message: "the ledger is dirty")
    }
    guard version == order.after else { throw SimulatedDatabase.ledgerMoved }
    return true
  }

  /// Begins an order; true when there is something to commit.
  func begins(_ order: MigrationOrder, at now: Timestamp) throws(StepFailure) -> Bool {
    if let obstacle = obstacle(at: now) { throw obstacle }
    guard try admits(order) else { return false }
    guard !failing.contains(order.migration.version) else {
      throw StepFailure(
        code: "StatementFailed", disposition: .stop, message: "a statement failed")
    }
    return true
  }

  /// What would stop the plan's migrations, before anything is changed.
  func preflight(_ plan: Plan, at now: Timestamp) throws(StepFailure) {
    if now < isAwayUntil, let obstacle = obstacle(at: now) { throw obstacle }
    if isDirty {
      throw StepFailure(code: "DirtyLedger", disposition: .stop, message: "the ledger is dirty")
    }
    guard version == plan.schemaBefore else { throw SimulatedDatabase.ledgerMoved }
  }

  static let ledgerMoved = StepFailure(
    code: "LedgerMoved", disposition: .stop, message: "the ledger is not where it should be")

  /// Commits ledger, history and change in one.
  mutating func commit(_ order: MigrationOrder) {
    version = order.migration.version
    effects[order.migration.version, default: 0] += 1
    backfill = nil
    applied.append(
      AppliedMigration(
        version: order.migration.version, checksum: order.archive.digest, run: order.run))
  }

  /// Commits a part of a backfill with its mark.
  mutating func advance(_ order: MigrationOrder) -> BackfillProgress {
    var progress = BackfillProgress(
      migration: order.migration.version, table: "rows", key: "id", rowsEstimated: 100)
    if let backfill, backfill.progress.migration == order.migration.version {
      progress = backfill.progress
    }
    progress.rowsWalked += 10
    backfill = BegunBackfill(run: order.run, progress: progress)
    return progress
  }

  mutating func recordCommitPoint(_ run: RunID, epoch: Epoch) throws(StepFailure) {
    if checksFence, self.epoch != epoch { throw SimulatedDatabase.fenceLost }
    committedRun = run
  }
}
