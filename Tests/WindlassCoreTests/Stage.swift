import WindlassCore

/// A service in the middle of a run, put together so that one step shows one decision.
struct Stage {
  static let rollout = RolloutPolicy(
    replicas: 2, stability: .milliseconds(300), soak: .seconds(1), progressDeadline: .seconds(60))

  static let plan = Plan(
    service: "beacon", run: "beacon-r1", kind: .upgrade, source: Samples.first,
    target: Samples.second, migrations: Samples.second.migrations,
    schemaBefore: SchemaVersion(2), rollout: rollout, manifest: "aa")

  var record: ServiceRecord
  var watch = Watch()
  var readings: [InstanceReading] = []

  /// A run in that phase, fenced, with the instances that it serves with.
  init(_ phase: RunPhase, isCommitted: Bool = false, applied: [UInt64] = []) {
    record = Samples.record(deployed: Samples.first)
    record.policy.rollout = Stage.rollout
    record.epoch = Epoch(1)
    var run = Run(plan: Stage.plan, openedAt: Samples.now)
    run.phase = phase
    run.isCommitted = isCommitted
    run.applied = applied.map { SchemaVersion($0) }
    run.backup = Stage.receipt("beacon-r1-expand", schema: 2)
    run.contractBackup = Stage.receipt("beacon-r1-contract", schema: 4)
    run.verdict = Verdict(judgement: .safe, checks: 3, coversRollback: true, evidence: ["ok"])
    record.run = run
    watch.isFenced = true
    watch.began = Samples.now
    watch.since = Samples.now
  }

  static func receipt(_ id: BackupID, schema: UInt64) -> BackupReceipt {
    BackupReceipt(
      id: id, run: "beacon-r1", purpose: .beforeExpand, digest: "dd", systemID: "",
      schema: SchemaVersion(schema), isVerified: true)
  }

  /// Adds an instance that was started at that time, ready for as long, and how it is seen.
  mutating func add(
    _ id: InstanceID, _ release: Release, life: InstanceLife = .alive, isDraining: Bool = false,
    isReady: Bool = true
  ) {
    var instance = InstanceRecord(
      id: id, release: release.version, window: release.window, startedAt: Samples.now)
    instance.passedProbes = true
    instance.wasGood = true
    if isDraining { instance.stoppedAt = Samples.now }
    record.instances.append(instance)
    record.instanceCount += 1
    readings.append(
      InstanceReading(
        id: id, release: release.version, life: life, isDraining: isDraining, isReady: isReady,
        reportedVersion: isReady ? release.version.description : nil))
  }

  /// What is seen at that time, with a ledger at that version.
  func observation(at now: Timestamp, schema: UInt64?) -> Observation {
    var ledger = Samples.ledger(schema, applied: record.run?.applied.map(\.number) ?? [])
    ledger.asOf = now
    return Observation(fleet: FleetReading(instances: readings, asOf: now), ledger: ledger)
  }

  /// The effect of the first step after everything was seen.
  func effect(at now: Timestamp, schema: UInt64?) -> Effect? {
    step(
      ServiceState(record: record, watch: watch), observation(at: now, schema: schema), now: now
    ).effect
  }
}
