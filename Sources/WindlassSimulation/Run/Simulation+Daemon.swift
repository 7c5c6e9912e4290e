import WindlassCore

extension Simulation {
  /// One turn of the daemon's loop, or of the world without a daemon.
  func turn() {
    steps += 1
    if let until = downUntil {
      advance(to: until)
      downUntil = nil
      restart()
      return
    }
    if dies(scenario.hazards.crashIdle, "daemon dies at rest") { return }
    var observation = inbox
    inbox = Observation()
    if dice.strikes(scenario.hazards.readingStale / 4, "an old reading comes by itself"),
      observation.fleet == nil
    {
      observation.fleet = fleet.staleReading
      observation.workload = observation.workload ?? earlierReading
    }
    tell(observation)
    note(observation)
    let next = step(state, observation, now: now, rules: rules)
    guard rules.journalsIntents else { return turnWithoutIntent(next) }
    guard persist(next.state.record) else { return }
    state = next.state
    carryOut(next)
  }

  /// A broken daemon that writes down what it does only afterwards.
  private func turnWithoutIntent(_ next: Step) {
    let old = state.record
    state = next.state
    for fact in facts(from: old, to: state.record) { note(fact) }
    carryOut(next)
    if downUntil == nil { journal = state.record }
  }

  private func carryOut(_ next: Step) {
    guard let effect = next.effect else { return sleep(until: next.wakeUp) }
    tell("-> \(describe(effect))")
    switch effect {
    case .inspect: inspect()
    case .observe: observe()
    case .readBack(let id, let action): readBack(id, action)
    case .perform(let id, let action): perform(id, action)
    }
  }

  /// Makes the record durable when it changed; false when the daemon died over it.
  private func persist(_ record: ServiceRecord) -> Bool {
    guard record != state.record else { return true }
    if dies(scenario.hazards.crashBeforeJournal, "daemon dies before its record is durable") {
      return false
    }
    let isDurable: Bool
    if dice.strikes(scenario.hazards.journalFails, "journal fails") {
      isDurable = dice.way(of: 2) == 0
      die(for: dice.interval(50...1_000))
    } else {
      isDurable = true
    }
    if isDurable {
      let changes = facts(from: journal, to: record)
      journal = record
      writes += 1
      for change in changes { noteRecord(change) }
      if let inFlight = record.inFlight { note(.intentDurable(inFlight.id)) }
    }
    if downUntil != nil { return false }
    return !dies(scenario.hazards.crashAfterJournal, "daemon dies when its record is durable")
  }

  private func noteRecord(_ fact: Fact) {
    switch fact {
    case .runOpened(let plan):
      tally.runs += 1
      tell("run \(plan.run) opens: \(describe(plan))")
    case .runEnded(let summary):
      tell("run \(summary.run) ends: \(summary.ending.rawValue) \(summary.reason?.code ?? "")")
    case .turned(let run, let direction): tell("run \(run) turns \(direction)")
    case .promoted(let id): tell("\(id) is good")
    case .quarantined(let entries):
      tell("quarantined: \(entries.map { "\($0.version) \($0.reason.code)" })")
    default: break
    }
    note(fact)
    if case .runEnded = fact { leaveEditToItsOwner() }
  }

  /// What the core is given, as facts.
  private func note(_ observation: Observation) {
    if case .finished(let id, _) = observation.report { note(.settled(id, .finished)) }
    if case .failed(let id, _) = observation.report { note(.settled(id, .failed)) }
    if case .neverHappened(let id) = observation.report { note(.settled(id, .neverHappened)) }
    if let offer = observation.offer { note(.offerAccepted(offer)) }
    if let fleet = observation.fleet { note(.fleetRead(fleet)) }
    if let workload = observation.workload { note(.workloadRead(workload)) }
    for decision in observation.decisions { note(.decided(decision)) }
  }

  /// Waits for a time, or for news.
  private func sleep(until wakeUp: Timestamp?) {
    let limit = wakeUp ?? now + .seconds(60)
    while now < limit, inbox == Observation(), downUntil == nil {
      guard let next = future.last?.at, next < limit else { break }
      advance(to: next)
    }
    if inbox == Observation(), downUntil == nil { advance(to: limit) }
  }

  // MARK: Death and life

  /// Whether the daemon dies here, by the dice or because this is the place chosen.
  func dies(_ perMille: Int, _ name: @autoclosure () -> String) -> Bool {
    crashPoints += 1
    if crashPoints == crashAt {
      tell("CRASH \(crashPoints): \(name())")
      die(for: .milliseconds(50))
      return true
    }
    guard dice.strikes(perMille, name()) else { return false }
    tell("FAULT \(name())")
    die(for: dice.interval(20...3_000))
    return true
  }

  func die(for pause: Interval) {
    inbox = Observation()
    downUntil = max(downUntil ?? now, now + pause)
  }

  private func restart() {
    if dice.strikes(scenario.hazards.journalLost, "journal is lost") {
      tell("FAULT journal is lost")
      loseJournal()
    }
    inbox = Observation()
    daemonBegan = now
    tell("daemon starts")
    note(.daemonStarted)
    state = ServiceState(record: journal)
    if let inFlight = journal.inFlight { inbox.report = .lost(inFlight.id) }
    // The poller fetches the manifest again, sooner or later.
    if let published {
      let at = now + dice.interval(0...500)
      insert(.publication(Publication(at: at, offer: published)))
    }
  }

  /// Everything that the daemon knew is gone; only the world tells what was done.
  private func loseJournal() {
    isForgetful = true
    journal = ServiceRecord(policy: scenario.policy)
    database.late.removeAll { !$0.hasBegun }
    workload?.late = []
    if let last = database.late.map(\.ends).max() { advance(to: last) }
    oracle = oracle.withoutMemory()
  }

  /// Puts something into the future.
  func insert(_ coming: Coming) {
    let index = future.firstIndex { $0.at <= coming.at } ?? future.endIndex
    future.insert(coming, at: index)
  }
}
