/// How a fleet goes from one release to the next.
public struct RolloutPolicy: Hashable, Codable, Sendable {
  /// Copies that should be ready.
  public var replicas: Int
  /// How long the old fleet is watched on the expanded schema before the roll.
  public var observe: Interval
  /// Instances in the first wave.
  public var canary: Int
  public var maxUnavailable: Int
  public var maxSurge: Int
  /// Uninterrupted readiness before an instance counts as good.
  public var stability: Interval
  /// How long the rollback window stays open after the roll.
  public var soak: Interval
  /// Time for one instance to become good.
  public var progressDeadline: Interval

  public init(
    replicas: Int = 1, observe: Interval = .seconds(10), canary: Int = 1,
    maxUnavailable: Int = 0, maxSurge: Int = 1, stability: Interval = .seconds(10),
    soak: Interval = .minutes(10), progressDeadline: Interval = .minutes(5)
  ) {
    self.replicas = replicas
    self.observe = observe
    self.canary = canary
    self.maxUnavailable = maxUnavailable
    self.maxSurge = maxSurge
    self.stability = stability
    self.soak = soak
    self.progressDeadline = progressDeadline
  }
}

/// What a run does to the service.
public enum RunKind: String, Codable, Sendable {
  /// No instance and no ledger row before: all migrations, then the first start.
  case install
  /// One hop from the deployed release to the next.
  case upgrade
}

/// Everything that a run will do, pinned when it is opened; nothing fetched later changes it.
public struct Plan: Hashable, Codable, Sendable {
  public var service: ServiceName
  public var run: RunID
  public var kind: RunKind
  /// The deployed release; nil for an install.
  public var source: Release?
  public var target: Release
  /// Pending migrations, ascending.
  public var migrations: [Migration]
  /// What the ledger said when the plan was made.
  public var schemaBefore: SchemaVersion?
  public var rollout: RolloutPolicy
  /// The manifest that the plan was made from.
  public var manifest: Digest
  /// How the controller replaces instances that keeps them; nil where Windlass itself does.
  public var workload: WorkloadShape?

  public init(
    service: ServiceName, run: RunID, kind: RunKind, source: Release?, target: Release,
    migrations: [Migration], schemaBefore: SchemaVersion?, rollout: RolloutPolicy,
    manifest: Digest, workload: WorkloadShape? = nil
  ) {
    self.service = service
    self.run = run
    self.kind = kind
    self.source = source
    self.target = target
    self.migrations = migrations
    self.schemaBefore = schemaBefore
    self.rollout = rollout
    self.manifest = manifest
    self.workload = workload
  }

  /// The migrations before the roll.
  public var expansion: [Migration] {
    kind == .install ? migrations : migrations.filter { $0.phase != .contract }
  }

  /// The migrations after the commit point.
  public var contraction: [Migration] {
    kind == .install ? [] : migrations.filter { $0.phase == .contract }
  }
}
