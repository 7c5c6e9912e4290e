extension Stepper {
  /// Rolls the fleet forward: canary first, then one wave after the other, each promoted only when
  /// every instance before it is good.
  mutating func roll(_ run: Run) -> Move {
    let policy = run.plan.rollout
    if let trouble = trouble(run) {
      turnBack(trouble, blame: true)
      return .again
    }
    let new = wanted(run.plan.target.version)
    if let unprobed = new.first(where: { isStable($0, policy) && !$0.passedProbes }) {
      return .perform(.probe(unprobed.id))
    }
    let good = new.filter { isStable($0, policy) && $0.passedProbes }
    for instance in good where !instance.wasGood { change(instance.id) { $0.wasGood = true } }
    let old = record.instances.filter { $0.isWanted && $0.release != run.plan.target.version }

    if old.isEmpty, good.count >= policy.replicas { return rollEnds(run) }
    let ceiling = policy.replicas + policy.maxSurge
    let wave =
      !rules.rollsCanaryFirst
      ? policy.replicas
      : good.count < policy.canary
        ? policy.canary : good.count + max(1, policy.maxSurge + policy.maxUnavailable)
    let mayStart = new.count < min(policy.replicas, wave)
    let hasRoom = aliveCount < ceiling || !rules.boundsSurge
    if mayStart, hasRoom { return start(run.plan.target) }
    // With no room above the wanted number, room is made below it, down to the floor.
    let makesRoom = mayStart && !hasRoom && new.count == good.count
    let isReplaced = good.count + old.count > policy.replicas
    if isReplaced || makesRoom, let victim = victim(old, policy) {
      return .perform(.stop(victim.id))
    }
    return look()
  }

  /// The instance to stop next, unless that would leave too few ready ones.
  private func victim(_ candidates: [InstanceRecord], _ policy: RolloutPolicy) -> InstanceRecord? {
    guard let victim = candidates.first(where: { !isReady($0) }) ?? candidates.first else {
      return nil
    }
    let floor = policy.replicas - policy.maxUnavailable
    let left = readyCount - (isReady(victim) ? 1 : 0)
    return left >= floor || !isReady(victim) || !rules.keepsCapacity ? victim : nil
  }

  /// All new instances are good and no old one is wanted: wait for those that drain.
  private mutating func rollEnds(_ run: Run) -> Move {
    let isDraining = record.instances.contains { instance in
      instance.mayBeAlive && instance.release != run.plan.target.version && !isInDoubt(instance)
    }
    return isDraining ? look() : enter(.soak)
  }

  /// Whether the last reading could not tell if the instance lives.
  func isInDoubt(_ instance: InstanceRecord) -> Bool {
    watch.fleet?.instances.first { $0.id == instance.id }?.life == .unknown
  }

  /// What is wrong with the new instances, if anything that the release is to blame for.
  func trouble(_ run: Run) -> Block? {
    let target = run.plan.target.version
    let crashed = record.instances.filter {
      $0.release == target && $0.isDead && $0.stoppedAt == nil
    }
    // An exit that nobody saw (the shim or the host went down) is no proof against the release.
    if let seen = crashed.first(where: { $0.exit != nil }) {
      let end = seen.exit?.description ?? "an exit whose status was not seen"
      return Block(
        code: "InstanceCrashed", message: "instance \(seen.id) of \(target) ended with \(end)")
    }
    if crashed.count >= Bounds.unseenDeathsMax {
      return Block(
        code: "InstanceCrashed", message: "\(crashed.count) instances of \(target) vanished")
    }
    for instance in wanted(target) {
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
    if !instance.wasGood, now - instance.startedAt > policy.progressDeadline {
      return Block(
        code: "NeverReady",
        message: "instance \(instance.id) of \(instance.release) was not good within "
          + "\(policy.progressDeadline)\(detail)")
    }
    if instance.wasGood, let since = watch.unreadySince[instance.id],
      now - since >= max(policy.stability, Bounds.unreadyToleranceMin)
    {
      return Block(
        code: "BecameUnhealthy",
        message: "instance \(instance.id) of \(instance.release) stopped being ready\(detail)")
    }
    return nil
  }

  /// Rolls the fleet back to the source: bad instances go at once, good ones when they are
  /// replaced.
  mutating func rollBack(_ run: Run) -> Move {
    let policy = run.plan.rollout
    let target = run.plan.target.version
    guard let source = run.plan.source else { return clear(run) }
    let crashes = record.instances.count {
      $0.release == source.version && $0.isDead && $0.stoppedAt == nil
        && ($0.diedAt ?? now) >= run.phaseSince
    }
    if crashes >= Bounds.restartsMax {
      stand(
        Block(
          code: "PreviousFails",
          message: "\(source.version) fails as well (\(crashes) crashes while rolling back): what "
            + "still runs is left alone. Mend the cause, then `windlass resume`"))
      return .again
    }
    let new = wanted(target)
    if let bad = new.first(where: { !isReady($0) }) { return .perform(.stop(bad.id)) }
    let old = wanted(source.version)
    let good = old.filter { isStable($0, policy) }
    let hasRoom = aliveCount < policy.replicas + policy.maxSurge || !rules.boundsSurge
    if old.count < policy.replicas, hasRoom { return start(source) }
    let isReplaced = good.count + new.count > policy.replicas
    let makesRoom = old.count < policy.replicas && !hasRoom && old.count == good.count
    if isReplaced || makesRoom, let victim = victim(new, policy) {
      return .perform(.stop(victim.id))
    }
    let isDraining = record.instances.contains {
      $0.release == target && $0.mayBeAlive && !isInDoubt($0)
    }
    if new.isEmpty, !isDraining, good.count >= policy.replicas {
      end(.rolledBack, run.turnedBackFor)
      return .again
    }
    return look()
  }

  /// Takes a failed install's instances away; there is nothing to go back to.
  private mutating func clear(_ run: Run) -> Move {
    if let instance = record.instances.first(where: { $0.isWanted }) {
      return .perform(.stop(instance.id))
    }
    if record.instances.contains(where: { $0.mayBeAlive && !isInDoubt($0) }) { return look() }
    end(.rolledBack, run.turnedBackFor)
    return .again
  }
}
