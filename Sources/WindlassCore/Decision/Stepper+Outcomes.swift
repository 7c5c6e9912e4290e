extension Stepper {
  /// Folds a finished action into the record.
  mutating func settle(_ action: Action, _ outcome: Outcome) {
    switch (action, outcome) {
    case (.takeFence, .fenced(let epoch)):
      record.epoch = epoch
      watch.isFenced = true
      watch.ledger = nil
    case (.backUp(_, .beforeExpand), .backedUp(let receipt)): record.run?.backup = receipt
    case (.backUp(_, .beforeContract), .backedUp(let receipt)):
      record.run?.contractBackup = receipt
    case (.verify(let id), .backedUp(let receipt)): settle(verified: receipt, id)
    case (.rehearse, .judged(let verdict)): judge(verdict)
    case (.apply(let order, _), .advanced(let progress)): settle(begun: order, progress)
    case (.apply(let order, _), _): settle(applied: order)
    case (.probe(let instance), .probed(let failure)): judge(instance, failure)
    case (.probeWave(let wave), .answered(let answers)): judge(wave, answers)
    case (.recordCommitPoint(let run, _), _):
      if record.run?.plan.run == run { record.run?.isCommitted = true }
    case (.forget(let instance), _): record.instances.removeAll { $0.id == instance && $0.isDead }
    case (.preflight, _): advance(from: .preflight, to: .backUp)
    case (.prepare, _): advance(from: .prepare, to: .preflight)
    case (.prune, _): complete()
    case (.start, _), (.stop, _), (.order, _): break
    case (.takeFence, _), (.backUp, _), (.verify, _), (.rehearse, _), (.probe, _), (.probeWave, _):
      preconditionFailure("the shell answered \(action.name) with \(outcome)")
    }
  }

  /// Moves the run on, unless it has gone elsewhere meanwhile.
  private mutating func advance(from phase: RunPhase, to next: RunPhase) {
    if record.run?.phase == phase { _ = enter(next) }
  }

  /// A backfill went some way: it is applied again unless something else comes first.
  private mutating func settle(begun order: MigrationOrder, _ progress: BackfillProgress) {
    watch.backfill = progress
    let hasBegun = progress.rowsWalked > 0 || progress.walk > 1
    guard record.run?.plan.run == order.run, hasBegun, rules.remembersBackfills else { return }
    record.run?.begun = order.migration.version
  }

  private mutating func settle(applied order: MigrationOrder) {
    watch.ledger = nil
    watch.backfill = nil
    guard let run = record.run, run.plan.run == order.run,
      !run.applied.contains(order.migration.version)
    else { return }
    record.run?.applied.append(order.migration.version)
    record.run?.begun = nil
  }

  private mutating func settle(verified receipt: BackupReceipt, _ id: BackupID) {
    guard receipt.isVerified || !rules.verifiesBackups else {
      giveUp(
        .verify(id),
        StepFailure(
          code: "BackupUnverified", disposition: .stop,
          message: "backup \(id), restored, did not equal its source: look at the backup directory "
            + "and the disk under it; the next attempt takes a new one"))
      return
    }
    if record.run?.backup?.id == id { record.run?.backup = receipt }
    if record.run?.contractBackup?.id == id { record.run?.contractBackup = receipt }
  }

  private mutating func judge(_ verdict: Verdict) {
    guard let run = record.run, run.phase == .prove else { return }
    record.run?.verdict = verdict
    let evidence = verdict.evidence.first ?? "no check was carried out"
    switch verdict.judgement {
    case .safe where verdict.checks > 0: _ = enter(.approve)
    case .unsafe: refuse(run, Block(code: "ProofUnsafe", message: evidence), blame: true)
    case .safe, .unknown:
      guard rules.distrustsUnknownVerdicts else {
        _ = enter(.approve)
        return
      }
      stand(
        Block(
          code: "ProofUnknown",
          message: "nothing shows that \(run.plan.target.version) is safe: \(evidence). Mend that "
            + "and `windlass resume`, or give the release up with `windlass rollback`"))
    }
  }

  private mutating func judge(_ instance: InstanceID, _ failure: String?) {
    guard let failure else {
      change(instance) { $0.passedProbes = true }
      return
    }
    turnBack(
      Block(code: "AnalysisFailed", message: "instance \(instance) failed: \(failure)"), blame: true
    )
  }

  // MARK: Failures

  /// Plans another attempt, or gives up, as the failure's disposition and the bounds say.
  mutating func retryOrGiveUp(_ action: Action, _ failure: StepFailure) {
    // A stop that failed leaves the instance wanted; a start that failed is found out by looking.
    if case .stop(let instance) = action { change(instance) { $0.stoppedAt = nil } }
    let attempts = (record.retry?.action == action.name ? record.retry?.attempts ?? 0 : 0) + 1
    let isSpent =
      switch failure.disposition {
      case .retry: attempts >= Bounds.effectAttemptsMax
      case .wait: false
      case .stop: true
      }
    guard isSpent else {
      record.retry = Retry(
        action: action.name, attempts: attempts, at: now + pause(afterAttempts: attempts),
        failure: failure)
      return
    }
    record.retry = nil
    giveUp(action, failure)
  }

  /// The pause before another attempt; it doubles up to its bound.
  func pause(afterAttempts attempts: Int) -> Interval {
    let doublings = min(max(attempts - 1, 0), 16)
    return min(Bounds.effectRetryDelay * (Int64(1) << Int64(doublings)), Bounds.effectRetryDelayMax)
  }

  private mutating func giveUp(_ action: Action, _ failure: StepFailure) {
    let reason = Block(code: failure.code, message: failure.message)
    if failure.code == "FenceLost" {
      watch.isFenced = false
      stand(reason)
      return
    }
    switch action {
    case .forget, .prune: giveUp(housekeeping: action, failure)
    case .start where record.run == nil, .stop where record.run == nil,
      .order where record.run == nil, .takeFence where record.run == nil:
      giveUp(housekeeping: action, failure)
    case .order(let order, _) where order.aim == .hold: giveUp(housekeeping: action, failure)
    case .order(let order, _) where order.aim == .retreat: stand(reason)
    case .backUp, .verify, .apply: giveUp(change: action, reason, blame: failure.blamesRelease)
    case .preflight, .prepare, .rehearse:
      record.run.map { refuse($0, reason, blame: failure.blamesRelease) }
    case .start(let order, _):
      guard let run = record.run, !run.isCommitted, order.release.version == run.plan.target.version
      else { return stand(reason) }
      turnBack(reason, blame: failure.blamesRelease)
    case .probe, .probeWave, .order:
      guard let run = record.run, !run.isCommitted else { return stand(reason) }
      turnBack(reason, blame: failure.blamesRelease)
    case .takeFence, .stop, .recordCommitPoint: stand(reason)
    }
  }

  /// Housekeeping, and upkeep at rest, hold nothing up: they are tried again at leisure.
  private mutating func giveUp(housekeeping action: Action, _ failure: StepFailure) {
    if case .prune = action { return complete() }
    record.retry = Retry(
      action: action.name, attempts: Bounds.effectAttemptsMax,
      at: now + Bounds.effectRetryDelayMax, failure: failure)
  }

  private mutating func giveUp(change action: Action, _ reason: Block, blame: Bool) {
    guard let run = record.run else { return stand(reason) }
    guard !run.isCommitted else {
      stand(reason)
      dropContractBackup(after: action, reason)
      return
    }
    if case .apply = action, hasMigrated(run) { return turnBack(reason, blame: blame) }
    if case .apply = action, reason.code == "DirtyLedger" { return stand(reason) }
    refuse(run, reason, blame: blame)
  }

  /// A backup that can't be used is replaced by a new one once a person lets the run go on.
  private mutating func dropContractBackup(after action: Action, _ reason: Block) {
    let isUnusable =
      switch action {
      case .verify: true
      case .apply: reason.code == "BackupUnusable"
      default: false
      }
    guard isUnusable, record.run?.contractBackup != nil else { return }
    record.run?.contractBackup = nil
    record.run?.unusableBackups += 1
    _ = enter(.contractBackUp)
  }

  mutating func refuse(_ run: Run, _ reason: Block, blame: Bool) {
    if blame { quarantine(run.plan.target.version, build: run.plan.target.build, for: reason) }
    end(.refused, reason)
  }

  // MARK: Ways to stop

  /// Holds the run, or the service at rest, until a person or new evidence.
  mutating func stand(_ block: Block) {
    if record.run != nil { record.run?.block = block } else { record.block = block }
  }

  /// Turns the run back, once; after the commit point it stands instead.
  ///
  /// Whatever the reason, instances go back by themselves only where the proof showed that the old
  /// server works on what the new one wrote (invariant R8).
  mutating func turnBack(_ reason: Block, blame: Bool, isDecided: Bool = false) {
    guard let run = record.run, run.direction == .forward else { return }
    if run.isCommitted, rules.staysForwardAfterCommit {
      stand(
        Block(
          code: "PastCommitPoint",
          message: "\(reason.message) (\(reason.code)); the commit point of \(run.plan.run) is "
            + "passed, so instances are not rolled back: mend \(run.plan.target.version) and "
            + "`windlass resume`, or restore a backup"))
      return
    }
    if blame { quarantine(run.plan.target.version, build: run.plan.target.build, for: reason) }
    record.run?.block = nil
    record.run?.direction = .rollback
    record.run?.turnedBackFor = reason
    _ = enter(.rollBack)
    let isCovered = run.verdict?.coversRollback ?? true
    if run.plan.kind == .upgrade, hasStarted(run), !isCovered, !isDecided {
      stand(
        Block(
          code: "RollbackUnproven",
          message: "\(reason.message) (\(reason.code)); the proof did not show that "
            + "\(run.plan.source?.version.description ?? "the old server") works on what "
            + "\(run.plan.target.version) wrote: decide, then `windlass resume` to roll back"))
    }
  }

  mutating func quarantine(_ version: Version, build: String, for reason: Block) {
    guard rules.quarantinesFailures else { return }
    record.quarantine.removeAll { $0.version == version && $0.build == build }
    record.quarantine.append(
      Quarantine(version: version, build: build, reason: reason, since: now))
  }

  /// Whether an instance of the run's target was started in this run.
  ///
  /// An order counts from its intent on: one whose reply was lost may still arrive.
  func hasStarted(_ run: Run) -> Bool {
    if run.orderedAt != nil { return true }
    return record.instances.contains {
      $0.release == run.plan.target.version && ($0.mayBeAlive || $0.startedAt >= run.openedAt)
    }
  }

  /// Whether the run may still end as if it had never begun.
  func hasChangedNothing(_ run: Run) -> Bool {
    !hasMigrated(run) && !run.isCommitted && !hasStarted(run)
  }

  /// Whether the run changed the database, if only rows by a backfill that is not finished.
  func hasMigrated(_ run: Run) -> Bool { !run.applied.isEmpty || run.begun != nil }

  /// Ends the open run.
  mutating func end(_ ending: Ending, _ reason: Block?) {
    guard let run = record.run else { return }
    record.pastRuns.append(
      RunSummary(
        run: run.plan.run, from: run.plan.source?.version, to: run.plan.target.version,
        ending: ending, reason: reason, endedAt: now, verdict: run.verdict))
    record.pastRuns = record.pastRuns.suffix(Bounds.runsRememberedMax)
    record.run = nil
    record.retry = nil
    record.approved = nil
    guard ending != .completed else {
      record.deployed = run.plan.target
      record.refusals = 0
      record.refusedUntil = nil
      return
    }
    // A release that is to blame or withdrawn is not tried again, and so keeps none waiting.
    guard !isQuarantined(run.plan.target), !Block.withdrawing.contains(reason?.code ?? "") else {
      return
    }
    record.refusals += 1
    let doublings = Int64(min(record.refusals - 1, 16))
    record.refusedUntil =
      now + min(Bounds.refusalDelay * (Int64(1) << doublings), Bounds.refusalDelayMax)
  }

  func isQuarantined(_ release: Release) -> Bool {
    record.quarantine.contains { $0.bars(release) }
  }

  private mutating func complete() {
    if record.run?.phase == .finish { end(.completed, nil) }
  }
}
