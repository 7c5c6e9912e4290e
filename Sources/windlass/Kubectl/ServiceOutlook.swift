import KubernetesFleet
import WindlassCore
import WindlassWire

/// What is known of a service in a cluster, put together: where it stands, what holds it up, and
/// what a person can do about it.
struct ServiceOutlook: Sendable {
  /// Where a service stands, in a word.
  enum Standing: Hashable, Sendable {
    /// No operator has looked at it yet.
    case unobserved
    case blocked
    case running(RunPhase)
    case paused
    /// No release is known to be deployed.
    case waiting
    case idle

    var text: String {
      switch self {
      case .unobserved: "unobserved"
      case .blocked: "blocked"
      case .running(let phase): phase.rawValue
      case .paused: "paused"
      case .waiting: "waiting"
      case .idle: "idle"
      }
    }
  }

  let sighting: ServiceSighting
  /// The service as its operator journaled it last; as one that was never seen, where nothing was.
  let record: ServiceRecord

  init(_ sighting: ServiceSighting) {
    self.sighting = sighting
    record =
      sighting.record
      ?? ServiceRecord(policy: ServicePolicy(service: ServiceName(sighting.object.name)))
  }

  var name: String { sighting.object.name }
  var namespace: String { sighting.object.namespace ?? "" }
  var key: String { "\(sighting.object.key)" }
  var status: ManagedServiceStatus { sighting.status }

  /// Whether an operator has shown or journaled anything of it.
  var isObserved: Bool { sighting.record != nil || !(status.conditions ?? []).isEmpty }

  /// Whether the wish says that no run is to start.
  var isPauseWanted: Bool {
    sighting.object.body.value(at: "/spec/policy/paused")?.bool ?? false
  }

  /// Whether no run starts before somebody lets one: by the wish, or by the journal.
  var isPaused: Bool { isPauseWanted || record.isPaused }

  /// The condition of that type.
  func condition(_ type: String) -> ConditionStatus? {
    status.conditions?.first { $0.type == type }
  }

  // MARK: - The run

  var run: Run? { record.run }

  /// The object of the run that is open, by the journal or else by the status.
  var runObject: KubernetesObject? {
    if sighting.record != nil {
      return run.flatMap { run in sighting.runs.first { $0.name == run.plan.run.text } }
    }
    return sighting.runs.first {
      $0.name == status.run && $0.body.value(at: "/status/outcome")?.string == nil
    }
  }

  /// What the open run has pinned.
  var plan: Plan? { run?.plan ?? runObject.flatMap { sighting.plan(of: $0) } }

  /// The phase of the open run.
  var phase: RunPhase? {
    run?.phase
      ?? runObject?.body.value(at: "/status/step")?.string.flatMap { RunPhase(rawValue: $0) }
  }

  /// The open run in words: `beacon-r7 (1.0.0 → 1.1.0), in phase roll`.
  var runSentence: String? {
    guard let plan else { return nil }
    let source = plan.source.map { "\($0.version) → " } ?? "install of "
    return "\(plan.run) (\(source)\(plan.target.version)), in phase "
      + (phase?.rawValue ?? "unknown")
  }

  /// Whether the open run waits for a person's approval.
  var waitsForApproval: Bool {
    guard let run else { return false }
    return run.phase == .approve && record.policy.needsApproval
      && record.approved != run.plan.target.version
  }

  /// Who has approved the open run; nil while nobody has.
  var approvedBy: String? {
    let name = runObject?.body.value(at: "/spec/approvedBy")?.string ?? ""
    return name.isEmpty ? nil : name
  }

  // MARK: - What holds it up

  /// What holds it up until a person acts or something changes.
  ///
  /// The status is newer than the journal in this: a block that is found anew at every look is not
  /// journaled.
  var block: Block? {
    guard let degraded = condition("Degraded"), let ready = condition("Ready") else {
      return record.run?.block ?? record.block
    }
    guard degraded.status == .yes, ready.status == .no, ready.reason == degraded.reason else {
      return nil
    }
    return Block(code: degraded.reason, message: degraded.message)
  }

  /// What failed and is tried again by itself.
  var retrying: Block? {
    if let failure = record.retry?.failure {
      return Block(code: failure.code, message: failure.message)
    }
    guard block == nil, let degraded = condition("Degraded"), degraded.status == .yes else {
      return nil
    }
    return Block(code: degraded.reason, message: degraded.message)
  }

  var standing: Standing {
    guard isObserved else { return .unobserved }
    if block != nil { return .blocked }
    if let phase { return .running(phase) }
    if isPaused { return .paused }
    return record.deployed == nil && status.deployedVersion == nil ? .waiting : .idle
  }

  /// How far the open run's phase has come, as the journal has it; nil where it does not tell.
  var progress: String? {
    guard let run else { return nil }
    let plan = run.plan
    switch run.phase {
    case .expand: return migrations(plan.expansion, run)
    case .contract: return migrations(plan.contraction, run)
    case .roll, .rollBack, .soak:
      let goal = run.phase == .rollBack ? plan.source?.version : plan.target.version
      guard let goal else { return nil }
      let wanted = record.instances.filter(\.isWanted)
      let count = wanted.count { $0.release == goal }
      return "\(count) of \(max(run.orderedOf ?? 0, wanted.count)) instances are of \(goal)"
    case .prepare, .preflight, .backUp, .verify, .prove, .approve, .observe, .commit,
      .contractBackUp, .contractVerify, .finish:
      return nil
    }
  }

  private func migrations(_ migrations: [Migration], _ run: Run) -> String? {
    guard !migrations.isEmpty else { return nil }
    let done = migrations.count { run.applied.contains($0.version) }
    let begun = run.begun.map { ", \($0) moves rows" } ?? ""
    return "\(done) of \(migrations.count) migrations are applied\(begun)"
  }
}
