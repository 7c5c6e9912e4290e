import WindlassCore

extension Simulation {
  func start(_ order: StartOrder, _ gate: StartGate) throws(StepFailure) {
    if let obstacle = database.obstacle(at: now), obstacle.code == "Unreachable" { throw obstacle }
    guard gate.admits(database.reading(asOf: now)) || !rules.gatesStarts else {
      throw StepFailure(code: "StartGateClosed", disposition: .retry, message: "not admitted")
    }
    guard fleet.instance(order.id) == nil else { return }
    launch(order.id, order.release.version)
    if dice.strikes(scenario.hazards.startHalfFails, "a start fails half") {
      tell("FAULT a start fails half")
      throw StepFailure(code: "NoAnswer", disposition: .retry, message: "nobody answered")
    }
  }

  /// A process of the release begins.
  func launch(_ id: InstanceID, _ version: Version) {
    guard let truth = released(version) else { return }
    var instance = SimulatedInstance(
      id: id, release: version, behaviour: truth.behaviour, window: truth.window)
    let policy = scenario.policy.rollout
    instance.readyAt = now + dice.interval(10...200)
    if truth.behaviour == .neverReady { instance.readyAt = nil }
    if dice.strikes(scenario.hazards.startSlow, "\(id) starts slowly") {
      instance.readyAt = now + policy.progressDeadline + dice.interval(1...2_000)
      blame(version)
    }
    if case .crashes(let after) = truth.behaviour, let readyAt = instance.readyAt {
      instance.diesAt = readyAt + after
      instance.exit = ExitReport(code: 70)
    } else if dice.strikes(scenario.hazards.instanceCrashes, "\(id) crashes") {
      instance.diesAt = now + dice.interval(0...3_000)
      instance.exit = ExitReport(signal: 11)
      blame(version)
    }
    if dice.strikes(scenario.hazards.instanceFlaps, "\(id) flaps") {
      let from = now + dice.interval(0...2_000)
      instance.unready = (from, from + dice.interval(50...2_500))
      blame(version)
    }
    instance.isTermIgnored = dice.strikes(scenario.hazards.termIgnored, "\(id) ignores SIGTERM")
    fleet.instances.append(instance)
    tally.starts += 1
    tell("\(id) of \(version) begins")
    note(
      workload.map { .appeared(id, version, truth.window, byPerson: $0.isByPerson(version)) }
        ?? .started(id, version, truth.window))
  }

  func stop(_ id: InstanceID) {
    let drain = dice.interval(5...150)
    fleet.stop(id, at: now, drain: drain, grace: .milliseconds(400))
    tally.stops += 1
  }

  func probe(_ id: InstanceID) throws(StepFailure) -> String? {
    let said = try fleet.probe(id, at: now)
    guard let instance = fleet.instance(id), instance.isReady(at: now) else { return said }
    if dice.strikes(scenario.hazards.probeFails, "probes of \(id) fail") {
      tell("FAULT probes of \(id) fail")
      blame(instance.release)
      return "wrong answer"
    }
    if said == nil { note(.probed(id)) }
    return said
  }

  /// The release may rightly be quarantined from now on.
  func blame(_ version: Version) { blameable.insert(version) }
}
