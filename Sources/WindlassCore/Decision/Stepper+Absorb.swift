extension Stepper {
  /// Folds in what was seen.
  mutating func absorb(_ observation: Observation) {
    if watch.began == nil {
      watch.began = now
      watch.since = now
    }
    noteShutGate()
    if let report = observation.report { absorb(report) }
    if let offer = observation.offer { watch.offer = offer }
    if let ledger = observation.ledger, mayRestOn(ledger.asOf) { absorb(ledger) }
    if let fleet = observation.fleet, mayRestOn(fleet.asOf) { absorb(fleet) }
    if let workload = observation.workload, mayRestOn(workload.asOf) { absorb(workload) }
    for decision in observation.decisions { take(decision) }
    guard isSettled, !record.pending.isEmpty else { return }
    let decisions = record.pending
    record.pending = []
    for decision in decisions { absorb(decision) }
  }

  /// Whether it is known what became of everything that was begun.
  var isSettled: Bool { record.inFlight == nil && record.unresolved == nil }

  /// A run is turned back only when it is known what its last action did.
  private mutating func take(_ decision: Decision) {
    guard decision.choice == .rollback, !isSettled else { return absorb(decision) }
    if record.pending.count < Bounds.decisionsPendingMax { record.pending.append(decision) }
  }

  private func mayRestOn(_ asOf: Timestamp) -> Bool {
    guard rules.refusesStaleReadings else { return true }
    return isCurrent(asOf) && record.inFlight == nil && watch.began.map { $0 <= asOf } ?? false
  }

  private mutating func absorb(_ report: Report) {
    switch report {
    case .unreadable(let failure):
      watch.unreadableCount = min(watch.unreadableCount + 1, Bounds.effectAttemptsMax)
      watch.unreadable = failure
      watch.unreadableUntil = now + pause(afterAttempts: watch.unreadableCount)
    case .finished(let id, let outcome):
      guard let action = close(id) else { return }
      if record.retry?.action == action.name, outcome != .answered([]) { record.retry = nil }
      settle(action, outcome)
    case .failed(let id, let failure):
      guard let action = close(id) else { return }
      retryOrGiveUp(action, failure)
    case .neverHappened(let id):
      guard let action = close(id) else { return }
      undo(action)
    case .lost(let id): lose(id)
    }
  }

  /// Nobody knows what became of the action in flight.
  private mutating func lose(_ id: EffectID) {
    guard let inFlight = record.inFlight, inFlight.id == id else { return }
    // What has no lasting effect is simply done again when it is still wanted.
    guard inFlight.action.hasLastingEffect, rules.readsBackLostOutcomes else {
      if let action = close(id) { undo(action) }
      return
    }
    // A statement may go on at the server, or wait in a queue: the next epoch bars it.
    guard inFlight.action.isGuarded, rules.fencesTakeover else { return }
    _ = close(id)
    record.unresolved = inFlight
    watch.isFenced = false
  }

  /// Ends the action in flight, if that is its id.
  private mutating func close(_ id: EffectID) -> Action? {
    guard let inFlight = record.inFlight, inFlight.id == id else { return nil }
    record.inFlight = nil
    record.lastEffectEndedAt = max(now, record.lastEffectEndedAt)
    becomeReadable()
    return inFlight.action
  }

  private mutating func becomeReadable() {
    watch.unreadable = nil
    watch.unreadableCount = 0
    watch.unreadableUntil = nil
  }

  /// Takes back what the intent wrote down, for an action that never happened.
  private mutating func undo(_ action: Action) {
    switch action {
    case .start(let order, _): record.instances.removeAll { $0.id == order.id }
    case .stop(let instance): change(instance) { $0.stoppedAt = nil }
    // An order may still arrive, unless a later one bars it: the way back begins with one.
    case .takeFence, .preflight, .prepare, .backUp, .verify, .rehearse, .apply, .probe, .order,
      .probeWave, .recordCommitPoint, .forget, .prune:
      break
    }
  }

  // MARK: The ledger

  private mutating func absorb(_ ledger: LedgerReading) {
    watch.ledger = ledger
    watch.ledgerTook = shape == nil ? .zero : max(.zero, now - ledger.asOf)
    watch.backfill = ledger.backfill?.progress
    becomeReadable()
    recall(ledger)
    catchUp(with: ledger)
    guard watch.isFenced, ledger.epoch != record.epoch else { return }
    watch.isFenced = false
    stand(
      Block(
        code: "FenceLost",
        message: "another daemon took the fence of \(record.policy.service)'s database "
          + "(epoch \(ledger.epoch.map(\.description) ?? "none"), ours was "
          + "\(record.epoch.map(\.description) ?? "none")): stop one of the two, then "
          + "`windlass resume`"))
  }

  /// A database that was managed before, by a daemon whose journal is lost, gets numbers that none
  /// of its earlier runs had: a run's name stands in its history and in its backups' names.
  private mutating func recall(_ ledger: LedgerReading) {
    guard record.epoch == nil, record.runCount == 0, let epoch = ledger.epoch else { return }
    record.runCount = epoch.number * 1_000
    doubtWhatWasForgotten(ledger)
  }

  /// The database's history is the truth about what the open run did.
  private mutating func catchUp(with ledger: LedgerReading) {
    guard let run = record.run else { return }
    // What a lost attempt left is there, whatever is found out about the attempt.
    if let begun = ledger.backfill, begun.run == run.plan.run, rules.remembersBackfills,
      !run.applied.contains(begun.progress.migration)
    {
      record.run?.begun = begun.progress.migration
    }
    guard record.unresolved == nil else { return }
    for migration in run.plan.migrations where !run.applied.contains(migration.version) {
      let isApplied = ledger.applied.contains {
        $0.version == migration.version && $0.run == run.plan.run
      }
      if isApplied {
        record.run?.applied.append(migration.version)
        if run.begun == migration.version { record.run?.begun = nil }
      }
    }
    if ledger.committedRun == run.plan.run, !run.isCommitted { record.run?.isCommitted = true }
  }

  // MARK: The fleet

  mutating func absorb(_ fleet: FleetReading) {
    if let last = watch.fleet, fleet.asOf - last.asOf > Bounds.readingGapMax {
      // Nobody looked meanwhile, so nothing was uninterrupted.
      watch.since = fleet.asOf
      watch.readySince = [:]
      watch.unreadySince = [:]
      watch.targetGoneSince = nil
    }
    // What can't be seen is held against nobody; once it is seen again, its time begins anew.
    for reading in (watch.fleet?.instances ?? []) + fleet.instances where reading.life == .unknown {
      watch.patientSince[reading.id] = fleet.asOf
    }
    watch.fleet = fleet
    becomeReadable()
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
    takeIn(strangersAmong: fleet)
    let stability = (record.run?.plan.rollout ?? record.policy.rollout).stability
    for (id, since) in watch.readySince where fleet.asOf - since >= stability {
      watch.patientSince[id] = fleet.asOf
    }
    let known = Set(record.instances.map(\.id))
    watch.patientSince = watch.patientSince.filter { known.contains($0.key) }
    watch.readySince = watch.readySince.filter { known.contains($0.key) }
    watch.unreadySince = watch.unreadySince.filter { known.contains($0.key) }
  }

  /// Instances that the record does not name, as after the loss of the journal, count like others.
  private mutating func takeIn(strangersAmong fleet: FleetReading) {
    for reading in fleet.instances
    where !record.instances.contains(where: { $0.id == reading.id }) {
      // A controller's dead are named for a while after they were forgotten here.
      if shape != nil, reading.life == .dead { continue }
      var instance = InstanceRecord(
        id: reading.id, release: reading.release, window: window(of: reading.release),
        startedAt: fleet.asOf)
      fold(reading, into: &instance, asOf: fleet.asOf)
      record.instances.append(instance)
      let prefix = "\(record.policy.service)-"
      if reading.id.text.hasPrefix(prefix),
        let number = Int64(reading.id.text.dropFirst(prefix.count))
      {
        record.instanceCount = max(record.instanceCount, number)
      }
    }
  }

  /// The window of a release; one that nobody knows is taken to bear only what the schema is now.
  func window(of version: Version) -> SchemaWindow {
    let known = [record.deployed, record.run?.plan.source, record.run?.plan.target]
    if let release = known.compactMap({ $0 }).first(where: { $0.version == version })
      ?? watch.offer?.releases.first(where: { $0.version == version })
    {
      return release.window
    }
    return SchemaWindow(at: watch.ledger?.version ?? SchemaVersion(0))
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
    } else if reading.life == .alive {
      // It was seen: whoever said that it is dead was wrong, and so was a stop that has no effect.
      instance.isDead = false
      instance.diedAt = nil
      if !reading.isDraining {
        instance.stoppedAt = nil
      } else if instance.stoppedAt == nil {
        instance.stoppedAt = asOf
      }
    }
    if reading.life == .unknown {
      watch.readySince[instance.id] = nil
      watch.unreadySince[instance.id] = nil
    } else if answers(reading, as: instance.release), !instance.isDead {
      watch.unreadySince[instance.id] = nil
      if watch.readySince[instance.id] == nil { watch.readySince[instance.id] = asOf }
    } else if watch.readySince.removeValue(forKey: instance.id) != nil || instance.wasGood {
      if watch.unreadySince[instance.id] == nil { watch.unreadySince[instance.id] = asOf }
    }
  }

  /// Whether an instance is ready and is what it should be.
  private func answers(_ reading: InstanceReading, as release: Version) -> Bool {
    guard reading.life == .alive, reading.isReady, !reading.isDraining else { return false }
    return !rules.checksReportedVersion || reading.reportedVersion == release.description
  }
}
