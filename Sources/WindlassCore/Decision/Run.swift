/// Where a run stands.
public enum RunPhase: String, Codable, Sendable, CaseIterable {
  case prepare, preflight, backUp, verify, prove, approve, expand, observe, roll, soak, commit
  case contractBackUp, contractVerify, contract, finish, rollBack

  /// Whether nothing that lasts was begun yet: no step that changes a database or an instance can
  /// be on its way.
  public var isBeforeExpansion: Bool {
    switch self {
    case .prepare, .preflight, .backUp, .verify, .prove, .approve: true
    case .expand, .observe, .roll, .soak, .commit, .contractBackUp, .contractVerify, .contract,
      .finish, .rollBack:
      false
    }
  }
}

/// Which way a run goes; it changes at most once (invariant J2).
public enum Direction: String, Codable, Sendable { case forward, rollback }

/// How a run ended.
public enum Ending: String, Codable, Sendable {
  case completed = "Completed"
  case rolledBack = "RolledBack"
  /// Nothing was changed.
  case refused = "Refused"
}

/// One attempt to do one hop.
public struct Run: Hashable, Codable, Sendable {
  public var plan: Plan
  public var phase: RunPhase = .prepare
  public var direction: Direction = .forward
  /// Why the run turned back.
  public var turnedBackFor: Block?
  public var block: Block?
  public var openedAt: Timestamp
  public var phaseSince: Timestamp
  public var backup: BackupReceipt?
  public var contractBackup: BackupReceipt?
  public var verdict: Verdict?
  /// Migrations of the plan that were applied by this run, in order.
  public var applied: [SchemaVersion] = []
  /// A backfill of the plan that changed rows and is not finished.
  public var begun: SchemaVersion?
  public var isCommitted = false
  /// Whether a person wants a withdrawn release to be finished all the same.
  public var keepsWithdrawn = false
  /// When the last order to the workload was written down; nil while none was.
  public var orderedAt: Timestamp?
  /// How many instances the workload's owner wanted then.
  public var orderedOf: Int?
  /// Backups before the contraction that turned out to be unusable.
  public var unusableBackups = 0
  /// Whether an instance of the target was seen, where somebody else owns the roll.
  public var hasArrived: Bool?

  public init(plan: Plan, openedAt: Timestamp) {
    self.plan = plan
    self.openedAt = openedAt
    phaseSince = openedAt
  }

  /// The first migration of the phase's list that was not applied yet.
  func next(of migrations: [Migration]) -> Migration? {
    migrations.first { !applied.contains($0.version) }
  }
}

/// What is remembered of an ended run.
public struct RunSummary: Hashable, Codable, Sendable {
  public var run: RunID
  public var from: Version?
  public var to: Version
  public var ending: Ending
  public var reason: Block?
  public var endedAt: Timestamp
  public var verdict: Verdict?
}

/// A release that failed here.
public struct Quarantine: Hashable, Codable, Sendable {
  public var version: Version
  public var build: String
  public var reason: Block
  public var since: Timestamp

  /// Whether it keeps the release from being tried; one without a build bars every build.
  func bars(_ release: Release) -> Bool {
    version == release.version && (build == release.build || build.isEmpty)
  }
}

/// What is known of an instance across restarts of the daemon.
public struct InstanceRecord: Hashable, Codable, Sendable {
  public var id: InstanceID
  public var release: Version
  public var window: SchemaWindow
  public var startedAt: Timestamp
  /// When it was told to stop; nil while it should run.
  public var stoppedAt: Timestamp?
  /// Whether it was positively seen to be dead, or a person said so.
  public var isDead = false
  /// When it was found dead.
  public var diedAt: Timestamp?
  public var exit: ExitReport?
  /// Whether the live probes passed.
  public var passedProbes = false
  /// Whether it was once good.
  public var wasGood = false
  /// Where it runs, where a controller chose that.
  public var place: InstancePlace?
  /// Whether it was found missing, and `place` says which boot of its machine that was on: only a
  /// later one ends it for certain, since on this one it may have been begun again before it went.
  public var isMissing: Bool?
  /// Restarts under the same id that came with its machine's, and so are not its own.
  public var restartsExcused: Int?

  /// Whether it may be alive: not positively known to be dead.
  public var mayBeAlive: Bool { !isDead }
  /// Whether it should be serving.
  public var isWanted: Bool { !isDead && stoppedAt == nil }

  package init(id: InstanceID, release: Version, window: SchemaWindow, startedAt: Timestamp) {
    self.id = id
    self.release = release
    self.window = window
    self.startedAt = startedAt
  }
}
