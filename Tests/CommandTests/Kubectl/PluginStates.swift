@testable import WindlassCore

/// States of the service `beacon` as its operator journals them.
enum PluginStates {
  static let dawn = Timestamp(milliseconds: 1_800_000_000_000)

  static func release(_ version: Version, schema: SchemaVersion) -> Release {
    Release(
      version: version,
      image: "registry.example/beacon@sha256:" + String(repeating: "\(version.minor)", count: 64),
      window: SchemaWindow(at: schema))
  }

  static let old = release(Version(1, 0, 0), schema: 1)
  static let new = release(Version(1, 1, 0), schema: 1)

  static let offer = Offer(
    manifest: "m", serial: 3, releases: [old, new], expires: dawn + .hours(24 * 30))

  /// Nothing is open and 1.0.0 is deployed.
  static var rest: ServiceRecord {
    var record = ServiceRecord(policy: ServicePolicy(service: "beacon", workload: .surging))
    record.deployed = old
    record.instances = ["a", "b"].map { instance("beacon-\($0):uid-\($0)", old) }
    return record
  }

  static func instance(_ id: String, _ release: Release) -> InstanceRecord {
    var instance = InstanceRecord(
      id: InstanceID(id), release: release.version, window: release.window, startedAt: dawn)
    instance.wasGood = true
    instance.place = InstancePlace(machine: "node-1", boot: "boot")
    return instance
  }

  /// A run from 1.0.0 to 1.1.0 is open, in that phase.
  static func run(_ phase: RunPhase, number: Int = 7) -> ServiceRecord {
    var record = rest
    record.runCount = Int64(number)
    var run = Run(
      plan: Plan(
        service: "beacon", run: RunID("beacon-r\(number)"), kind: .upgrade, source: old,
        target: new,
        migrations: [
          Migration(version: 2, phase: .expand), Migration(version: 3, phase: .backfill),
          Migration(version: 4, phase: .contract),
        ], schemaBefore: 1, rollout: RolloutPolicy(), manifest: "m", workload: .surging),
      openedAt: dawn)
    run.phase = phase
    run.verdict = Verdict(
      judgement: .safe, checks: 24, coversRollback: true,
      evidence: ["old server on new schema: 12 of 12", "new server: 12 of 12"])
    record.run = run
    return record
  }

  /// Amid the roll: the schema is expanded, and one of three instances is new.
  static var rolling: ServiceRecord {
    var record = run(.roll)
    record.run?.applied = [2, 3]
    record.run?.orderedAt = dawn
    record.run?.orderedOf = 3
    record.instances.append(instance("beacon-c:uid-c", new))
    return record
  }

  /// The proof is there, and a person is waited for.
  static var waiting: ServiceRecord {
    var record = run(.approve)
    record.policy.needsApproval = true
    return record
  }

  /// The run ended.
  static func ended(_ record: ServiceRecord, as ending: Ending) -> ServiceRecord {
    var record = record
    guard let run = record.run else { return record }
    record.run = nil
    let reason = Block(code: "AnalysisFailed", message: "beacon-c:uid-c was not ready")
    record.pastRuns.append(
      RunSummary(
        run: run.plan.run, from: run.plan.source?.version, to: run.plan.target.version,
        ending: ending, reason: ending == .completed ? nil : reason, endedAt: dawn + .minutes(3),
        verdict: run.verdict))
    return record
  }

  /// 1.1.0 failed here and is not tried again.
  static var quarantined: ServiceRecord {
    var record = ended(run(.rollBack, number: 6), as: .rolledBack)
    record.quarantine = [
      Quarantine(
        version: new.version, build: new.build,
        reason: Block(code: "AnalysisFailed", message: "beacon-c:uid-c was not ready"),
        since: dawn)
    ]
    return record
  }

  /// At rest, with something in the way.
  static func blocked(_ code: String, _ message: String) -> ServiceRecord {
    var record = rest
    record.block = Block(code: code, message: message)
    return record
  }
}
