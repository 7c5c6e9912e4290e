import WindlassCore

extension Simulation {
  // MARK: What the daemon does

  /// Writes an order to the workload, when the ledger admits what it starts.
  func write(_ order: WorkloadOrder, _ gate: StartGate?) throws(StepFailure) {
    if let gate {
      if let obstacle = database.obstacle(at: now), obstacle.code == "Unreachable" {
        throw obstacle
      }
      guard gate.admits(database.reading(asOf: now)) || !rules.gatesStarts else {
        throw StepFailure(code: "StartGateClosed", disposition: .retry, message: "not admitted")
      }
    }
    try deliver(order, isLate: false)
    if dice.strikes(scenario.hazards.startHalfFails, "an order is cut short") {
      tell("FAULT an order is cut short")
      throw StepFailure(code: "NoAnswer", disposition: .retry, message: "nobody answered")
    }
    for id in order.removing { sendAway(id) }
  }

  private func deliver(_ order: WorkloadOrder, isLate: Bool) throws(StepFailure) {
    let seenAt = now + dice.interval(5...250)
    guard var workload, try workload.write(order, seenAt: seenAt) else { return }
    self.workload = workload
    tell("the workload says \(order.aim.name) of \(order.release.version)")
    note(.ordered(order, isLate: isLate))
  }

  /// Leaves an order on its way, for nobody to wait for.
  func leaveBehind(_ order: WorkloadOrder) {
    tell("\(order.id) is on its way")
    workload?.late.append((order, now + dice.interval(50...3_000)))
  }

  /// Orders that come when their senders have given them up.
  func deliverLateOrders() {
    guard let late = workload?.late, late.contains(where: { $0.at <= now }) else { return }
    workload?.late.removeAll { $0.at <= now }
    for (order, at) in late where at <= now {
      do throws(StepFailure) {
        try deliver(order, isLate: true)
        for id in order.removing { sendAway(id) }
      } catch {
        tell("late \(order.id) is refused: \(error.code)")
      }
    }
  }

  func probe(_ wave: [InstanceID]) throws(StepFailure) -> [ProbeAnswer] {
    var answers: [ProbeAnswer] = []
    for id in wave {
      guard let instance = fleet.instance(id), let post = instance.post, instance.isKept,
        instance.isReady(at: now), workload?.machines[post.machine].isUp == true,
        !dice.strikes(scenario.hazards.probeUnanswered, "\(id) can't be asked")
      else { continue }
      var answer = ProbeAnswer(
        id: id,
        reportedVersion: instance.behaviour == .lies ? "0.0.1" : instance.release.description)
      if instance.behaviour == .failsProbes { answer.failure = "wrong answer" }
      if dice.strikes(scenario.hazards.probeFails, "probes of \(id) fail") {
        blame(instance.release)
        answer.failure = "wrong answer"
      }
      if answer.failure == nil, instance.behaviour != .lies { note(.probed(id)) }
      answers.append(answer)
    }
    return answers
  }

  // MARK: What happens to it

  func begin(_ shape: WorkloadShape, _ version: Version) {
    let replicas = scenario.policy.rollout.replicas
    var workload = SimulatedWorkload(shape, version: version, desired: replicas, at: now)
    workload.checksTokens = rules.guardsOrders
    workload.instanceCount = replicas
    self.workload = workload
    for number in 0..<replicas {
      let post = SimulatedPost(slot: number, machine: number % 3, boot: 1, startsAt: now)
      place(InstanceID("\(scenario.policy.service)-\(number + 1)"), version, post)
    }
  }

  func scale(to desired: Int) {
    let least = [.ordered, .byRemoval].contains(workload?.shape) ? 2 : 1
    let wanted = max(desired, least)
    guard workload?.desired != wanted else { return }
    workload?.desired = wanted
    workload?.decide(seenAt: now + dice.interval(5...250))
  }

  /// A person changes what instances are started from.
  func edit(release: Int?, lasting: Interval?) {
    guard let workload, workload.saidBefore == nil else { return }
    let version = release.map { scenario.releases[$0 % scenario.releases.count].release.version }
    // Without a run, what does not touch releases is its owner's own business.
    guard version != workload.says.version, version != nil || journal.run != nil else { return }
    changeTemplate(to: version)
    if let lasting { insert(.takingBack(now + lasting, isPause: false)) }
  }

  /// Somebody else writes the template: another version, or something about the same.
  func changeTemplate(to version: Version? = nil) {
    guard var workload else { return }
    workload.saidBefore = (workload.says, workload.revision)
    workload.isGivenFree = false
    if let version {
      workload.says.version = version
      workload.says.isByPerson = true
      workload.personsVersions.insert(version)
    }
    workload.editor = "a person"
    // No two edits are alike, or what was let stand once would stand for another one.
    workload.edits += 1
    workload.revision += 1_000 * workload.edits
    workload.decide(seenAt: now + dice.interval(5...250))
    self.workload = workload
    noteTouch()
  }

  /// What somebody changed in a run that has ended, and is no other release, is from then on what
  /// the workload's owner may change at rest.
  func leaveEditToItsOwner() {
    guard let before = workload?.saidBefore, before.saying.version == workload?.says.version
    else { return }
    workload?.isGivenFree = true
    noteTouch()
  }

  func pauseWorkload(lasting: Interval?) {
    guard workload?.hold == nil else { return }
    workload?.hold = .foreign("a person")
    workload?.decide(seenAt: now + dice.interval(5...250))
    noteTouch()
    if let lasting { insert(.takingBack(now + lasting, isPause: true)) }
  }

  /// Whoever changed or paused it takes that back.
  func takeBack(isPause: Bool) {
    guard var workload else { return }
    if isPause {
      guard case .foreign? = workload.hold else { return }
      workload.hold = nil
    } else {
      guard let before = workload.saidBefore else { return }
      workload.says = before.saying
      workload.revision = before.revision
      workload.saidBefore = nil
      workload.editor = nil
    }
    workload.decide(seenAt: now + dice.interval(5...250))
    self.workload = workload
    noteTouch()
    guard !isPause, workload.shape == .byRemoval else { return }
    // Whoever began instances that no controller replaces takes them away again.
    for instance in fleet.instances where workload.personsVersions.contains(instance.release) {
      if instance.release != workload.says.version { sendAway(instance.id) }
    }
  }

  private func noteTouch() { note(.workloadTouched(workload?.isTouched ?? false)) }

  // MARK: Machines

  func loseMachine(_ nth: Int, lasting: Interval) {
    guard let workload, let machine = upMachine(nth, sparing: 0) else { return }
    self.workload?.machines[machine].awaySince = now
    tell("\(workload.machines[machine].name) does not answer")
    interrupt(on: machine)
    insert(.machineBack(now + lasting, machine))
  }

  func bringBack(_ machine: Int) {
    guard let workload, !workload.machines[machine].isGone,
      workload.machines[machine].awaySince != nil
    else { return }
    self.workload?.machines[machine].awaySince = nil
    tell("\(workload.machines[machine].name) is back")
    for instance in fleet.instances
    where instance.post?.machine == machine && instance.isAlive(at: now) && instance.isDraining {
      let id = instance.id
      fleet.change(id) { $0.isDraining = false }
      fleet.stop(id, at: now, drain: dice.interval(5...150), grace: .milliseconds(400))
    }
  }

  func removeMachine(_ nth: Int) {
    guard var workload, let machine = upMachine(nth, sparing: 1) else { return }
    workload.machines[machine].isGone = true
    workload.machines.append(SimulatedMachine(name: "machine-\(workload.machines.count + 1)"))
    self.workload = workload
    tell("machine \(machine + 1) is gone")
    for index in fleet.instances.indices where fleet.instances[index].post?.machine == machine {
      if fleet.instances[index].isAlive(at: now) { fleet.instances[index].diesAt = now }
      fleet.instances[index].isUnseen = false
      fleet.instances[index].post?.isVanished = true
    }
  }

  func rebootMachine(_ nth: Int) {
    guard let machine = upMachine(nth, sparing: 0), let boot = workload?.machines[machine].boot
    else { return }
    workload?.machines[machine].boot = boot + 1
    tell("machine \(machine + 1) boots anew")
    interrupt(on: machine)
    for index in fleet.instances.indices where fleet.instances[index].post?.machine == machine {
      fleet.instances[index].isUnseen = false
      guard fleet.instances[index].isAlive(at: now) else { continue }
      guard fleet.instances[index].isKept else {
        fleet.instances[index].diesAt = now
        continue
      }
      fleet.instances[index].post?.boot = boot + 1
      fleet.instances[index].post?.restarts += 1
      guard fleet.instances[index].readyAt != nil else { continue }
      fleet.instances[index].readyAt = now + dice.interval(50...600)
    }
  }

  func evict(_ nth: Int) {
    let living = fleet.instances.filter { $0.isKept && $0.isAlive(at: now) }
    guard !living.isEmpty else { return }
    fleet.change(living[nth % living.count].id) {
      $0.diesAt = now
      $0.post?.isEvicted = true
    }
  }

  func crash(_ nth: Int) {
    let living = fleet.instances.filter { $0.isKept && $0.isAlive(at: now) }
    guard !living.isEmpty else { return }
    let victim = living[nth % living.count]
    blame(victim.release)
    crash(victim.id)
  }

  /// An instance's process ends as SIGKILL from elsewhere ends it.
  func crash(_ id: InstanceID) {
    fleet.change(id) {
      $0.post?.crashesAt = now
      $0.exit = ExitReport(signal: 9)
    }
  }

  private func interrupt(on machine: Int) {
    for index in fleet.instances.indices where fleet.instances[index].post?.machine == machine {
      fleet.instances[index].post?.interruptions += 1
    }
  }

  private func upMachine(_ nth: Int, sparing: Int) -> Int? {
    guard let workload else { return nil }
    let up = workload.machines.indices.filter { workload.machines[$0].isUp }
    return up.count > sparing ? up[nth % up.count] : nil
  }
}
