extension Stepper {
  // MARK: Counting

  /// A release's instances that should serve and are not in doubt, oldest first.
  func wanted(_ version: Version) -> [InstanceRecord] {
    record.instances.filter { $0.isWanted && $0.release == version && !isInDoubt($0) }
  }

  /// The instances of other releases that should not serve any more and were not told so.
  func strays(beside version: Version?) -> [InstanceRecord] {
    record.instances.filter { $0.isWanted && $0.release != version && !isInDoubt($0) }
  }

  /// Whether the last reading could not tell if the instance lives.
  func isInDoubt(_ instance: InstanceRecord) -> Bool {
    guard !instance.isDead, let fleet = watch.fleet else { return false }
    return fleet.instances.first { $0.id == instance.id }?.life == .unknown
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

  /// Whether an instance is not ready and has not been so without interruption for longer than one
  /// may take.
  ///
  /// One that is ready now has its chance: since when it is, nobody can say who looked away, and
  /// one that comes and goes is found out the next time that it is not.
  func isOverdue(_ instance: InstanceRecord, _ policy: RolloutPolicy, since: Timestamp) -> Bool {
    guard !isReady(instance), !isInDoubt(instance) else { return false }
    let began = max(patience(with: instance), since)
    return seenAt - began > policy.progressDeadline + policy.stability
  }

  /// The moment of what is known of the fleet: by a reading of before, nothing is late yet.
  var seenAt: Timestamp { min(now, watch.fleet?.asOf ?? now) }

  /// Since when an instance has had the time to become good.
  func patience(with instance: InstanceRecord) -> Timestamp {
    max(
      max(instance.startedAt, watch.since ?? now),
      watch.patientSince[instance.id] ?? instance.startedAt)
  }

  /// Whether one more instance may be started: everything not known to be dead counts (R4).
  func hasRoom(_ policy: RolloutPolicy) -> Bool {
    !rules.boundsSurge
      || record.instances.count { $0.mayBeAlive } < policy.replicas + policy.maxSurge
  }

  /// How many instances are ready.
  var readyCount: Int { record.instances.count { isReady($0) } }

  /// The instance to stop next, unless that would leave too few ready ones (R4).
  func victim(_ candidates: [InstanceRecord], _ policy: RolloutPolicy) -> InstanceRecord? {
    guard let victim = candidates.first(where: { !isReady($0) }) ?? candidates.first else {
      return nil
    }
    guard isReady(victim), rules.keepsCapacity else { return victim }
    return readyCount - 1 >= policy.replicas - policy.maxUnavailable ? victim : nil
  }

  // MARK: Moves

  /// Starts one more instance of the release, once the ledger was seen to admit it.
  mutating func start(_ release: Release) -> Move {
    if let move = takeFenceIfNeeded() { return move }
    let gate = StartGate(window: release.window, epoch: record.epoch)
    let id = InstanceID("\(record.policy.service)-\(record.instanceCount + 1)")
    let order = StartOrder(id: id, release: release)
    guard rules.gatesStarts else { return .perform(.start(order, gate: gate)) }
    guard let ledger = freshLedger() else { return .read(.inspect) }
    guard gate.admits(ledger, notBefore: ledger.asOf) else {
      return refuseStart(closed(gate, ledger, release), ledger)
    }
    return .perform(.start(order, gate: gate))
  }

  /// At rest the gate is looked at again by itself, and while the run's own migration is half way,
  /// which the run carries on meanwhile; otherwise it stands until a person mended it.
  mutating func refuseStart(_ block: Block, _ ledger: LedgerReading) -> Move {
    let isOurs = ledger.interruptedRun != nil && ledger.interruptedRun == record.run?.plan.run
    guard record.run != nil, record.run?.block != block, !isOurs else {
      standing = block
      return .wait(until: idle)
    }
    stand(block)
    return .again
  }

  func closed(_ gate: StartGate, _ ledger: LedgerReading, _ release: Release) -> Block {
    let version = ledger.version?.description ?? "nothing applied"
    let state = ledger.isDirty ? "dirty at \(version)" : "at \(version)"
    return Block(
      code: ledger.isDirty ? "DirtyLedger" : "StartGateClosed",
      message: "no instance of \(release.version) may start: it works with schema \(gate.window), "
        + "and the ledger is \(state). Look at `windlass schema`, mend it, then `windlass resume`")
  }

  /// Keeps the wanted number of instances of one release, and none of another; nil when there is
  /// nothing to do.
  mutating func maintain(_ release: Release, _ policy: RolloutPolicy) -> Move? {
    let serving = wanted(release.version)
    if serving.count > policy.replicas, let last = serving.last {
      let spare = serving.first { !isReady($0) } ?? last
      return .perform(.stop(spare.id))
    }
    let strays = strays(beside: release.version)
    let isWhole = serving.count { isReady($0) } >= policy.replicas
    if isWhole || !hasRoom(policy), let stray = victim(strays, policy) {
      return .perform(.stop(stray.id))
    }
    guard serving.count < policy.replicas else { return nil }
    guard hasRoom(policy) else {
      standing = doubt(policy)
      return nil
    }
    if let due = restartIsDue(release.version), now < due { return look(until: due) }
    return start(release)
  }

  /// When a crashed instance may be replaced: the pause doubles with each replacement.
  func restartIsDue(_ version: Version) -> Timestamp? {
    let recent = record.restarts.filter { now - $0 <= Bounds.restartPeriod }
    guard hasCrashed(version), let latest = recent.last else { return nil }
    let doublings = Int64(min(recent.count - 1, 16))
    return latest
      + min(Bounds.effectRetryDelay * (Int64(1) << doublings), Bounds.effectRetryDelayMax)
  }

  /// Whether an instance of the release died without having been told to stop.
  func hasCrashed(_ version: Version) -> Bool {
    record.instances.contains { $0.isDead && $0.stoppedAt == nil && $0.release == version }
  }

  /// What holds up a start for want of room, when an instance in doubt takes it.
  func doubt(_ policy: RolloutPolicy) -> Block? {
    guard !hasRoom(policy), let instance = record.instances.first(where: isInDoubt) else {
      return nil
    }
    return Block(
      code: "InstanceInDoubt",
      message: "instance \(instance.id) of \(instance.release) may be alive, and with it "
        + "\(policy.replicas + policy.maxSurge) instances are, the most that may be: make sure "
        + "that it is gone, then `windlass confirm-dead \(instance.id)`")
  }

  /// Drops the record of the oldest dead instance; nil when none is.
  func forgetDead() -> Move? {
    record.instances.first(where: \.isDead).map { .perform(.forget($0.id)) }
  }

  /// Looks again soon: something about the fleet is about to change.
  func look() -> Move { .wait(until: now + pollInterval) }

  /// Looks again soon, and at the latest then: the other instances are watched all the while.
  func look(until due: Timestamp) -> Move {
    .wait(until: min(due, now + pollInterval))
  }
}
