extension Stepper {
  /// Rolls the fleet back to the source: bad instances go at once, good ones when they are
  /// replaced.
  mutating func rollBack(_ run: Run) -> Move {
    let policy = run.plan.rollout
    guard let source = run.plan.source else { return clear(run) }
    if let block = previousFails(run, source.version) {
      stand(block)
      return .again
    }
    let new = strays(beside: source.version)
    if let bad = new.first(where: { !isReady($0) }) { return .perform(.stop(bad.id)) }
    let old = wanted(source.version)
    let good = old.filter { isStable($0, policy) }
    if old.count < policy.replicas, hasRoom(policy) {
      if let due = restartIsDue(source.version), now < due { return look(until: due) }
      return start(source)
    }
    let isReplaced = good.count + new.count > policy.replicas
    let makesRoom = old.count < policy.replicas && old.count == good.count
    if isReplaced || makesRoom, let victim = victim(new, policy) {
      return .perform(.stop(victim.id))
    }
    if new.isEmpty, !hasOthers(beside: source.version), good.count >= policy.replicas {
      end(.rolledBack, run.turnedBackFor)
      return .again
    }
    if old.count < policy.replicas { standing = doubt(policy) }
    return look()
  }

  /// The previous release does not come back either: what still runs is left alone.
  func previousFails(_ run: Run, _ source: Version) -> Block? {
    let crashes = record.instances.count {
      $0.release == source && $0.isDead && $0.stoppedAt == nil
        && ($0.diedAt ?? now) >= run.phaseSince
    }
    let overdue = wanted(source).first { isOverdue($0, run.plan.rollout, since: run.phaseSince) }
    guard crashes >= Bounds.restartsMax || overdue != nil else { return nil }
    let detail = overdue.map { "instance \($0.id) is not ready" } ?? "\(crashes) instances ended"
    return Block(
      code: "PreviousFails",
      message: "\(source) fails as well (\(detail) while rolling back): what still runs is left "
        + "alone. Mend the cause, then `windlass resume`")
  }

  /// Takes a failed install's instances away; there is nothing to go back to.
  private mutating func clear(_ run: Run) -> Move {
    if let instance = strays(beside: nil).first { return .perform(.stop(instance.id)) }
    if record.instances.contains(where: { $0.mayBeAlive && !isInDoubt($0) }) { return look() }
    end(.rolledBack, run.turnedBackFor)
    return .again
  }
}
