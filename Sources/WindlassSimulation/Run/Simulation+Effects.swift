import WindlassCore

extension Simulation {
  // MARK: Reads

  func inspect() {
    let began = now
    advance(by: dice.interval(1...8))
    if let failure = readFailure(needsDatabase: true) {
      inbox.report = .unreadable(failure)
    } else {
      inbox.ledger = database.reading(asOf: began)
    }
  }

  func observe() {
    if workload != nil { return observeWorkload() }
    let began = now
    let reading = fleet.reading(at: began)
    advance(by: dice.interval(1...8))
    if let failure = readFailure(needsDatabase: false) {
      inbox.report = .unreadable(failure)
    } else if dice.strikes(scenario.hazards.readingStale, "a reading is an old one"),
      let stale = fleet.staleReading
    {
      tell("FAULT a reading is an old one")
      inbox.fleet = stale
    } else {
      inbox.fleet = reading
    }
  }

  private func observeWorkload() {
    let began = now
    let reading = workload?.reading(of: fleet.instances, at: began, watchedSince: daemonBegan)
    earlierReading = latestReading
    latestReading = reading
    advance(by: dice.interval(1...8))
    if let failure = readFailure(needsDatabase: false) {
      inbox.report = .unreadable(failure)
    } else if dice.strikes(scenario.hazards.readingStale, "a reading is an old one"),
      let stale = earlierReading
    {
      tell("FAULT a reading is an old one")
      inbox.workload = stale
    } else {
      inbox.workload = reading
      noteRead(Set(reading?.instances.map(\.id) ?? []))
    }
  }

  private func noteRead(_ named: Set<InstanceID>) {
    for index in fleet.instances.indices where named.contains(fleet.instances[index].id) {
      fleet.instances[index].post?.wasRead = true
    }
  }

  private func readFailure(needsDatabase: Bool) -> StepFailure? {
    let isAway = needsDatabase && now < database.isAwayUntil
    guard isAway || dice.strikes(scenario.hazards.readFails, "a read fails") else { return nil }
    return StepFailure(code: "Unreachable", disposition: .retry, message: "nobody answered")
  }

  /// Finds out what became of an action, as the real driver does.
  func readBack(_ id: EffectID, _ action: Action) {
    advance(by: dice.interval(1...8))
    let needsDatabase = action.isGuarded
    if let failure = readFailure(needsDatabase: needsDatabase) {
      inbox.report = .unreadable(failure)
      return
    }
    let outcome: Outcome?
    switch action {
    case .backUp(let backup, _):
      do throws(StepFailure) {
        outcome = try backups.receipt(of: backup).map { .backedUp($0) }
      } catch {
        inbox.report = .unreadable(error)
        return
      }
    case .apply(let order, _):
      let isApplied = database.applied.contains {
        $0.version == order.migration.version && $0.run == order.run
      }
      if database.isDirty, !isApplied {
        inbox.report = .failed(id, Simulation.dirty)
        return
      }
      outcome = isApplied ? .done : nil
    case .start(let order, _): outcome = fleet.instance(order.id) == nil ? nil : .done
    case .stop(let instance):
      let found = fleet.instance(instance)
      outcome = found.map { $0.isDraining || $0.isKnownDead } ?? true ? .done : nil
    case .recordCommitPoint(let run, _): outcome = database.committedRun == run ? .done : nil
    case .forget(let instance): outcome = fleet.instance(instance) == nil ? .done : nil
    case .order(let order, _): outcome = workload?.mark?.id == order.id ? .done : nil
    case .takeFence, .preflight, .prepare, .verify, .rehearse, .probe, .probeWave, .prune:
      outcome = nil
    }
    inbox.report = outcome.map { .finished(id, $0) } ?? .neverHappened(id)
  }

  static let dirty = StepFailure(
    code: "DirtyLedger", disposition: .stop, message: "a migration was cut off")

  // MARK: Actions

  /// Carries an action out, unless the daemon dies over it.
  func perform(_ id: EffectID, _ action: Action) {
    writes += 1
    note(.issued(id, action))
    if rules == .whole { judge(id, action) }
    let length = duration(of: action)
    advance(by: length)
    if downUntil != nil { return }
    if dies(scenario.hazards.crashInside, "daemon dies in \(action.name)") {
      leaveBehind(action)
      return
    }
    if case .order(let order, _) = action,
      dice.strikes(scenario.hazards.orderLate, "\(id) arrives late")
    {
      leaveBehind(order)
      inbox.report = .lost(id)
      return
    }
    do throws(StepFailure) {
      let outcome = try carryOut(action)
      advance(by: length)
      if downUntil != nil { return }
      if dies(scenario.hazards.crashAfter, "daemon dies after \(action.name)") { return }
      inbox.report = .finished(id, outcome)
    } catch {
      tell("\(action.name) fails: \(error.code)")
      inbox.report = .failed(id, error)
    }
    if dice.strikes(scenario.hazards.replyLost, "reply of \(action.name) is lost") {
      tell("FAULT reply of \(action.name) is lost")
      inbox.report = .lost(id)
    }
  }

  /// The daemon's own second opinion must never be wrong: in production it stops all effects.
  private func judge(_ id: EffectID, _ action: Action) {
    for violation in violations(issuing: id, action, in: state, now: now) {
      find("FalseAlarm", "\(id): \(violation)")
    }
  }

  /// What goes on although the daemon that asked for it is gone.
  private func leaveBehind(_ action: Action) {
    guard dice.way(of: 1_000) < scenario.hazards.statementLate else { return }
    if case .order(let order, _) = action { return leaveBehind(order) }
    guard case .apply(let order, _) = action else {
      // The request had reached its addressee.
      if dice.way(of: 2) == 0 { _ = try? carryOut(action) }
      return
    }
    let begins = now + (dice.way(of: 2) == 0 ? .zero : dice.interval(50...3_000))
    tell("migration \(order.migration.version) is left to the server")
    database.late.append(
      LateOrder(order: order, begins: begins, ends: begins + dice.interval(10...2_000)))
  }

  private func duration(of action: Action) -> Interval {
    switch action {
    case .takeFence, .stop, .recordCommitPoint, .forget, .prune: dice.interval(1...5)
    case .start, .probe, .order, .probeWave: dice.interval(2...15)
    case .preflight, .apply: dice.interval(2...40)
    case .prepare, .backUp, .verify: dice.interval(5...60)
    case .rehearse: dice.interval(20...200)
    }
  }

  private func carryOut(_ action: Action) throws(StepFailure) -> Outcome {
    try strikeEffect(action)
    switch action {
    case .takeFence(let current):
      if let obstacle = database.obstacle(at: now) { throw obstacle }
      let epoch = try database.takeFence(after: current)
      note(.fenceTaken(epoch, byUs: true))
      return .fenced(epoch)
    case .preflight:
      if let plan = state.record.run?.plan { try database.preflight(plan, at: now) }
      return .done
    case .prepare, .prune: return .done
    case .backUp(let id, let purpose): return .backedUp(try backUp(id, purpose))
    case .verify(let id):
      let receipt = try backups.verify(id)
      note(.backupVerified(receipt))
      return .backedUp(receipt)
    case .rehearse: return .judged(try rehearse())
    case .apply(let order, let backup): return try apply(order, checking: backup)
    case .start(let order, let gate):
      try start(order, gate)
      return .done
    case .stop(let id):
      stop(id)
      return .done
    case .probe(let id): return .probed(failure: try probe(id))
    case .order(let order, let gate):
      try write(order, gate)
      return .done
    case .probeWave(let wave): return .answered(try probe(wave))
    case .recordCommitPoint(let run, let epoch):
      if let obstacle = database.obstacle(at: now) { throw obstacle }
      try database.recordCommitPoint(run, epoch: epoch)
      tally.commits += 1
      note(.commitPointRecorded(run, epoch))
      return .done
    case .forget(let id):
      try fleet.forget(id, at: now)
      return .done
    }
  }

  /// Any effect may fail for reasons of its own.
  private func strikeEffect(_ action: Action) throws(StepFailure) {
    if dice.strikes(scenario.hazards.effectFails, "\(action.name) fails") {
      throw StepFailure(
        code: "Busy", disposition: dice.way(of: 4) == 0 ? .wait : .retry, message: "not now")
    }
    if dice.strikes(scenario.hazards.effectImpossible, "\(action.name) is impossible") {
      throw StepFailure(code: "DiskFull", disposition: .stop, message: "no space")
    }
  }
}
