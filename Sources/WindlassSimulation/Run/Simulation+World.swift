import WindlassCore

extension Simulation {
  /// Puts what exists before the daemon into the world.
  func begin() {
    note(.daemonStarted)
    guard scenario.beginning != .nothing, let first = scenario.releases.first else { return }
    database.applied = []
    let version = first.release.version
    if scenario.beginning == .deployed {
      journal.deployed = scenario.publications.first?.offer.releases.first {
        $0.version == version
      }
      note(.deployed(version))
    }
    dice.isCalm = true
    if let shape = scenario.policy.workload {
      begin(shape, version)
      return endBeginning()
    }
    for number in 1...scenario.policy.rollout.replicas {
      let id = InstanceID("\(scenario.policy.service)-\(number)")
      launch(id, version)
      guard scenario.beginning == .deployed, let release = journal.deployed else { continue }
      journal.instances.append(
        InstanceRecord(id: id, release: version, window: release.window, startedAt: now))
      journal.instanceCount += 1
    }
    endBeginning()
  }

  private func endBeginning() {
    dice.isCalm = false
    tally = Tally()
    state = ServiceState(record: journal)
  }

  // MARK: Time

  func advance(by interval: Interval) { advance(to: now + interval) }

  /// Lets time pass, and everything happen that is due.
  func advance(to time: Timestamp) {
    while true {
      let turn = workload.map(\.turnsAt) ?? Timestamp(milliseconds: .max)
      if let next = future.last, next.at <= min(time, turn) {
        future.removeLast()
        settle(at: max(now, next.at))
        happen(next)
      } else if turn <= time {
        settle(at: max(now, turn))
        turnController()
      } else {
        return settle(at: max(now, time))
      }
    }
  }

  private func settle(at time: Timestamp) {
    now = time
    runLateOrders(until: now)
    deliverLateOrders()
    restartCrashed()
    for id in fleet.newlyDead(at: now) {
      tell("\(id) is dead")
      note(.died(id))
    }
  }

  private func happen(_ coming: Coming) {
    switch coming {
    case .publication(let publication):
      if published.map({ $0.serial < publication.offer.serial }) ?? true {
        published = publication.offer
        tell("manifest \(publication.offer.serial): \(describe(publication.offer))")
      }
      // A daemon that is down fetches it when it is back.
      if downUntil == nil { inbox.offer = published }
    case .incident(let incident):
      tell("INCIDENT \(incident.kind)")
      happen(incident.kind)
    case .takingBack(_, let isPause): takeBack(isPause: isPause)
    case .machineBack(_, let machine): bringBack(machine)
    }
  }

  private func happen(_ kind: Incident.Kind) {
    switch kind {
    case .pause: decide(.pause)
    case .resume: decide(.resume)
    case .rollback: decide(.rollback)
    case .approve:
      if let target = state.record.run?.plan.target.version { decide(.approve(target)) }
    case .quarantineTarget:
      if let target = state.record.run?.plan.target.version { decide(.quarantine(target)) }
    case .releaseAll:
      for entry in state.record.quarantine { decide(.release(entry.version)) }
    case .confirmDead: confirmDead()
    case .daemonKilled(let down): die(for: down)
    case .hostRebooted(let down):
      killAll()
      die(for: down)
    case .instanceInDoubt(let nth, let dies, let lasting): doubt(nth, dies, lasting)
    case .instanceDies(let nth): workload == nil ? kill(nth) : crash(nth)
    case .databaseAway(let interval): database.isAwayUntil = now + interval
    case .schemaMeddled: meddle()
    case .fenceStolen:
      guard database.epoch != nil, database.obstacle(at: now) == nil,
        let epoch = try? database.takeFence(after: database.epoch)
      else { return }
      note(.fenceTaken(epoch, byUs: false))
    case .workloadScaled(let desired): scale(to: desired)
    case .workloadEdited(let release, let lasting): edit(release: release, lasting: lasting)
    case .workloadPaused(let lasting): pauseWorkload(lasting: lasting)
    case .machineLost(let nth, let lasting): loseMachine(nth, lasting: lasting)
    case .machineGone(let nth): removeMachine(nth)
    case .machineRebooted(let nth): rebootMachine(nth)
    case .instanceEvicted(let nth): evict(nth)
    }
  }

  // MARK: People

  /// Tells the daemon what a person decided, when it runs.
  func decide(_ choice: Decision.Choice) {
    guard downUntil == nil else { return }
    switch choice {
    case .rollback, .quarantine:
      if let target = state.record.run?.plan.target.version { blameable.insert(target) }
    default: break
    }
    if [.resume, .rollback].contains(choice) { workload?.isGivenFree = true }
    if case .adopt = choice { workload?.isGivenFree = true }
    inbox.decisions.append(Decision(choice: choice, by: "a person"))
  }

  /// A person looks after the instances in doubt, and names those that are dead.
  func confirmDead() {
    let doubted = Set(state.record.instances.filter(\.mayBeAlive).map(\.id))
    let forgotten = doubted.filter { fleet.instance($0) == nil }
    for id in forgotten { decide(.confirmDead(id)) }
    for instance in fleet.instances
    where instance.isInDoubt(at: now)
      || (instance.post != nil && (doubted.contains(instance.id) || !forgotten.isEmpty))
    {
      guard !instance.isAlive(at: now) else { continue }
      decide(.confirmDead(instance.id))
    }
  }

  // MARK: Accidents

  private func killAll() {
    for index in fleet.instances.indices where fleet.instances[index].isAlive(at: now) {
      // The boot id changes, and with it everything of this boot is known to be dead.
      fleet.instances[index].diesAt = now
      fleet.instances[index].exit = nil
      fleet.instances[index].doubt = nil
    }
    for version in Set(fleet.instances.map(\.release)) { vanish(version) }
  }

  /// Instances of the release went and nobody saw how; often enough, that is held against it.
  private func vanish(_ version: Version) {
    unseenDeaths[version, default: 0] += 1
    if unseenDeaths[version, default: 0] >= Bounds.unseenDeathsMax { blame(version) }
  }

  private func living(_ nth: Int) -> Int? {
    let living = fleet.instances.indices.filter { fleet.instances[$0].isAlive(at: now) }
    return living.isEmpty ? nil : living[nth % living.count]
  }

  private func kill(_ nth: Int) {
    guard let index = living(nth) else { return }
    fleet.instances[index].diesAt = now
    fleet.instances[index].exit = ExitReport(signal: 9)
    blame(fleet.instances[index].release)
  }

  private func doubt(_ nth: Int, _ dies: Bool, _ lasting: Interval?) {
    guard let index = living(nth) else { return }
    fleet.instances[index].doubt = (now, lasting.map { now + $0 })
    guard dies else { return }
    fleet.instances[index].diesAt = now
    fleet.instances[index].exit = nil
    vanish(fleet.instances[index].release)
  }

  /// Somebody runs a migration tool by hand: the ledger goes where nobody expects it.
  private func meddle() {
    guard let version = database.version, database.obstacle(at: now) == nil else { return }
    mended = mended ?? version
    database.version = SchemaVersion(version.number + 100)
    database.isDirty = dice.way(of: 2) == 0
    note(.schemaChanged(database.version, isDirty: database.isDirty))
  }
}
