extension Oracle {
  /// The service as its record and the last readings tell it, without what led there.
  ///
  /// What only a history can tell (how often, since when, who decided) is taken to be in order.
  init(standing state: ServiceState) {
    let record = state.record
    let watch = state.watch
    self.init(
      rollout: record.run?.plan.rollout ?? record.policy.rollout, schema: watch.ledger?.version,
      deployed: record.deployed?.version)
    isDirty = watch.ledger?.isDirty ?? false
    fence = watch.ledger?.epoch
    ownFence = watch.isFenced ? record.epoch : nil
    durableIntent = record.inFlight?.id
    unsettled = record.unresolved?.id
    lastSettledAt = record.lastEffectEndedAt
    lastReadingAt = watch.fleet?.asOf
    workload = watch.workload
    if let template = watch.workload?.template, let left = record.workload {
      isTouched = left.mark != template.mark?.id || left.revision != template.revision
    }
    markEpoch = watch.workload?.template.mark?.epoch
    quarantine = record.quarantine
    yanked = Set(watch.offer?.releases.filter { $0.yank != nil }.map(\.version) ?? [])
    let plan = record.run?.plan
    instances = record.instances.map { instance in
      var known = Known(instance, plan: plan)
      let seen = watch.fleet?.instances.first { $0.id == instance.id }
      known.life = seen?.life ?? .alive
      known.isReady = watch.readySince[instance.id] != nil
      return known
    }
    run = record.run.map { Open($0, instances: record.instances) }
  }
}

extension Oracle.Known {
  /// An instance as the record holds it; windows of the plan's releases are the plan's.
  fileprivate init(_ instance: InstanceRecord, plan: Plan?) {
    let planned = [plan?.source, plan?.target].compactMap { $0 }
      .first { $0.version == instance.release }
    self.init(
      id: instance.id, release: instance.release, versionText: instance.release.description,
      window: planned?.window ?? instance.window)
    mayBeAlive = instance.mayBeAlive
    isStopped = instance.stoppedAt != nil
    passedProbes = instance.passedProbes
  }
}

extension Oracle.Open {
  /// A run as the record holds it.
  fileprivate init(_ run: Run, instances: [InstanceRecord]) {
    self.init(plan: run.plan, budget: Bounds.effectsJudgedMax)
    direction = run.direction
    verdict = run.verdict
    verified = [run.backup, run.contractBackup].compactMap { $0 }.filter(\.isVerified)
    migrated = run.applied
    hasBackfilled = run.begun != nil
    isCommitted = run.isCommitted
    hasStartedTarget = instances.contains { $0.release == run.plan.target.version }
    promoted = Set(
      instances.filter { $0.wasGood && $0.release == run.plan.target.version }.map(\.id))
    personDecided = true
    keepsWithdrawn = run.keepsWithdrawn
  }
}

/// What an effect would breach, judged right before it is carried out.
///
/// A second opinion: it shares no rule with the decision that issued the effect, and rests on
/// nothing but the durable record and the readings that the decision was made on.
public func violations(
  issuing id: EffectID, _ action: Action, in state: ServiceState, now: Timestamp
) -> [Violation] {
  var oracle = Oracle(standing: state)
  // The record names the instance from the moment of the intent.
  if case .start(let order, _) = action {
    oracle.instances.removeAll { $0.id == order.id }
  }
  oracle.fold(HistoryEvent(at: now, .issued(id, action)))
  if case .start(let order, _) = action {
    oracle.fold(
      HistoryEvent(at: now, .started(order.id, order.release.version, order.release.window)))
  }
  if case .order(let order, _) = action {
    oracle.fold(HistoryEvent(at: now, .ordered(order, isLate: false)))
  }
  return oracle.violations
}
