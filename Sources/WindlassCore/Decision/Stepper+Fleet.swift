extension Stepper {
  /// A release's instances that are wanted, oldest first.
  func wanted(_ version: Version) -> [InstanceRecord] {
    record.instances.filter { $0.isWanted && $0.release == version }
  }

  /// Whether the last reading found the instance ready and of the right version.
  func isReady(_ instance: InstanceRecord) -> Bool {
    instance.isWanted && watch.readySince[instance.id] != nil
  }

  /// Whether an instance has been ready without interruption for the stability window.
  func isStable(_ instance: InstanceRecord, _ policy: RolloutPolicy) -> Bool {
    guard instance.isWanted, let since = watch.readySince[instance.id],
      let asOf = watch.fleet?.asOf
    else { return false }
    return !rules.waitsForStability || asOf - since >= policy.stability
  }

  /// Everything that counts against the ceiling: not known to be dead.
  var aliveCount: Int { record.instances.count { $0.mayBeAlive } }

  var readyCount: Int { record.instances.count { isReady($0) } }

  /// Starts one more instance of the release, once the ledger was seen to admit it.
  mutating func start(_ release: Release) -> Move {
    if let move = takeFenceIfNeeded() { return move }
    let id = InstanceID("\(record.policy.service)-\(record.instanceCount + 1)")
    let gate = StartGate(window: release.window, epoch: record.epoch)
    let order = StartOrder(id: id, release: release)
    guard rules.gatesStarts else { return .perform(.start(order, gate: gate)) }
    guard let ledger = freshLedger() else { return .read(.inspect) }
    guard gate.admits(ledger) else {
      stand(closed(gate, ledger, release))
      return .again
    }
    return .perform(.start(order, gate: gate))
  }

  private func closed(_ gate: StartGate, _ ledger: LedgerReading, _ release: Release) -> Block {
    let version = ledger.version?.description ?? "nothing applied"
    let state = ledger.isDirty ? "dirty at \(version)" : "at \(version)"
    return Block(
      code: ledger.isDirty ? "DirtyLedger" : "StartGateClosed",
      message: "no instance of \(release.version) may start: it works with schema \(gate.window), "
        + "and the ledger is \(state). Look at `windlass schema`, mend it, then `windlass resume`")
  }

  /// Keeps the wanted number of instances of one release; nil when there is nothing to do.
  mutating func maintain(_ release: Release, _ policy: RolloutPolicy) -> Move? {
    let crashed = record.instances.filter { $0.isDead && $0.stoppedAt == nil }
    let serving = wanted(release.version)
    if serving.count > policy.replicas, let last = serving.last {
      let spare = serving.first { !isReady($0) } ?? last
      return .perform(.stop(spare.id))
    }
    guard serving.count < policy.replicas, aliveCount < policy.replicas + max(policy.maxSurge, 1)
    else { return nil }
    let now = now
    record.restarts.removeAll { now - $0 > Bounds.restartPeriod }
    if !crashed.isEmpty, let latest = record.restarts.last {
      let doublings = Int64(min(record.restarts.count - 1, 16))
      let due =
        latest
        + min(Bounds.effectRetryDelay * (Int64(1) << doublings), Bounds.effectRetryDelayMax)
      if now < due { return .wait(until: due) }
    }
    let move = start(release)
    if case .perform(.start) = move, !crashed.isEmpty {
      record.restarts.append(now)
      record.restarts = record.restarts.suffix(Bounds.instancesRememberedMax)
    }
    return move
  }

  /// Drops the record of the oldest dead instance once it is of no more use; nil when none is.
  func forgetDead(keeping phaseSince: Timestamp?) -> Move? {
    let dead = record.instances.filter { instance in
      guard instance.isDead, let diedAt = instance.diedAt else { return false }
      return phaseSince.map { diedAt < $0 } ?? true
    }
    return dead.first.map { .perform(.forget($0.id)) }
  }

  /// Looks again soon: something about the fleet is about to change.
  func look() -> Move { .wait(until: now + Bounds.fleetPollInterval) }
}
