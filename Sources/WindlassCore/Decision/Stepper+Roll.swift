extension Stepper {
  /// Rolls the fleet forward: canary first, then one wave after the other, each promoted only when
  /// every instance before it is good.
  mutating func roll(_ run: Run) -> Move {
    let policy = run.plan.rollout
    if let trouble = trouble(run) {
      turnBack(trouble, blame: true)
      return .again
    }
    if let move = promote(run) { return move }
    let new = wanted(run.plan.target.version)
    let good = new.filter { isGood($0, policy) }
    let old = strays(beside: run.plan.target.version)
    if old.isEmpty, good.count >= policy.replicas { return rollEnds(run) }

    let mayStart = new.count < wave(after: good.count, policy)
    if mayStart, hasRoom(policy) { return start(run.plan.target) }
    // What died by itself is replaced by what is known to work, until the next wave is due.
    if let source = run.plan.source, old.count + new.count < policy.replicas, hasRoom(policy) {
      if let due = restartIsDue(source.version), now < due { return look(until: due) }
      return start(source)
    }
    // With no room above the wanted number, room is made below it, down to the floor.
    let makesRoom = mayStart && new.count == good.count
    let isReplaced = good.count + old.count > policy.replicas
    if isReplaced || makesRoom, let victim = victim(old, policy) {
      return .perform(.stop(victim.id))
    }
    if mayStart { standing = doubt(policy) }
    return look()
  }

  /// How many new instances may be wanted while that many are good.
  private func wave(after good: Int, _ policy: RolloutPolicy) -> Int {
    guard rules.rollsCanaryFirst else { return policy.replicas }
    let canary = min(max(policy.canary, 1), policy.replicas)
    guard good >= canary else { return canary }
    return min(policy.replicas, good + max(1, policy.maxSurge + policy.maxUnavailable))
  }

  /// Whether a new instance is stable and its live probes passed.
  func isGood(_ instance: InstanceRecord, _ policy: RolloutPolicy) -> Bool {
    isStable(instance, policy) && instance.passedProbes
  }

  /// Probes the stable instances of the target, and remembers those that are good; nil when there
  /// is none to probe.
  mutating func promote(_ run: Run) -> Move? {
    let policy = run.plan.rollout
    let new = wanted(run.plan.target.version)
    if let unprobed = new.first(where: { isStable($0, policy) && !$0.passedProbes }) {
      return .perform(.probe(unprobed.id))
    }
    for instance in new where !instance.wasGood && isGood(instance, policy) {
      change(instance.id) { $0.wasGood = true }
    }
    return nil
  }

  /// All new instances are good and no old one is wanted: wait for those that drain.
  mutating func rollEnds(_ run: Run) -> Move {
    hasOthers(beside: run.plan.target.version) ? look() : enter(.soak)
  }

  /// Whether an instance of another release is known to be alive, be it on its way out.
  func hasOthers(beside version: Version) -> Bool {
    record.instances.contains { $0.mayBeAlive && $0.release != version && !isInDoubt($0) }
  }

  // MARK: Trouble

  /// What is wrong with the new instances, if anything that the release is to blame for.
  func trouble(_ run: Run) -> Block? {
    let target = run.plan.target.version
    let crashed = record.instances.filter {
      $0.release == target && $0.isDead && $0.stoppedAt == nil && $0.startedAt >= run.openedAt
    }
    // An exit that nobody saw (the shim or the host went down) is no proof against the release.
    if let seen = crashed.first(where: { $0.exit != nil }) {
      let end = seen.exit?.description ?? "an exit whose status was not seen"
      return Block(
        code: "InstanceCrashed", message: "instance \(seen.id) of \(target) ended with \(end)")
    }
    // Those that went together went with what carried them; the same again and again is no chance.
    let occasions = Set(crashed.compactMap(\.diedAt)).count
    if run.plan.workload == nil, occasions >= Bounds.unseenDeathsMax {
      return Block(
        code: "InstanceCrashed",
        message: "instances of \(target) vanished on \(occasions) occasions")
    }
    for instance in wanted(target) {
      if let block = controllersTrouble(instance, run) { return block }
      if let block = trouble(instance, run.plan.rollout) { return block }
    }
    return nil
  }

  private func trouble(_ instance: InstanceRecord, _ policy: RolloutPolicy) -> Block? {
    let reading = watch.fleet?.instances.first { $0.id == instance.id }
    if rules.checksReportedVersion, let reading, reading.isReady,
      let reported = reading.reportedVersion, reported != instance.release.description
    {
      return Block(
        code: "WrongVersion",
        message: "instance \(instance.id) was started as \(instance.release) and reports "
          + "\(reported)")
    }
    let detail = reading.map { $0.detail.isEmpty ? "" : " (\($0.detail))" } ?? ""
    let isLate = seenAt - patience(with: instance) > policy.progressDeadline
    if !instance.wasGood, !isReady(instance), isLate {
      return Block(
        code: "NeverReady",
        message: "instance \(instance.id) of \(instance.release) was not good within "
          + "\(policy.progressDeadline)\(detail)")
    }
    let isDown =
      watch.unreadySince[instance.id].map {
        seenAt - $0 >= max(policy.stability, Bounds.unreadyToleranceMin)
      } ?? false
    if instance.wasGood, isDown || isOverdue(instance, policy, since: instance.startedAt) {
      return Block(
        code: "BecameUnhealthy",
        message: "instance \(instance.id) of \(instance.release) stopped being ready\(detail)")
    }
    return nil
  }
}
