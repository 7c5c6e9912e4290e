/// Folds what happened to one service, and finds what no fault may ever lead to.
///
/// It holds its own small model and shares no rule with the core that it judges. Each event costs
/// a few comparisons for each living instance at most, so that it can follow a daemon for ever.
public struct Oracle: Sendable {
  /// An instance as the oracle knows it.
  struct Known: Sendable {
    var id: InstanceID
    var release: Version
    var versionText: String
    var window: SchemaWindow
    var mayBeAlive = true
    var diedAt = Timestamp(milliseconds: 0)
    /// Whether a stop was issued.
    var isStopped = false
    /// Whether the schema was taken out of its window by somebody else.
    var isExcused = false
    /// What the last reading that may be decided on said.
    var life = InstanceLife.alive
    var isReady = false
    var readySince: Timestamp?
    var readinessMark: String?
    var passedProbes = false
    /// Whether it began from what a person wrote.
    var isByPerson = false
  }

  /// The open run as the oracle knows it.
  struct Open: Sendable {
    var plan: Plan
    var direction = Direction.forward
    var verdict: Verdict?
    var verified: [BackupReceipt] = []
    var migrated: [SchemaVersion] = []
    /// Whether a backfill changed rows, finished or not.
    var hasBackfilled = false
    var isCommitted = false
    var hasStartedTarget = false
    var promoted: Set<InstanceID> = []
    /// Whether a person wanted the way back, or said to go on with it.
    var personDecided = false
    /// Whether a person wants a withdrawn release finished.
    var keepsWithdrawn = false
    /// Whether somebody else changed the ledger, perhaps after the last look at it.
    var isMeddled = false
    /// Whether a person let the target be tried again while it was on its way back.
    var isForgiven = false
    var effects = 0
    var budget: Int
  }

  /// What was found so far.
  public private(set) var violations: [Violation] = []

  var rollout: RolloutPolicy
  var schema: SchemaVersion?
  var isDirty = false
  var applied: Set<SchemaVersion> = []
  var instances: [Known] = []
  var run: Open?
  var deployed: Version?

  /// The fence as the database holds it, and as this daemon took it since it began.
  var fence: Epoch?
  var ownFence: Epoch?
  var durableIntent: EffectID?
  var unsettled: EffectID?
  /// The instance that the last stop was for.
  var stopping: InstanceID?
  var lastSettledAt = Timestamp(milliseconds: 0)
  var lastReadingAt: Timestamp?
  /// The workload as last read, where a controller keeps the instances.
  var workload: WorkloadReading?
  /// Whether somebody else changed the workload, and nobody took that back or gave it free.
  var isTouched = false
  var markEpoch: Epoch?
  /// Orders in the sequence of their issue, and the latest that took effect.
  var orders: [EffectID] = []
  var latestOrder: EffectID?
  /// What the schema was before somebody else changed it.
  var schemaMeddledFrom: SchemaVersion??
  /// When the running daemon's first reading of the fleet began.
  var firstReadingAt: Timestamp?
  var expires: Timestamp?
  var yanked: Set<Version> = []
  var quarantine: [Quarantine] = []
  /// Builds that failed here and that nobody let be tried again.
  var failed: [Version: String] = [:]

  /// Begins with a service at that schema.
  public init(rollout: RolloutPolicy, schema: SchemaVersion? = nil, deployed: Version? = nil) {
    self.rollout = rollout
    self.schema = schema
    self.deployed = deployed
  }

  /// Folds one event.
  public mutating func fold(_ event: HistoryEvent) {
    let at = event.at
    switch event.fact {
    case .daemonStarted: beginDaemon()
    case .offerAccepted(let offer):
      expires = offer.expires
      yanked = Set(offer.releases.filter { $0.yank != nil }.map(\.version))
    case .decided(let decision): fold(decision, at)
    case .fleetRead(let reading): fold(reading)
    case .workloadRead(let reading): fold(reading)
    case .ordered(let order, let isLate): accept(order, isLate: isLate)
    case .workloadTouched(let isTouched): touch(isTouched)
    case .appeared(let id, let version, let window, let byPerson):
      appear(id, version, window, byPerson: byPerson)
    case .intentDurable(let id): durableIntent = id
    case .issued(let id, let action): issue(id, action, at)
    case .settled(let id, let settlement): settle(id, settlement, at)
    case .fenceTaken(let epoch, let byUs): takeFence(epoch, byUs: byUs)
    case .migrated(let order): migrate(order)
    case .backfilled(let order): backfill(order)
    case .commitPointRecorded(let id, let epoch): commit(id, epoch)
    case .schemaChanged(let version, let dirty): changeSchema(version, isDirty: dirty)
    case .backupVerified(let receipt): run?.verified.append(receipt)
    case .judged(let id, let verdict): if run?.plan.run == id { run?.verdict = verdict }
    case .started(let id, let version, let window): start(id, version, window)
    case .died(let id): bury(id, at)
    case .probed(let id): change(id) { $0.passedProbes = true }
    case .runOpened(let plan): open(plan, at)
    case .turned(let id, let direction): turn(id, direction)
    case .promoted(let id): promote(id)
    case .runEnded(let summary): end(summary)
    case .quarantined(let entries): quarantine = entries
    case .deployed(let version): deployed = version
    }
  }

  /// Notes a breach.
  mutating func report(_ invariant: Invariant, _ message: String) {
    violations.append(Violation(invariant, message))
  }

  /// Notes a breach, if there is one.
  mutating func note(_ breach: Violation?) {
    if let breach { violations.append(breach) }
  }

  /// A breach unless the claim holds.
  func breach(
    _ invariant: Invariant, unless holds: Bool, _ message: @autoclosure () -> String
  ) -> Violation? {
    holds ? nil : Violation(invariant, message())
  }

  /// Something went wrong outside, so that the run may need more effects.
  mutating func disturb() { run?.budget += Oracle.effectsPerDisturbance }

  /// Effects that one fault may lead to.
  static let effectsPerDisturbance = 16

  mutating func change(_ id: InstanceID, _ body: (inout Known) -> Void) {
    guard let index = instances.firstIndex(where: { $0.id == id }) else { return }
    body(&instances[index])
  }

  private mutating func beginDaemon() {
    firstReadingAt = nil
    ownFence = nil
    yanked = []
    expires = nil
    lastReadingAt = nil
    for index in instances.indices { instances[index].readySince = nil }
    disturb()
  }

  private mutating func fold(_ decision: Decision, _ at: Timestamp) {
    disturb()
    judge(givingFree: decision)
    switch decision.choice {
    case .resume:
      if run?.isCommitted == true { run?.keepsWithdrawn = true }
      if run?.direction == .rollback { run?.personDecided = true }
    case .rollback: run?.personDecided = true
    case .release(let version):
      failed[version] = nil
      if run?.plan.target.version == version { run?.isForgiven = true }
    case .confirmDead(let id): bury(id, at)
    case .pause, .approve, .giveUp, .quarantine, .adopt: break
    }
  }

  /// The same service, seen by a daemon that lost its journal: it knows of no run, no failure and
  /// no deployed release.
  public func withoutMemory() -> Oracle {
    var oracle = self
    oracle.run = nil
    oracle.unsettled = nil
    oracle.failed = [:]
    oracle.quarantine = []
    oracle.deployed = nil
    // What was asked of them and not done is asked no more.
    for index in oracle.instances.indices { oracle.instances[index].isStopped = false }
    // A workload without a mark is taken as it is: nothing tells a change from what was there.
    if oracle.markEpoch == nil { oracle.isTouched = false }
    return oracle
  }

  // MARK: The world as it is

  /// Breaches in a state of the world, whatever led to it.
  public func judge(_ world: World) -> [Violation] {
    var found: [Violation] = []
    let alive = world.instances.filter(\.mayBeAlive)
    for instance in alive where !instance.window.contains(world.schema) {
      let isExcused = instances.first { $0.id == instance.id }?.isExcused ?? false
      guard !isExcused else { continue }
      found.append(
        Violation(
          .r0,
          "\(instance.id) of \(instance.release) works with \(instance.window), and the "
            + "schema is at \(world.schema?.description ?? "nothing applied")"))
    }
    let ceiling = world.rollout.replicas + world.rollout.maxSurge
    if alive.count > ceiling {
      found.append(Violation(.r4, "\(alive.count) instances may be alive, \(ceiling) may be"))
    }
    let versions = Set(alive.map(\.release))
    if versions.count > 2 {
      found.append(Violation(.r9, "\(versions.count) versions may be alive"))
    }
    return found
  }
}
