extension Stepper {
  /// Folds in what was seen.
  mutating func absorb(_ observation: Observation) {
    if let report = observation.report { absorb(report) }
    if let offer = observation.offer { watch.offer = offer }
    if let ledger = observation.ledger, isCurrent(ledger.asOf) { absorb(ledger) }
    if let fleet = observation.fleet, isCurrent(fleet.asOf) { absorb(fleet) }
    for decision in observation.decisions { absorb(decision) }
  }

  private mutating func absorb(_ report: Report) {
    switch report {
    case .unreadable(let failure):
      watch.unreadable = failure
      watch.unreadableUntil = now + pause(afterAttempts: 1, failure)
    case .finished(let id, let outcome):
      guard let action = close(id) else { return }
      record.retry = nil
      settle(action, outcome)
    case .failed(let id, let failure):
      guard let action = close(id) else { return }
      retryOrGiveUp(action, failure)
    case .neverHappened(let id):
      guard let action = close(id) else { return }
      undo(action)
    case .lost(let id):
      guard let inFlight = record.inFlight, inFlight.id == id else { return }
      // What has no lasting effect is simply done again when it is still wanted.
      if !inFlight.action.hasLastingEffect || !rules.readsBackLostOutcomes {
        if let action = close(id) { undo(action) }
      }
    }
  }

  /// Ends the action in flight, if that is its id.
  private mutating func close(_ id: EffectID) -> Action? {
    guard let inFlight = record.inFlight, inFlight.id == id else { return nil }
    record.inFlight = nil
    record.lastEffectEndedAt = max(now, record.lastEffectEndedAt)
    watch.unreadable = nil
    watch.unreadableUntil = nil
    return inFlight.action
  }

  /// Takes back what the intent wrote down, for an action that never happened.
  private mutating func undo(_ action: Action) {
    switch action {
    case .start(let order, _): record.instances.removeAll { $0.id == order.id }
    case .stop(let instance): change(instance) { $0.stoppedAt = nil }
    case .takeFence, .preflight, .prepare, .backUp, .verify, .rehearse, .apply, .probe,
      .recordCommitPoint, .forget, .prune:
      break
    }
  }

  // MARK: Readings

  private mutating func absorb(_ ledger: LedgerReading) {
    watch.ledger = ledger
    watch.unreadable = nil
    watch.unreadableUntil = nil
    if watch.isFenced, ledger.epoch != record.epoch {
      watch.isFenced = false
      stand(
        Block(
          code: "FenceLost",
          message: "another daemon took the fence of \(record.policy.service)'s database "
            + "(epoch \(ledger.epoch.map(\.description) ?? "none"), ours was "
            + "\(record.epoch.map(\.description) ?? "none")): stop one of the two, then "
            + "`windlass resume`"))
    }
  }

  private mutating func absorb(_ fleet: FleetReading) {
    watch.fleet = fleet
    watch.unreadable = nil
    watch.unreadableUntil = nil
    let readings = Dictionary(
      fleet.instances.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    // The port promises to name every instance that was ever started.
    record.instances.removeAll { readings[$0.id] == nil && !$0.isDead }
    for index in record.instances.indices {
      guard let reading = readings[record.instances[index].id] else { continue }
      var instance = record.instances[index]
      fold(reading, into: &instance, asOf: fleet.asOf)
      if instance != record.instances[index] { record.instances[index] = instance }
    }
    let known = Set(record.instances.map(\.id))
    watch.readySince = watch.readySince.filter { known.contains($0.key) }
    watch.unreadySince = watch.unreadySince.filter { known.contains($0.key) }
  }

  private mutating func fold(
    _ reading: InstanceReading, into instance: inout InstanceRecord, asOf: Timestamp
  ) {
    let isGone =
      reading.life == .dead || (reading.life == .unknown && !rules.countsDoubtAsAlive)
    if isGone, !instance.isDead {
      instance.isDead = true
      instance.diedAt = asOf
      instance.exit = reading.exit
    }
    if answers(reading, as: instance.release), !instance.isDead {
      watch.unreadySince[instance.id] = nil
      if watch.readySince[instance.id] == nil { watch.readySince[instance.id] = asOf }
    } else {
      if watch.readySince.removeValue(forKey: instance.id) != nil || instance.wasGood {
        if watch.unreadySince[instance.id] == nil { watch.unreadySince[instance.id] = asOf }
      }
    }
  }

  /// Whether an instance is ready and is what it should be.
  private func answers(_ reading: InstanceReading, as release: Version) -> Bool {
    guard reading.life == .alive, reading.isReady, !reading.isDraining else { return false }
    return !rules.checksReportedVersion || reading.reportedVersion == release.description
  }

  // MARK: People

  private mutating func absorb(_ decision: Decision) {
    switch decision.choice {
    case .pause: record.isPaused = true
    case .resume:
      record.isPaused = false
      record.block = nil
      record.run?.block = nil
      record.retry = nil
      record.refusedUntil = nil
    case .approve(let version): record.approved = version
    case .rollback: turnBack(by: decision)
    case .quarantine(let version):
      let build = watch.offer?.releases.first { $0.version == version }?.build ?? ""
      quarantine(version, build: build, for: Block(code: "ByPerson", message: note(decision)))
    case .release(let version): record.quarantine.removeAll { $0.version == version }
    case .confirmDead(let id):
      let now = now
      change(id) {
        $0.isDead = true
        $0.diedAt = now
      }
    case .adopt(let version): adopt(version, by: decision)
    }
  }

  private mutating func turnBack(by decision: Decision) {
    guard let run = record.run, !run.isCommitted else { return }
    let reason = Block(code: "ByPerson", message: note(decision))
    quarantine(run.plan.target.version, build: run.plan.target.build, for: reason)
    record.run?.block = nil
    if hasChangedNothing(run) { end(.refused, reason) } else { turnBack(reason, blame: false) }
  }

  private mutating func adopt(_ version: Version, by decision: Decision) {
    guard record.run == nil, record.deployed == nil,
      let release = watch.offer?.releases.first(where: { $0.version == version })
    else { return }
    record.deployed = release
    record.block = nil
  }

  private func note(_ decision: Decision) -> String {
    decision.reason.isEmpty ? "\(decision.by) said so" : "\(decision.by): \(decision.reason)"
  }
}
