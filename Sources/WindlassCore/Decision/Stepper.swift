/// Decides what a service needs next.
///
/// Pure: no clock, no I/O, no randomness. What was seen comes in, at most one effect goes out, and
/// a failure is something seen like any other, so nothing here throws. The shell makes the
/// returned record durable before it carries the effect out, and steps again only when the effect
/// ended.
public func step(
  _ state: ServiceState, _ observation: Observation, now: Timestamp, rules: Rules = .whole
) -> Step {
  var stepper = Stepper(record: state.record, watch: state.watch, now: now, rules: rules)
  stepper.absorb(observation)
  // Each turn of the loop moves a phase on or returns, so that the bound is never met.
  for _ in 0..<(4 * RunPhase.allCases.count) {
    switch stepper.decide() {
    case .again: continue
    case .wait(let until):
      stepper.showStanding()
      return Step(state: stepper.state, effect: nil, wakeUp: stepper.earliest(until))
    case .read(let effect): return Step(state: stepper.state, effect: effect, wakeUp: nil)
    case .perform(let action):
      stepper.showStanding()
      if let due = stepper.pacedUntil(action) {
        return Step(state: stepper.state, effect: nil, wakeUp: stepper.earliest(due))
      }
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
  /// What this step found that it has to wait for; shown as a block that clears by itself.
  var standing: Block?
  /// When something is due that does not hold up the rest.
  private var due: Timestamp?

  init(record: ServiceRecord, watch: Watch, now: Timestamp, rules: Rules) {
    self.record = record
    self.watch = watch
    self.now = now
    self.rules = rules
  }

  var state: ServiceState { ServiceState(record: record, watch: watch) }

  /// The pause between two looks at a fleet that changes; what takes long is not done all the time.
  var pollInterval: Interval {
    max(
      Bounds.fleetPollInterval,
      min(watch.fleetTook * Bounds.workloadPause, Bounds.workloadPauseMax))
  }

  /// When to look again at something that changes seldom.
  var idle: Timestamp { now + Bounds.fleetIdleInterval }

  /// What comes next, by urgency: the unknown outcome, a pause after a failed read, the open run,
  /// and only then the service at rest.
  mutating func decide() -> Move {
    standing = nil
    due = nil
    if let until = watch.unreadableUntil, now < until { return .wait(until: until) }
    if let inFlight = record.inFlight { return .read(.readBack(inFlight.id, inFlight.action)) }
    if let unresolved = record.unresolved { return resume(unresolved) }
    return record.run == nil ? rest() : advance()
  }

  /// Looks up what became of a guarded action, once no late attempt can pass the fence.
  private mutating func resume(_ unresolved: InFlight) -> Move {
    if let block = record.run?.block ?? record.block, !isPassing(block) {
      return .wait(until: idle)
    }
    if let move = takeFenceIfNeeded() { return move }
    record.inFlight = unresolved
    record.unresolved = nil
    return .again
  }

  /// Gives the action its id and writes down the intent.
  mutating func issue(_ action: Action) -> Effect {
    let id = nextEffect(action.name)
    record.effectCount += 1
    record.inFlight = InFlight(id: id, action: action)
    switch action {
    case .start(let order, _):
      record.instanceCount += 1
      if hasCrashed(order.release.version) {
        record.restarts = record.restarts.filter { now - $0 <= Bounds.restartPeriod } + [now]
      }
      record.instances.append(
        InstanceRecord(
          id: order.id, release: order.release.version, window: order.release.window,
          startedAt: now))
    case .stop(let instance):
      let now = now
      change(instance) { $0.stoppedAt = now }
    case .order:
      record.run?.orderedAt = now
      record.run?.orderedOf = watch.workload?.desired
    case .takeFence, .preflight, .prepare, .backUp, .verify, .rehearse, .apply, .probe,
      .probeWave, .recordCommitPoint, .forget, .prune:
      break
    }
    return .perform(id, action)
  }

  /// The id that the next effect gets.
  func nextEffect(_ name: String) -> EffectID {
    let scope = record.run?.plan.run.text ?? record.policy.service.text
    return EffectID("\(scope)/\(record.effectCount + 1)-\(name)")
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

  // MARK: Putting off

  /// Until when an action that failed is not tried again; nil when it may be.
  func pacedUntil(_ action: Action) -> Timestamp? {
    guard let retry = record.retry, retry.action == action.name, now < retry.at else { return nil }
    return retry.at
  }

  /// The move, unless it is not due yet: then the rest goes on meanwhile.
  mutating func ifDue(_ move: Move?) -> Move? {
    let later: Timestamp?
    switch move {
    case .wait(let until): later = until
    case .perform(let action): later = pacedUntil(action)
    case .again, .read, nil: return move
    }
    guard let later else { return move }
    due = earliest(later)
    return nil
  }

  /// The earlier of a time and of what was put off.
  func earliest(_ time: Timestamp?) -> Timestamp? {
    [time, due].compactMap { $0 }.min()
  }

  // MARK: Standing still

  /// Whether the block is found anew at every look, and so clears by itself.
  func isPassing(_ block: Block) -> Bool {
    let codes = record.run == nil ? Block.passingAtRest : Block.passingInRun
    return codes.contains(block.code)
  }

  /// Shows what is waited for, unless something graver holds already.
  func showsStanding(over block: Block?) -> Bool {
    block != standing && (block.map(isPassing) ?? true)
  }

  mutating func showStanding() {
    if let run = record.run {
      if showsStanding(over: run.block) { record.run?.block = standing }
      if let old = record.block, Block.passingAtRest.contains(old.code) { record.block = nil }
    } else if showsStanding(over: record.block) {
      record.block = standing
    }
  }

  // MARK: Looking before deciding

  /// The fleet as read after the last effect ended and at most `age` ago; nil asks for a reading.
  ///
  /// One that takes a while counts from when it came: it would never be new.
  func freshFleet(age: Interval? = nil) -> FleetReading? {
    let took = watch.fleetTook
    let isQuick = took * Bounds.workloadPause <= Bounds.fleetPollInterval
    let grace = isQuick ? .zero : min(took, Bounds.workloadReadingMax)
    guard let fleet = watch.fleet, isCurrent(fleet.asOf),
      now - fleet.asOf < (age ?? pollInterval) + grace
    else { return nil }
    return fleet
  }

  /// Whether the ledger has to be read again before a service at rest goes by it.
  func isOutdated(_ ledger: LedgerReading) -> Bool {
    let took = watch.ledgerTook
    let use = max(Bounds.fleetIdleInterval, min(took * Bounds.ledgerUse, Bounds.ledgerUseMax))
    let grace = use == Bounds.fleetIdleInterval ? .zero : min(took, Bounds.ledgerReadingMax)
    return now - ledger.asOf >= use + grace
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
