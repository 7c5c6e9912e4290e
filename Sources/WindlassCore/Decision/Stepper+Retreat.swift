extension Stepper {
  /// Takes a workload back to the source: its template in one write, and whatever its controller
  /// would be stuck on out of the way.
  mutating func retreat(_ run: Run, _ shape: WorkloadShape) -> Move {
    guard let workload = watch.workload, let source = run.plan.source else {
      return .wait(until: idle)
    }
    if let block = previousFails(run, source.version) {
      stand(block)
      return .again
    }
    let policy = rollout(of: run)
    let stuck = stuck(beside: source.version, policy, shape, workload)
    // Nothing is written where nothing was, unless a person left something else there.
    let isUntouched =
      run.orderedAt == nil
      && (workload.template.build == nil || workload.template.build == source.imageDigest)
    if !stuck.isEmpty || !isUntouched && !isRetreating(run, source, workload) {
      return order(.retreat, source, removing: stuck)
    }
    let good = wanted(source.version).count { isStable($0, policy) }
    guard workload.isTakenIn, !hasOthers(beside: source.version), good >= policy.replicas else {
      return awaitController(run, workload)
    }
    end(.rolledBack, run.turnedBackFor)
    return .again
  }

  private func isRetreating(_ run: Run, _ source: Release, _ workload: WorkloadReading) -> Bool {
    guard let mark = workload.template.mark, workload.hold == nil else { return false }
    return mark.run == run.plan.run && mark.aim == .retreat
      && workload.template.build == source.imageDigest
  }

  /// The other releases' instances that the controller would leave where they are: one that is not
  /// ready holds up all others of a workload with places, and none goes by itself where instances
  /// are replaced by removal only.
  func stuck(
    beside version: Version, _ policy: RolloutPolicy, _ shape: WorkloadShape,
    _ workload: WorkloadReading
  ) -> [InstanceID] {
    let others = strays(beside: version)
    return switch shape {
    case .surging, .signalled: []
    case .ordered: others.filter { !isReady($0) }.map(\.id)
    case .byRemoval: removable(others, policy, workload)
    }
  }
}

// MARK: At rest

extension Stepper {
  /// Looks after a workload without an open run: an order of ours that was left half way is made
  /// whole; nil when there is nothing to do.
  mutating func keepWorkload() -> Move? {
    if record.deployed == nil, record.pastRuns.isEmpty { adoptWhatRuns() }
    if let block = intrusion() {
      standing = block
      return nil
    }
    guard let deployed = record.deployed, let build = deployed.imageDigest, let shape,
      let workload = watch.workload, let mark = workload.template.mark
    else { return nil }
    let stuck = stuck(beside: deployed.version, record.policy.rollout, shape, workload)
    let isWhole = mark.aim == .whole || mark.aim == .retreat
    if isWhole, stuck.isEmpty, workload.template.build == build, workload.hold == nil { return nil }
    return order(.whole, deployed, removing: stuck)
  }

  /// First contact: the deployed release is the one that every living instance was started from.
  private mutating func adoptWhatRuns() {
    let living = record.instances.filter { $0.mayBeAlive && !isInDoubt($0) }
    let versions = Set(living.map(\.release))
    guard versions.count == 1, let version = versions.first,
      let release = watch.offer?.releases.first(where: { $0.version == version }),
      let template = watch.workload?.template, let ledger = watch.ledger,
      release.window.contains(ledger.version),
      template.build == nil || template.build == release.imageDigest
    else { return }
    record.deployed = release
  }

  /// Why a run of the plan could not roll the workload, found before it is opened.
  func obstacle(to plan: Plan) -> Block? {
    guard let shape = plan.workload, let workload = watch.workload else { return nil }
    if let other = strays(beside: plan.source?.version).first {
      return Block(
        code: "InstanceInDoubt",
        message: "instance \(other.id) of \(other.release) is still there: the next run waits "
          + "until the controller has taken it away; where it does not, remove it")
    }
    if let unnamed = [plan.source, plan.target].compactMap({ $0 })
      .first(where: { $0.imageDigest == nil })
    {
      return Block(
        code: "NoImageDigest",
        message: "release \(unnamed.version) names no image by its digest, so that nothing tells "
          + "its instances from others: publish a manifest with `image: …@sha256:…`")
    }
    let missing = WaveBound.unavailable(plan.rollout, shape)
    guard shape == .surging || shape == .signalled || workload.desired > missing else {
      return Block(
        code: "WouldStopServing",
        message: "\(workload.desired) instances of \(plan.service) are wanted, its controller "
          + "takes \(missing) away before others start, and none would serve: raise the replicas")
    }
    return nil
  }
}
