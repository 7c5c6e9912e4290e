extension Stepper {
  /// Rolls a workload forward: each order lets its controller go one wave further, and no further,
  /// and the next comes only when every instance of this one is good.
  mutating func rollWaves(_ run: Run, _ shape: WorkloadShape) -> Move {
    guard let workload = watch.workload else { return .read(.observe) }
    if let trouble = trouble(run) {
      turnBack(trouble, blame: Block.blaming.contains(trouble.code))
      return .again
    }
    if let move = ifDue(promoteWave(run)) ?? heedOwner(run) { return move }
    guard workload.desired > 0 else {
      standing = Block(
        code: "NothingRuns",
        message: "no instance of \(record.policy.service) is wanted, so none can show that "
          + "\(run.plan.target.version) works: the roll waits for the first")
      return .wait(until: idle)
    }
    let new = wanted(run.plan.target.version)
    let good = new.filter { isGood($0, run.plan.rollout) }
    guard let aim = aim(of: run, workload) else {
      return wave(run, shape, workload, good: good.count)
    }
    let isDone = workload.isTakenIn && good.count == new.count
    switch aim {
    case .whole where isDone && good.count >= workload.desired:
      let old = strays(beside: run.plan.target.version)
      return old.isEmpty ? rollEnds(run) : clearWay(run) ?? awaitController(run, workload)
    case .wave(let bound) where isDone && good.count >= min(bound.instances, workload.desired):
      return wave(run, shape, workload, good: good.count)
    case .wave(let bound) where isDone && isOutOfReach(bound, run, shape, workload):
      return wave(run, shape, workload, good: good.count)
    case .wave, .whole:
      return clearPlaces(run, shape, workload, aim, good: good.count)
        ?? awaitController(run, workload)
    case .hold, .retreat: return awaitController(run, workload)
    }
  }

  /// Removes what neither release of the run has to do with and what keeps a controller waiting
  /// that fills its places in turn: a place whose instance never becomes ready ends the wave for
  /// ever, and the wave was ordered before anybody saw it. Nil when nothing does.
  ///
  /// An instance of the source is let be: it may become ready again, and then it serves.
  private mutating func clearPlaces(
    _ run: Run, _ shape: WorkloadShape, _ workload: WorkloadReading, _ aim: WorkloadAim, good: Int
  ) -> Move? {
    guard shape == .ordered, workload.isTakenIn else { return nil }
    let target = run.plan.target
    let foreign = Set(
      strays(beside: target.version).filter { $0.release != run.plan.source?.version }.map(\.id))
    let stuck = stuck(beside: target.version, rollout(of: run), shape, workload)
      .filter(foreign.contains)
    guard !stuck.isEmpty else { return nil }
    guard case .wave(let bound) = aim, bound.good > good else {
      return order(aim, target, removing: stuck)
    }
    // Those that the wave counted on are gone: it begins with as few as if they had never been.
    let smaller = WaveBound(after: good, run.plan.rollout, shape, rules)
    return order(.wave(smaller), target, removing: stuck)
  }

  /// What the workload was told by this run to do with the target; nil while it was told nothing.
  private func aim(of run: Run, _ workload: WorkloadReading) -> WorkloadAim? {
    guard let mark = workload.template.mark, mark.run == run.plan.run, workload.hold == nil,
      workload.template.build == run.plan.target.imageDigest
    else { return nil }
    return mark.aim
  }

  /// Removes what stands in the way of the target and would stay; nil when nothing does.
  mutating func clearWay(_ run: Run) -> Move? {
    guard let shape = run.plan.workload, let workload = watch.workload, workload.isTakenIn else {
      return nil
    }
    let target = run.plan.target
    let stuck = stuck(beside: target.version, rollout(of: run), shape, workload)
    return stuck.isEmpty ? nil : order(.whole, target, removing: stuck)
  }

  /// Whether the controller can't complete the wave with what it was told: its places went away
  /// with a smaller number of instances, or instances stand that were to be removed.
  private func isOutOfReach(
    _ bound: WaveBound, _ run: Run, _ shape: WorkloadShape, _ workload: WorkloadReading
  ) -> Bool {
    switch shape {
    case .surging, .signalled: false
    case .ordered: workload.desired < run.orderedOf ?? workload.desired
    case .byRemoval:
      strays(beside: run.plan.target.version).count > workload.desired - bound.instances
    }
  }

  // MARK: Bounds

  /// Lets the controller go one wave further.
  private mutating func wave(
    _ run: Run, _ shape: WorkloadShape, _ workload: WorkloadReading, good: Int
  ) -> Move {
    let isLast = good >= workload.desired || shape == .signalled || !rules.rollsCanaryFirst
    let bound = WaveBound(after: good, run.plan.rollout, shape, rules)
    guard shape == .byRemoval else {
      return order(isLast ? .whole : .wave(bound), run.plan.target)
    }
    let old = removable(strays(beside: run.plan.target.version), run.plan.rollout, workload)
    let named = Array(old.prefix(bound.instances - good))
    guard isLast || !named.isEmpty else { return awaitController(run, workload) }
    return order(isLast ? .whole : .wave(bound), run.plan.target, removing: named)
  }

  /// The instances that may be removed now, those first that serve nobody: of the ready ones only
  /// as many as leave the floor standing (invariant R4).
  func removable(
    _ candidates: [InstanceRecord], _ policy: RolloutPolicy, _ workload: WorkloadReading
  ) -> [InstanceID] {
    let unready = candidates.filter { !isReady($0) }
    let ready = candidates.filter { isReady($0) }
    let floor = workload.desired - WaveBound.unavailable(policy, .byRemoval)
    let spare = rules.keepsCapacity ? max(0, readyCount - floor) : ready.count
    return (unready + ready.prefix(spare)).map(\.id)
  }

  /// Writes one order under gate, fence and token; later, when it has just failed.
  mutating func order(
    _ aim: WorkloadAim, _ release: Release, removing: [InstanceID] = []
  ) -> Move {
    guard let workload = watch.workload else { return .read(.observe) }
    if let move = takeFenceIfNeeded() { return move }
    guard let epoch = record.epoch else { return .read(.inspect) }
    // The epoch tells it from what a daemon ordered whose journal is lost.
    let id = EffectID("\(nextEffect(aim.name))-e\(epoch)")
    let order = WorkloadOrder(
      id: id, run: record.run?.plan.run ?? RunID("rest"), epoch: epoch, aim: aim,
      release: release, removing: removing, token: workload.token)
    guard aim != .hold else { return .perform(.order(order, gate: nil)) }
    let gate = StartGate(window: release.window, epoch: epoch)
    if rules.gatesStarts {
      guard let ledger = freshLedger() else { return .read(.inspect) }
      guard gate.admits(ledger, notBefore: ledger.asOf) else {
        return refuseStart(closed(gate, ledger, release), ledger)
      }
    }
    return ifDue(.perform(.order(order, gate: gate))) ?? look()
  }

  /// Stops the wave under way while a person has paused the service; nil when nothing is to stop.
  mutating func hold(_ run: Run) -> Move? {
    guard record.isPaused, run.phase == .roll, let workload = watch.workload,
      let aim = aim(of: run, workload), aim != .hold
    else { return nil }
    return order(.hold, run.plan.target)
  }

  // MARK: Promotion

  /// Asks the stable instances of a wave together, and remembers those that are good; nil when
  /// there is none to ask.
  mutating func promoteWave(_ run: Run) -> Move? {
    let policy = run.plan.rollout
    let new = wanted(run.plan.target.version)
    let unprobed = new.filter { !$0.passedProbes }
    if !unprobed.isEmpty, new.allSatisfy({ isStable($0, policy) }) {
      return .perform(.probeWave(unprobed.map(\.id)))
    }
    for instance in new where !instance.wasGood && isGood(instance, policy) {
      change(instance.id) { $0.wasGood = true }
    }
    return nil
  }

  /// Folds in what a wave said.
  mutating func judge(_ wave: [InstanceID], _ answers: [ProbeAnswer]) {
    for answer in answers {
      guard let instance = record.instances.first(where: { $0.id == answer.id }) else { continue }
      if let failure = answer.failure {
        return turnBack(
          Block(code: "AnalysisFailed", message: "instance \(answer.id) failed: \(failure)"),
          blame: true)
      }
      let version = instance.release.description
      if rules.checksReportedVersion, answer.reportedVersion != version {
        return turnBack(
          Block(
            code: "WrongVersion",
            message: "instance \(answer.id) was started as \(version) and reports "
              + "\(answer.reportedVersion ?? "no version")"), blame: true)
      }
      change(answer.id) { $0.passedProbes = true }
    }
    guard answers.isEmpty else { return }
    retryOrGiveUp(
      .probeWave(wave),
      StepFailure(
        code: "NoAnswer", disposition: .retry,
        message: "none of \(wave.count) instances could be asked whether it works: see what keeps "
          + "probes from reaching them"))
  }

  // MARK: Trouble

  /// What the controller tells of an instance that a fleet of our own would not.
  func controllersTrouble(_ instance: InstanceRecord, _ run: Run) -> Block? {
    guard let reading = watch.workload?.instances.first(where: { $0.id == instance.id }) else {
      return nil
    }
    // One that came with its machine's, before anybody looked, is no proof against the release.
    if reading.restarts > instance.restartsExcused ?? 0, let end = reading.exit {
      return Block(
        code: "InstanceCrashed",
        message: "instance \(instance.id) of \(instance.release) ended with \(end) and was begun "
          + "again")
    }
    let began = max(instance.startedAt, watch.since ?? now)
    guard !reading.hasStarted, now - began > run.plan.rollout.progressDeadline else { return nil }
    return Block(
      code: "NotStarted",
      message: "instance \(instance.id) of \(instance.release) did not start within "
        + "\(run.plan.rollout.progressDeadline) (\(reading.detail)): make room or mend what holds "
        + "it up; the release is not to blame and is tried again")
  }

  /// Looks again soon; says so when the controller makes no progress, which blames nobody.
  mutating func awaitController(_ run: Run, _ workload: WorkloadReading) -> Move {
    if run.plan.workload == .signalled { return awaitOwner(run) }
    let policy = run.plan.rollout
    let since = max(run.orderedAt ?? run.phaseSince, watch.since ?? now)
    if now - since > policy.progressDeadline + policy.stability {
      standing = Block(
        code: "NoProgress",
        message: "the controller of \(record.policy.service)'s workload did not do what it was "
          + "told within \(policy.progressDeadline): "
          + (workload.refusal ?? "see its events")
          + ". The run goes on when it does; `windlass rollback` gives it up")
    }
    return look()
  }
}

extension WaveBound {
  /// The next wave while that many instances are good: the canary first, then as many at once as
  /// the policy lets.
  init(after good: Int, _ policy: RolloutPolicy, _ shape: WorkloadShape, _ rules: Rules) {
    let unavailable = WaveBound.unavailable(policy, shape)
    let surge = shape == .surging ? max(policy.maxSurge, unavailable == 0 ? 1 : 0) : 0
    let isCanary = good < max(policy.canary, 1)
    let step =
      isCanary ? min(surge + unavailable, max(policy.canary, 1) - good) : surge + unavailable
    let above = rules.boundsSurge ? min(surge, step) : surge + 2
    self.init(good: good, surge: above, unavailable: max(0, step - above))
  }

  /// How many instances may be missing: a controller that replaces in place needs one.
  static func unavailable(_ policy: RolloutPolicy, _ shape: WorkloadShape) -> Int {
    switch shape {
    case .surging, .signalled: policy.maxUnavailable
    case .ordered, .byRemoval: max(1, policy.maxUnavailable)
    }
  }
}
