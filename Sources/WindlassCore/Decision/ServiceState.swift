/// What an operator wants of a service.
public struct ServicePolicy: Hashable, Codable, Sendable {
  public var service: ServiceName
  public var channel: String
  public var versions: VersionRange
  public var minimumAge: Interval
  public var needsApproval: Bool
  public var rollout: RolloutPolicy
  /// How the controller replaces instances that keeps them; nil where Windlass itself does.
  public var workload: WorkloadShape?

  public init(
    service: ServiceName, channel: String = "stable", versions: VersionRange = .any,
    minimumAge: Interval = .zero, needsApproval: Bool = false,
    rollout: RolloutPolicy = RolloutPolicy(), workload: WorkloadShape? = nil
  ) {
    self.service = service
    self.channel = channel
    self.versions = versions
    self.minimumAge = minimumAge
    self.needsApproval = needsApproval
    self.rollout = rollout
    self.workload = workload
  }
}

/// The action whose intent is durable and whose outcome is not.
public struct InFlight: Hashable, Codable, Sendable {
  public var id: EffectID
  public var action: Action

  package init(id: EffectID, action: Action) {
    self.id = id
    self.action = action
  }
}

/// An action that failed and is due again.
public struct Retry: Hashable, Codable, Sendable {
  /// The action's name, for people.
  public var action: String
  public var attempts: Int
  public var at: Timestamp
  public var failure: StepFailure

  package init(action: String, attempts: Int, at: Timestamp, failure: StepFailure) {
    self.action = action
    self.attempts = attempts
    self.at = at
    self.failure = failure
  }
}

/// Everything about a service that outlives the daemon; journaled before each effect.
public struct ServiceRecord: Hashable, Codable, Sendable {
  public var policy: ServicePolicy
  public var deployed: Release?
  public var run: Run?
  public var instances: [InstanceRecord] = []
  /// The workload as Windlass left it, or as a person let it stand; nil before the first look.
  public var workload: WorkloadMemory?
  public var quarantine: [Quarantine] = []
  public var pastRuns: [RunSummary] = []
  public var epoch: Epoch?
  public var inFlight: InFlight?
  /// A guarded action whose outcome was lost: it is looked up once the fence was taken anew, so
  /// that a late attempt can change nothing any more.
  public var unresolved: InFlight?
  public var retry: Retry?
  /// What people decided about the run while an action was under way, oldest first.
  public var pending: [Decision] = []
  public var isPaused = false
  public var approved: Version?
  /// Why no run can be opened, when a person has to act.
  public var block: Block?
  /// Runs in a row that failed without blaming a release, and when to look again.
  public var refusals = 0
  public var refusedUntil: Timestamp?
  /// When replacements of crashed instances were started.
  public var restarts: [Timestamp] = []
  public var lastEffectEndedAt = Timestamp(milliseconds: 0)
  public var effectCount: Int64 = 0
  public var runCount: Int64 = 0
  public var instanceCount: Int64 = 0

  /// A service that Windlass has never seen.
  public init(policy: ServicePolicy) { self.policy = policy }
}

/// What was seen since the daemon started; never journaled, so a restart looks again.
public struct Watch: Hashable, Sendable {
  public var fleet: FleetReading?
  /// What `fleet` was made from, where a controller keeps the instances.
  public var workload: WorkloadReading?
  public var ledger: LedgerReading?
  /// How long the last reading of each took, where a controller keeps the instances.
  public var fleetTook = Interval.zero
  public var ledgerTook = Interval.zero
  public var offer: Offer?
  /// When this daemon began: nothing read before was read by it.
  public var began: Timestamp?
  /// Since when this daemon looks without a gap.
  public var since: Timestamp?
  /// Since when each instance is ready without interruption.
  public var readySince: [InstanceID: Timestamp] = [:]
  /// When each instance was last ready for the whole stability window, or last in doubt: the time
  /// that it has to become good is counted from then.
  public var patientSince: [InstanceID: Timestamp] = [:]
  /// Since when each instance that was ready is not.
  public var unreadySince: [InstanceID: Timestamp] = [:]
  /// Since when no instance of the open run's target is there any more, of those that had come.
  public var targetGoneSince: Timestamp?
  /// Since when whoever asks the gate hears that the old release may not be started any more.
  public var gateShutSince: Timestamp?
  /// Whether this daemon took the fence.
  public var isFenced = false
  /// The last read that failed, and how many failed in a row.
  public var unreadable: StepFailure?
  public var unreadableCount = 0
  public var unreadableUntil: Timestamp?
  /// How far the backfill under way has come.
  public var backfill: BackfillProgress?

  public init() {}
}

/// A service as the core knows it.
public struct ServiceState: Hashable, Sendable {
  public var record: ServiceRecord
  public var watch: Watch

  public init(record: ServiceRecord, watch: Watch = Watch()) {
    self.record = record
    self.watch = watch
  }
}

/// What one step decided.
public struct Step: Sendable {
  public var state: ServiceState
  /// At most one: the shell journals the record, then carries it out.
  public var effect: Effect?
  /// When to step again although nothing happened; nil to wait for an event.
  public var wakeUp: Timestamp?
}
