/// Decides what a service needs next.
///
/// Pure: no clock, no I/O, no randomness. What was seen comes in, at most one effect goes out, and
/// a failure is something seen like any other, so nothing here throws. The shell makes the
/// returned record durable before it carries the effect out.
public func step(
  _ state: ServiceState, _ observation: Observation, now: Timestamp, rules: Rules = .whole
) -> Step {
  var stepper = Stepper(record: state.record, watch: state.watch, now: now, rules: rules)
  stepper.absorb(observation)
  // Each turn of the loop moves a phase on or returns, so that the bound is never met.
  for _ in 0..<(4 * RunPhase.allCases.count) {
    switch stepper.decide() {
    case .again: continue
    case .wait(let until): return Step(state: stepper.state, effect: nil, wakeUp: until)
    case .read(let effect): return Step(state: stepper.state, effect: effect, wakeUp: nil)
    case .perform(let action):
      let effect = stepper.issue(action)
      return Step(state: stepper.state, effect: effect, wakeUp: nil)
    }
  }
  preconditionFailure("a step went through every phase without an effect: \(stepper.record)")
}

/// One step in the making.
struct Stepper {
  /// What a part of the decision leads to.
  enum Move {
    /// Something about the state changed; decide again.
    case again
    /// Nothing to do until then, or until something is seen.
    case wait(until: Timestamp?)
    case read(Effect)
    case perform(Action)
  }

  var record: ServiceRecord
  var watch: Watch
  let now: Timestamp
  let rules: Rules

  var state: ServiceState { ServiceState(record: record, watch: watch) }

  /// What comes next, by urgency: the unknown outcome, a pause after a failure, the open run, and
  /// only then the service at rest.
  mutating func decide() -> Move {
    if let inFlight = record.inFlight {
      if let until = watch.unreadableUntil, now < until { return .wait(until: until) }
      return .read(.readBack(inFlight.id, inFlight.action))
    }
    if let until = watch.unreadableUntil, now < until { return .wait(until: until) }
    if record.run != nil { return advance() }
    return rest()
  }

  /// Gives the action its id and writes down the intent.
  mutating func issue(_ action: Action) -> Effect {
    record.effectCount += 1
    let scope = record.run?.plan.run.text ?? record.policy.service.text
    let id = EffectID("\(scope)/\(record.effectCount)-\(action.name)")
    record.inFlight = InFlight(id: id, action: action)
    switch action {
    case .start(let order, _):
      let instance = InstanceRecord(id: order.id, release: order.release, startedAt: now)
      record.instanceCount += 1
      record.instances.append(instance)
    case .stop(let instance):
      let now = now
      change(instance) { $0.stoppedAt = now }
    case .takeFence, .preflight, .prepare, .backUp, .verify, .rehearse, .apply, .probe,
      .recordCommitPoint, .forget, .prune:
      break
    }
    return .perform(id, action)
  }

  /// Changes one instance's record; an unknown id changes nothing.
  mutating func change(_ id: InstanceID, _ body: (inout InstanceRecord) -> Void) {
    guard let index = record.instances.firstIndex(where: { $0.id == id }) else { return }
    body(&record.instances[index])
  }

  /// Moves the open run to a phase.
  mutating func enter(_ phase: RunPhase) -> Move {
    let now = now
    record.run?.phase = phase
    record.run?.phaseSince = now
    record.retry = nil
    return .again
  }

  // MARK: Looking before deciding

  /// The fleet as read after the last effect ended and at most `age` ago; nil asks for a reading.
  func freshFleet(age: Interval = Bounds.fleetPollInterval) -> FleetReading? {
    guard let fleet = watch.fleet, isCurrent(fleet.asOf), now - fleet.asOf < age else {
      return nil
    }
    return fleet
  }

  /// The ledger as read after the last effect ended; nil asks for a reading.
  func freshLedger() -> LedgerReading? {
    guard let ledger = watch.ledger, isCurrent(ledger.asOf) else { return nil }
    return ledger
  }

  /// Whether a reading begun then may be decided on.
  func isCurrent(_ asOf: Timestamp) -> Bool {
    !rules.refusesStaleReadings || asOf >= record.lastEffectEndedAt
  }

  /// Takes the fence when this daemon has not; nil when it holds it.
  mutating func takeFenceIfNeeded() -> Move? {
    if watch.isFenced || (!rules.fencesTakeover && record.epoch != nil) { return nil }
    guard let ledger = freshLedger() else { return .read(.inspect) }
    return .perform(.takeFence(after: ledger.epoch))
  }
}
