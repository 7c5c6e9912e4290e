/// What a service's database said about itself at one moment.
public struct LedgerReading: Hashable, Codable, Sendable {
  /// The last migration applied; nil when nothing is.
  public var version: SchemaVersion?
  /// Whether a migration was begun and neither finished nor undone.
  public var isDirty: Bool
  /// The fence's number; nil before adoption.
  public var epoch: Epoch?
  /// What Windlass's own history says was applied, ascending, with the files' SHA-256.
  public var applied: [AppliedMigration]
  /// The run whose commit point the database records, if any.
  public var committedRun: RunID?
  /// Whether the database holds tables of the service.
  public var hasTables: Bool
  /// Tells one database from another, and survives neither a restore nor a re-creation.
  public var systemID: String
  /// When the reading was taken.
  public var asOf: Timestamp
  /// The run whose migration left the mark and is on record statement by statement, so that
  /// applying it again goes on where it was cut off, or says why it can't; nil for any other mark.
  public var interruptedRun: RunID?
  /// The backfill that is under way, begun by whatever run and not finished.
  public var backfill: BegunBackfill?

  public init(
    version: SchemaVersion?, isDirty: Bool = false, epoch: Epoch? = nil,
    applied: [AppliedMigration] = [], committedRun: RunID? = nil, hasTables: Bool = true,
    systemID: String = "", asOf: Timestamp, interruptedRun: RunID? = nil,
    backfill: BegunBackfill? = nil
  ) {
    self.version = version
    self.isDirty = isDirty
    self.epoch = epoch
    self.applied = applied
    self.committedRun = committedRun
    self.hasTables = hasTables
    self.systemID = systemID
    self.asOf = asOf
    self.interruptedRun = interruptedRun
    self.backfill = backfill
  }
}

/// A backfill that changed rows and is not finished.
public struct BegunBackfill: Hashable, Codable, Sendable {
  /// The run that worked on it last.
  public var run: RunID
  public var progress: BackfillProgress

  public init(run: RunID, progress: BackfillProgress) {
    self.run = run
    self.progress = progress
  }
}

/// A migration in Windlass's own history.
public struct AppliedMigration: Hashable, Codable, Sendable {
  public var version: SchemaVersion
  public var checksum: Digest
  public var run: RunID

  public init(version: SchemaVersion, checksum: Digest, run: RunID) {
    self.version = version
    self.checksum = checksum
    self.run = run
  }
}

/// One migration as an effect: the preconditions travel with it and are checked in its own
/// transaction.
public struct MigrationOrder: Hashable, Codable, Sendable {
  public var run: RunID
  public var migration: Migration
  /// The archive that holds the migration's file.
  public var archive: ArchiveReference
  /// What the ledger must say before.
  public var after: SchemaVersion?
  /// What the fence must say.
  public var epoch: Epoch

  public init(
    run: RunID, migration: Migration, archive: ArchiveReference, after: SchemaVersion?,
    epoch: Epoch
  ) {
    self.run = run
    self.migration = migration
    self.archive = archive
    self.after = after
    self.epoch = epoch
  }
}

/// A service's database, as the steps of a run use it.
public protocol ServiceDatabase: Sendable {
  /// Reads ledger, fence and history in one snapshot, on a connection made after the last loss.
  func inspect() async throws(StepFailure) -> LedgerReading

  /// Sets the fence from `current` to its next number, creating Windlass's tables where they are
  /// missing; fails with `.stop` and code `FenceLost` when it holds anything else.
  func takeFence(after current: Epoch?, run: RunID) async throws(StepFailure) -> Epoch

  /// Checks what would stop the plan's migrations: the right server, the ledger, changed or
  /// missing files, privileges, disk, long transactions. Throws what is wrong, most urgent first.
  func preflight(_ plan: Plan) async throws(StepFailure)

  /// Applies one migration exactly once, under the order's preconditions; applying one that the
  /// history already holds for this run does nothing and succeeds.
  ///
  /// - Parameter goesOn: asked between the batches of a backfill, which ends after the one under
  ///   way when it is told to, and goes on from there when it is applied again.
  /// - Returns: nil when the migration is applied; how far a backfill has come that has to go on.
  func apply(
    _ order: MigrationOrder, while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> BackfillProgress?

  /// Records the run's commit point under the fence.
  func recordCommitPoint(_ run: RunID, epoch: Epoch) async throws(StepFailure)
}

extension ServiceDatabase {
  /// Applies one migration to its end, however long that takes.
  package func apply(_ order: MigrationOrder) async throws(StepFailure) {
    while try await apply(order, while: { _ in true }) != nil {}
  }
}

/// Why a backup is taken.
public enum BackupPurpose: String, Codable, Sendable {
  case beforeExpand, beforeContract
  /// A person asked for it; no run rests on it.
  case byHand
}

/// A finished backup.
public struct BackupReceipt: Hashable, Codable, Sendable {
  public var id: BackupID
  public var run: RunID
  public var purpose: BackupPurpose
  public var digest: Digest
  public var systemID: String
  /// What the ledger said in the backup's own snapshot.
  public var schema: SchemaVersion?
  /// Whether it was restored and compared (counts, digests, fingerprint).
  public var isVerified: Bool

  public init(
    id: BackupID, run: RunID, purpose: BackupPurpose, digest: Digest, systemID: String,
    schema: SchemaVersion?, isVerified: Bool
  ) {
    self.id = id
    self.run = run
    self.purpose = purpose
    self.digest = digest
    self.systemID = systemID
    self.schema = schema
    self.isVerified = isVerified
  }
}

/// Backups of one service's database.
public protocol BackupStore: Sendable {
  /// Takes a backup under that id, with counts and digests from its own snapshot; one that is
  /// complete already is returned as it is.
  func backUp(
    _ id: BackupID, run: RunID, purpose: BackupPurpose
  ) async throws(StepFailure) -> BackupReceipt

  /// Restores the backup into a scratch database, compares, and returns the verified receipt.
  func verify(_ id: BackupID) async throws(StepFailure) -> BackupReceipt

  /// Reads a finished backup's receipt after checking the file against its digest; nil when there
  /// is no complete backup of that id.
  func receipt(of id: BackupID) async throws(StepFailure) -> BackupReceipt?

  /// Deletes the oldest backups beyond `keep`, never one of `protected`.
  func prune(keep: Int, protecting protected: Set<RunID>) async throws(StepFailure)
}

/// The judgement of a rehearsal.
public enum Judgement: String, Codable, Sendable {
  case safe, unsafe
  /// Nothing was shown; it counts as unsafe, and blames no release.
  case unknown
}

/// The outcome of a rehearsal.
public struct Verdict: Hashable, Codable, Sendable {
  public var judgement: Judgement
  /// Checks carried out; none means `unknown` (invariant R2).
  public var checks: Int
  /// Whether the old server was shown to work on what the new one wrote, so that rolling back
  /// automatically is allowed (invariant R8).
  public var coversRollback: Bool
  /// What stands behind it, a sentence each, most telling first.
  public var evidence: [String]
  /// The longest that a migration held the scratch copy's lock.
  public var holdForecast: Interval

  public init(
    judgement: Judgement, checks: Int, coversRollback: Bool, evidence: [String],
    holdForecast: Interval = .zero
  ) {
    self.judgement = judgement
    self.checks = checks
    self.coversRollback = coversRollback
    self.evidence = evidence
    self.holdForecast = holdForecast
  }
}

/// The proof before a change.
public protocol Rehearsal: Sendable {
  /// Restores the backup into a scratch database, migrates it, and runs the old and new artifacts
  /// against it. Repeating it is harmless.
  func rehearse(_ plan: Plan, on backup: BackupID) async throws(StepFailure) -> Verdict
}

/// Artifacts and migration directories, kept by digest.
public protocol ArtifactStore: Sendable {
  /// Fetches, verifies and unpacks everything that the release needs; what is there already is
  /// verified and kept.
  func prepare(_ release: Release) async throws(StepFailure)
}
