import WindlassCore

extension Simulation {
  /// The faults are over: the service must come to where it should be, with a person's help only
  /// where a block asks for it, and then be silent.
  func converge() {
    calm()
    let limit = min(steps + Simulation.calmStepsMax, Simulation.stepsMax)
    let end = now + .hours(3)
    var help: [String: Int] = [:]
    var quietSince = now
    while steps < limit, now < end, !hasFailed {
      let before = writes
      turn()
      if writes != before || downUntil != nil || isWaitingForTime { quietSince = now }
      guard now - quietSince >= Simulation.quiet else { continue }
      quietSince = now
      guard let need = need() else { return judgeEnd() }
      help[need, default: 0] += 1
      guard help[need, default: 0] <= Simulation.helpMax, assist(need) else {
        let block = state.record.run?.block ?? state.record.block
        return find("L1", "stands in spite of help: \(need) \(block?.description ?? "")")
      }
    }
    guard !hasFailed, !hasBadStart else { return }
    let phase = state.record.run?.phase.rawValue ?? "rest"
    find("L4", "does not come to rest within \(steps) steps; it is in \(phase)")
  }

  /// Steps without faults that a service may need.
  static let calmStepsMax = 12_000
  /// How long a run whose roll somebody else owns may wait before it commits, once the gate is shut
  /// to the old release.
  static let commitWaitMax = Interval.minutes(2)
  /// Silence after which nothing more is coming.
  static let quiet = Interval.seconds(25)
  /// How often one need may come back.
  static let helpMax = 6

  func find(_ code: String, _ text: String) {
    tell("FOUND \(code): \(text)")
    findings.append(Finding(code: code, text: text))
  }

  /// Ends all faults, and lets everything that was to be published be published.
  private func calm() {
    tell("CALM")
    dice.isCalm = true
    database.isAwayUntil = now
    for index in fleet.instances.indices where fleet.instances[index].isAlive(at: now) {
      fleet.instances[index].doubt = nil
    }
    future.removeAll { if case .incident = $0 { true } else { false } }
    var last = scenario.publications.map(\.offer).max { $0.serial < $1.serial }
    last?.serial += 1
    last?.expires = now + .hours(1_000)
    guard var last else { return }
    for index in last.releases.indices {
      last.releases[index].published = min(last.releases[index].published, now)
    }
    calmCluster()
    future.removeAll()
    future.append(.publication(Publication(at: now, offer: last)))
    if downUntil == nil { decide(.resume) }
  }

  private var isWaitingForTime: Bool {
    let record = state.record
    if let until = record.refusedUntil, now < until, record.run == nil { return true }
    // What the gate let in has its time before the run commits.
    if let run = record.run, run.phase == .commit, run.block == nil,
      run.plan.workload == .signalled
    {
      let shut = max(run.phaseSince, state.watch.gateShutSince ?? run.phaseSince)
      if now - shut <= Simulation.commitWaitMax { return true }
    }
    return record.retry.map { now < $0.at } ?? false
  }

  // MARK: A person's help

  /// What a person is needed for; nil when nothing is amiss.
  private func need() -> String? {
    let record = state.record
    if record.isPaused { return "paused" }
    if let block = record.run?.block ?? record.block {
      let isAccepted =
        ["OldFleetUnhealthy", "PreviousFails"].contains(block.code) && hasBadStart
        || block.code == "InstanceInDoubt" && workload != nil && hasBadStart
        || isForgetful && workload?.says.isByPerson == true && mended == nil
      return isAccepted || Simulation.publishersBlocks.contains(block.code) ? nil : block.code
    }
    guard let run = record.run else { return nil }
    return run.phase == .approve ? "approval" : "stuck in \(run.phase.rawValue)"
  }

  /// Blocks that only a better manifest clears.
  static let publishersBlocks: Set<String> = [
    "WindowMismatch", "ContractInTheWay", "NoPath", "UnknownSurplus", "LateMigration",
  ]

  /// Does what the block's text says; false when it names nothing that a person could do.
  private func assist(_ need: String) -> Bool {
    tell("a person helps: \(need)")
    switch need {
    case "approval":
      state.record.run.map { decide(.approve($0.plan.target.version)) }
    case "ContractPending", "InstanceInDoubt":
      let count = inbox.decisions.count
      confirmDead()
      return removeStrays() || inbox.decisions.count > count
    case "NotAdopted" where mended == nil:
      confirmDead()
      adopt()
    case "OldFleetUnhealthy": return removeStrays()
    case "NoProgress", "NothingRuns", "WouldStopServing": return false
    case "WorkloadPaused": takeBack(isPause: true)
    case "WorkloadEdited": letEditStand()
    default:
      if need.hasPrefix("stuck") { return false }
      mend()
      decide(.resume)
    }
    return true
  }

  /// A person removes what an edit of theirs left in a place that its controller does not clear.
  private func removeStrays() -> Bool {
    guard workload?.shape == .ordered || workload?.shape == .byRemoval else { return false }
    let strays = fleet.instances.filter {
      $0.isAlive(at: now) && $0.release != workload?.says.version
        && workload?.personsVersions.contains($0.release) == true
    }
    for stray in strays { sendAway(stray.id) }
    return !strays.isEmpty
  }

  /// A person knows what is deployed: of what suits the schema, what serves well, or at all.
  private func adopt() {
    func good(_ versions: [Version]) -> Version? {
      versions.first { released($0)?.behaviour == .good } ?? versions.first
    }
    let suitable = (published?.releases ?? []).map(\.version).filter {
      released($0)?.window.contains(database.version) ?? false
    }
    let living = fleet.instances.filter { $0.isAlive(at: now) }.map(\.release)
    if let version = good(living.filter(suitable.contains)) ?? good(suitable) {
      decide(.adopt(version))
    }
  }

  /// Undoes what was done to the ledger by hand, and what was cut off.
  private func mend() {
    guard database.isDirty || mended != nil else { return }
    if let mended { database.version = mended }
    mended = nil
    database.isDirty = false
    note(.schemaChanged(database.version, isDirty: false))
  }

  // MARK: The end

  /// The world as it is, for the invariants that speak of a moment.
  func world() -> World {
    World(
      schema: database.version, isDirty: database.isDirty, epoch: database.epoch,
      instances: fleet.instances.map {
        WorldInstance(
          id: $0.id, release: $0.release, window: $0.window, mayBeAlive: !$0.isKnownDead,
          isReady: $0.isReady(at: now))
      },
      rollout: rolloutNow, deployed: state.record.deployed?.version,
      committedRun: database.committedRun)
  }

  /// Ends what keeps a cluster from working.
  private func calmCluster() {
    guard let workload else { return }
    for machine in workload.machines.indices { bringBack(machine) }
    self.workload?.refusedUntil = nil
    for index in fleet.instances.indices {
      guard let startsAt = fleet.instances[index].post?.startsAt, startsAt > now else { continue }
      fleet.instances[index].post?.startsAt = now
      let soon = now + .milliseconds(200)
      fleet.instances[index].readyAt = fleet.instances[index].readyAt.map { min($0, soon) }
    }
  }

  /// A person puts back what was changed; where nothing was, what is there may stand.
  private func letEditStand() {
    if workload?.saidBefore != nil { return takeBack(isPause: false) }
    if state.record.run != nil { return decide(.resume) }
    // What may stand is judged by the schema: what was done to the ledger by hand is undone first.
    mend()
    workload.map { decide(.adopt($0.says.version)) }
  }

  private var rolloutNow: RolloutPolicy {
    var rollout = scenario.policy.rollout
    if let workload { rollout.replicas = workload.desired }
    return rollout
  }

  /// Whether a workload says what is deployed, and nothing holds it back.
  private func judgeEnd(_ workload: SimulatedWorkload, _ deployed: Version) {
    if workload.says.version != deployed {
      find("L1", "\(deployed) is deployed and the workload says \(workload.says.version)")
    }
    if workload.hold != nil || workload.says.bound != nil {
      find("L1", "the workload is left half way: \(String(describing: workload.mark?.aim))")
    }
  }

  /// Whether the service is where it should be.
  private func judgeEnd() {
    if database.isDirty { find("D3", "the ledger is dirty at the end") }
    judgeQuarantine()
    // What a person deployed by hand on a schema that it can't work with is theirs to mend.
    if isForgetful, workload?.says.isByPerson == true { return }
    let alive = fleet.instances.filter { $0.isAlive(at: now) }
    guard let deployed = state.record.deployed?.version else {
      if !alive.isEmpty { find("L1", "nothing is deployed and \(alive[0].id) lives") }
      if let release = better(than: nil) { find("L1", "\(release) could be installed") }
      return
    }
    if hasBadStart { return }
    if let workload { judgeEnd(workload, deployed) }
    let replicas = rolloutNow.replicas
    let serving = alive.filter { $0.release == deployed && $0.isReady(at: now) }
    if serving.count != replicas || alive.count != replicas {
      find(
        "L1", "\(serving.count) of \(replicas) serve \(deployed), \(alive.count) live")
    }
    if let release = better(than: deployed) {
      find("L1", "\(deployed) is deployed and \(release) could be")
    }
  }

  /// Whether a daemon without memory found a bad release half rolled out, and took it on.
  private var hasBadStart: Bool {
    isForgetful && state.record.deployed.map { released($0.version)?.behaviour != .good } ?? false
  }

  /// Only what really failed here, or what a person or publisher withdrew, may be quarantined.
  private func judgeQuarantine() {
    for entry in state.record.quarantine {
      let isBad =
        released(entry.version).map { $0.behaviour != .good } ?? false
        || blameable.contains(entry.version)
        || ["Yanked", "ByPerson", "ProofUnsafe"].contains(entry.reason.code)
        || (entry.reason.code == "OldFleetFailed" && (!blameable.isEmpty || isForgetful))
      if !isBad { find("Q1", "\(entry.version) is quarantined for nothing: \(entry.reason)") }
    }
  }
}
