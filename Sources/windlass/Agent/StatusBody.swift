import WindlassCore
import WindlassWire

/// What `windlass status --json` shows of a service.
enum StatusBody {
  /// The service as one JSON object.
  static func service(_ state: ServiceState, feed: FeedCondition, now: Timestamp) -> JSONValue {
    let record = state.record
    let block = record.run?.block ?? record.block
    return [
      "service": .string(record.policy.service.text),
      "phase": .string(phase(record)),
      "run": record.run.map { .string($0.plan.run.text) } ?? .null,
      "direction": record.run.map { .string($0.direction.rawValue) } ?? .null,
      "deployedVersion": text(record.deployed?.version),
      "targetVersion": text(record.run?.plan.target.version),
      "schemaVersion": text(state.watch.ledger?.version),
      "epoch": record.epoch.map { .integer($0.number) } ?? .null,
      "backfill": state.watch.backfill.map { $0.json } ?? .null,
      "paused": .bool(record.isPaused),
      "blockedReason": text(block),
      "retrying": text(record.retry?.failure),
      "conditions": .array(conditions(state, feed: feed, now: now)),
      "instances": .array(record.instances.filter(\.mayBeAlive).map { instance($0, state) }),
      "steps": .array(steps(record)),
      "quarantined": .array(record.quarantine.map(quarantine)),
      "lastRuns": .array(record.pastRuns.reversed().map(run)),
    ]
  }

  private static func phase(_ record: ServiceRecord) -> String {
    if let run = record.run {
      return run.block == nil ? run.phase.rawValue : "blocked"
    }
    if record.block != nil { return "blocked" }
    return record.deployed == nil ? "waiting" : "idle"
  }

  private static func text(_ value: (some CustomStringConvertible)?) -> JSONValue {
    value.map { .string($0.description) } ?? .null
  }

  private static func instance(_ instance: InstanceRecord, _ state: ServiceState) -> JSONValue {
    let reading = state.watch.fleet?.instances.first { $0.id == instance.id }
    return [
      "id": .string(instance.id.text),
      "release": .string(instance.release.description),
      "life": .string(reading?.life.rawValue ?? "unknown"),
      "ready": .bool(state.watch.readySince[instance.id] != nil),
      "good": .bool(instance.wasGood),
      "draining": .bool(instance.stoppedAt != nil),
      "detail": .string(reading?.detail ?? ""),
    ]
  }

  private static func quarantine(_ entry: Quarantine) -> JSONValue {
    [
      "version": .string(entry.version.description), "build": .string(entry.build),
      "code": .string(entry.reason.code), "reason": .string(entry.reason.message),
    ]
  }

  /// An ended run, as `status` and `history` show it.
  static func run(_ run: RunSummary) -> JSONValue {
    [
      "id": .string(run.run.text),
      "from": text(run.from),
      "to": .string(run.to.description),
      "ending": .string(run.ending.rawValue),
      "code": text(run.reason?.code),
      "reason": text(run.reason?.message),
      "verdict": text(run.verdict?.judgement.rawValue),
      "evidence": .array((run.verdict?.evidence ?? []).map { .string($0) }),
      "endedAt": .integer(run.endedAt.milliseconds),
    ]
  }

  private static func steps(_ record: ServiceRecord) -> [JSONValue] {
    record.run.map { steps(at: $0.phase) } ?? []
  }

  /// The phases of a run, each done, current or to come.
  static func steps(at phase: RunPhase) -> [JSONValue] {
    let forward = RunPhase.allCases.filter { $0 != .rollBack }
    let phases = phase == .rollBack ? [.rollBack] : forward
    let current = phases.firstIndex(of: phase) ?? 0
    return phases.enumerated().map { index, phase in
      let state = index < current ? "done" : index == current ? "current" : "pending"
      return ["name": .string(phase.rawValue), "state": .string(state)]
    }
  }

  // MARK: Conditions

  private static func conditions(_ state: ServiceState, feed: FeedCondition, now: Timestamp)
    -> [JSONValue]
  {
    let record = state.record
    let block = record.run?.block ?? record.block
    let wanted = record.policy.rollout.replicas
    let ready = record.instances.count {
      $0.isWanted && $0.release == record.deployed?.version && state.watch.readySince[$0.id] != nil
    }
    let isReady = record.deployed != nil && record.run == nil && ready >= wanted && block == nil
    let ledger = state.watch.ledger
    return [
      condition("Ready", isReady, isReady ? "AsWanted" : "NotAsWanted", "\(ready)/\(wanted) ready"),
      condition(
        "Progressing", record.run != nil && block == nil,
        record.run.map { $0.phase.rawValue.capitalizedWord } ?? "Idle", block?.message ?? ""),
      condition("ManifestFetched", feed.isFetched, feed.code, feed.message),
      condition(
        "ManifestFresh", state.watch.offer.map { now < $0.expires } ?? false,
        state.watch.offer == nil ? "NoManifest" : "Expiry", ""),
      condition(
        "SchemaClean", ledger.map { !$0.isDirty } ?? false, ledger == nil ? "NotRead" : "Read", ""),
      condition("Degraded", block != nil, block?.code ?? "AsExpected", block?.message ?? ""),
    ]
  }

  private static func condition(
    _ type: String, _ isTrue: Bool, _ reason: String, _ message: String
  ) -> JSONValue {
    [
      "type": .string(type), "status": .string(isTrue ? "True" : "False"),
      "reason": .string(reason), "message": .string(message),
    ]
  }
}

extension String {
  /// The word with its first letter in upper case, as reasons of conditions are written.
  fileprivate var capitalizedWord: String { prefix(1).uppercased() + dropFirst() }
}

/// How the last poll of a service's feed went.
struct FeedCondition: Sendable {
  var isFetched: Bool
  /// A CamelCase word.
  var code: String
  var message: String

  /// Before the first poll.
  static let pending = FeedCondition(isFetched: false, code: "Pending", message: "not polled yet")
}
