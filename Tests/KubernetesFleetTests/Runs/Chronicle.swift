@testable import KubernetesFleet
@testable import WindlassCore

/// States of a service as a daemon journals them, one after the other.
enum Chronicle {
  static func release(_ version: Version, notes: String = "") -> Release {
    Release(version: version, notes: notes, window: SchemaWindow(at: 1))
  }

  static func start(_ service: ServiceName = "beacon") -> ServiceRecord {
    ServiceRecord(policy: ServicePolicy(service: service))
  }

  /// The state with a run opened.
  static func opening(_ record: ServiceRecord, notes: String = "") -> ServiceRecord {
    var record = next(record)
    let run = RunID("\(record.policy.service)-r\(record.runCount + 1)")
    record.runCount += 1
    record.run = Run(
      plan: Plan(
        service: record.policy.service, run: run, kind: .upgrade,
        source: release(Version(1, 0, 0)), target: release(Version(1, 1, 0), notes: notes),
        migrations: [], schemaBefore: nil, rollout: RolloutPolicy(), manifest: "digest"),
      openedAt: Timestamp(milliseconds: 1_800_000_000_000))
    return record
  }

  /// The state one effect further.
  static func next(_ record: ServiceRecord, phase: RunPhase? = nil) -> ServiceRecord {
    var record = record
    record.effectCount += 1
    if let phase { record.run?.phase = phase }
    let scope = record.run?.plan.run.text ?? record.policy.service.text
    record.inFlight = InFlight(
      id: EffectID("\(scope)/\(record.effectCount)-preflight"), action: .preflight)
    return record
  }

  /// The state with its run at an end.
  static func ending(_ record: ServiceRecord, as ending: Ending = .completed) -> ServiceRecord {
    var record = next(record)
    guard let run = record.run else { return record }
    record.run = nil
    record.pastRuns.append(
      RunSummary(
        run: run.plan.run, from: run.plan.source?.version, to: run.plan.target.version,
        ending: ending, reason: nil, endedAt: Timestamp(milliseconds: 1_800_000_100_000),
        verdict: nil))
    return record
  }

  /// The record that a daemon appends for a state that follows another one.
  static func entry(_ record: ServiceRecord, after old: ServiceRecord?) -> JournalRecord {
    JournalRecord(
      service: record.policy.service, run: (record.run ?? old?.run)?.plan.run, kind: .state,
      effect: record.inFlight?.id, at: Timestamp(milliseconds: 1_800_000_000_000),
      payload: StepCoding.text(record))
  }

  /// A life with two runs: states between runs, a run that completes, one that follows it at once
  /// and is rolled back, and a rest.
  static var life: [ServiceRecord] {
    var states = [next(start())]
    states.append(next(states[0]))
    states.append(opening(states[1]))
    states.append(next(states[2], phase: .expand))
    states.append(next(states[3], phase: .roll))
    states.append(ending(states[4]))
    states.append(next(states[5]))
    states.append(opening(states[6]))
    states.append(next(states[7], phase: .rollBack))
    // A step that ends a run may open the next one.
    states.append(opening(ending(states[8], as: .rolledBack)))
    states.append(ending(states[9], as: .refused))
    states.append(next(states[10]))
    return states
  }
}

extension ClusterJournal {
  /// Appends a state as the daemon does.
  @discardableResult
  func append(
    _ record: ServiceRecord, after old: ServiceRecord?
  ) async throws(StepFailure) -> UInt64 {
    try await append(Chronicle.entry(record, after: old))
  }

  /// Appends states, each after the one before it.
  func append(_ states: ArraySlice<ServiceRecord>, after old: ServiceRecord?) async throws {
    var last = old
    for state in states {
      try await append(state, after: last)
      last = state
    }
  }

  /// The state that a daemon starts from.
  func state(_ service: ServiceName = "beacon") async throws(StepFailure) -> ServiceRecord? {
    try await latest(.state, service: service).flatMap {
      StepCoding.read(ServiceRecord.self, Array($0.payload.utf8))
    }
  }
}

/// The failure that work ends with; nil when it succeeds.
func trouble(_ work: () async throws -> Void) async throws -> StepFailure? {
  do {
    try await work()
    return nil
  } catch let failure as StepFailure {
    return failure
  }
}
