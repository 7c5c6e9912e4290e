/// One instance as it really is, or as the best authority knows it.
public struct WorldInstance: Hashable, Sendable {
  public var id: InstanceID
  public var release: Version
  /// The schema versions that it really works with.
  public var window: SchemaWindow
  /// Whether it was not positively found to be dead.
  public var mayBeAlive: Bool
  public var isReady: Bool

  public init(
    id: InstanceID, release: Version, window: SchemaWindow, mayBeAlive: Bool, isReady: Bool
  ) {
    self.id = id
    self.release = release
    self.window = window
    self.mayBeAlive = mayBeAlive
    self.isReady = isReady
  }
}

/// One managed service at one moment: what the invariants speak of.
public struct World: Hashable, Sendable {
  /// What the ledger says.
  public var schema: SchemaVersion?
  public var isDirty: Bool
  /// What the fence says.
  public var epoch: Epoch?
  public var instances: [WorldInstance]
  /// Replicas, surge and unavailability that hold now.
  public var rollout: RolloutPolicy
  public var deployed: Version?
  /// The run whose commit point the database records.
  public var committedRun: RunID?

  public init(
    schema: SchemaVersion?, isDirty: Bool = false, epoch: Epoch? = nil,
    instances: [WorldInstance] = [], rollout: RolloutPolicy, deployed: Version? = nil,
    committedRun: RunID? = nil
  ) {
    self.schema = schema
    self.isDirty = isDirty
    self.epoch = epoch
    self.instances = instances
    self.rollout = rollout
    self.deployed = deployed
    self.committedRun = committedRun
  }
}

/// How an issued effect was settled.
public enum Settlement: Hashable, Sendable {
  case finished, failed, neverHappened
}

/// Something that was decided, issued, accepted or seen.
public enum Fact: Hashable, Sendable {
  // The daemon
  /// A daemon began, with nothing but its journal.
  case daemonStarted
  /// A verified manifest was given to the core.
  case offerAccepted(Offer)
  /// A person's decision was given to the core.
  case decided(Decision)
  /// A reading of the fleet was given to the core.
  case fleetRead(FleetReading)
  /// A reading of a workload was given to the core.
  case workloadRead(WorkloadReading)
  /// The record that names this effect as under way is durable.
  case intentDurable(EffectID)
  /// The effect was given to a driver.
  case issued(EffectID, Action)
  /// The effect's outcome is known, by its reply or by reading back.
  case settled(EffectID, Settlement)

  // The database
  /// The fence was set, by this daemon or by another.
  case fenceTaken(Epoch, byUs: Bool)
  /// The migration is committed.
  case migrated(MigrationOrder)
  /// A part of a backfill is committed, and the ledger does not name it yet.
  case backfilled(MigrationOrder)
  case commitPointRecorded(RunID, Epoch)
  /// Somebody else changed the ledger, or a migration was cut off.
  case schemaChanged(SchemaVersion?, isDirty: Bool)
  /// The backup was restored and compared.
  case backupVerified(BackupReceipt)
  case judged(RunID, Verdict)

  // The fleet
  /// An instance began; the window is what it really works with.
  case started(InstanceID, Version, SchemaWindow)
  /// An instance was positively found to be dead.
  case died(InstanceID)
  /// A live instance's probes passed.
  case probed(InstanceID)

  // The workload
  /// The workload says what the order says; late when the one who gave it was gone by then.
  case ordered(WorkloadOrder, isLate: Bool)
  /// Somebody else changed or paused the workload; false when that was taken back.
  case workloadTouched(Bool)
  /// The controller began an instance, of what a person wrote or of what Windlass did; the window
  /// is what it really works with.
  case appeared(InstanceID, Version, SchemaWindow, byPerson: Bool)

  // The record
  case runOpened(Plan)
  case turned(RunID, Direction)
  /// An instance counts as good from now on.
  case promoted(InstanceID)
  case runEnded(RunSummary)
  /// What is quarantined from now on.
  case quarantined([Quarantine])
  case deployed(Version?)
}

/// A fact and when it became one.
public struct HistoryEvent: Hashable, Sendable {
  public var at: Timestamp
  public var fact: Fact

  public init(at: Timestamp, _ fact: Fact) {
    self.at = at
    self.fact = fact
  }
}

/// What one step changed in the record, as facts, in the order of their happening.
public func facts(from old: ServiceRecord, to new: ServiceRecord) -> [Fact] {
  var facts: [Fact] = []
  // The same run opens, turns and ends at most once, so its name tells each apart.
  if let ended = new.pastRuns.last, ended.run != old.pastRuns.last?.run {
    if let run = old.run, run.plan.run == ended.run, run.direction == .forward,
      ended.ending == .rolledBack
    {
      facts.append(.turned(ended.run, .rollback))
    }
    facts.append(.runEnded(ended))
  }
  if old.quarantine.count != new.quarantine.count || old.quarantine.last != new.quarantine.last {
    facts.append(.quarantined(new.quarantine))
  }
  if old.deployed?.version != new.deployed?.version {
    facts.append(.deployed(new.deployed?.version))
  }
  if let run = new.run {
    if old.run?.plan.run != run.plan.run {
      facts.append(.runOpened(run.plan))
    }
    let before = old.run?.plan.run == run.plan.run ? old.run?.direction : .forward
    if before != run.direction { facts.append(.turned(run.plan.run, run.direction)) }
  }
  for instance in new.instances where instance.wasGood {
    if old.instances.first(where: { $0.id == instance.id })?.wasGood != true {
      facts.append(.promoted(instance.id))
    }
  }
  return facts
}
