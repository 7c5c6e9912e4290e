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
    case (.verify(let id), .backedUp(let receipt)):
      if record.run?.backup?.id == id { record.run?.backup = receipt }
      if record.run?.contractBackup?.id == id { record.run?.contractBackup = receipt }
    case (.rehearse, .judged(let verdict)): judge(verdict)
    case (.apply(let order, _), _):
      record.run?.applied.append(order.migration.version)
      watch.ledger = nil
    case (.probe(let instance), .probed(let failure)): judge(instance, failure)
    case (.recordCommitPoint, _): record.run?.isCommitted = true
    case (.forget(let instance), _): record.instances.removeAll { $0.id == instance }
    case (.preflight, _): _ = enter(.prepare)
    case (.prepare, _): _ = enter(.backUp)
    case (.prune, _): complete()
    case (.start, _), (.stop, _): break
    case (.takeFence, _), (.backUp, _), (.verify, _), (.rehearse, _), (.probe, _):
      preconditionFailure("the shell answered \(action.name) with \(outcome)")
    }
  }

  private mutating func judge(_ verdict: Verdict) {
    guard let run = record.run else { return }
    record.run?.verdict = verdict
    let evidence = verdict.evidence.first ?? "no check was carried out"
    switch verdict.judgement {
    case .safe where verdict.checks > 0: _ = enter(.approve)
    case .unsafe:
      let reason = Block(code: "ProofUnsafe", message: evidence)
      quarantine(run.plan.target.version, build: run.plan.target.build, for: reason)
      end(.refused, reason)
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
    let attempts = (record.retry?.action == action.name ? record.retry?.attempts ?? 0 : 0) + 1
    let isSpent: Bool
    switch failure.disposition {
    case .retry: isSpent = attempts >= Bounds.effectAttemptsMax
    case .wait: isSpent = false
    case .stop: isSpent = true
    }
    if !isSpent {
      record.retry = Retry(
        action: action.name, attempts: attempts, at: now + pause(afterAttempts: attempts, failure),
        failure: failure)
      undoAttempt(action)
      return
    }
    record.retry = nil
    undoAttempt(action)
    giveUp(action, failure)
  }

  /// The pause before another attempt; it doubles up to its bound.
  func pause(afterAttempts attempts: Int, _ failure: StepFailure) -> Interval {
    let doublings = min(max(attempts - 1, 0), 16)
    return min(Bounds.effectRetryDelay * (Int64(1) << Int64(doublings)), Bounds.effectRetryDelayMax)
  }

  /// A stop that failed leaves the instance wanted; a start that failed is found out by looking.
  private mutating func undoAttempt(_ action: Action) {
    if case .stop(let instance) = action { change(instance) { $0.stoppedAt = nil } }
  }

  private mutating func giveUp(_ action: Action, _ failure: StepFailure) {
    let reason = Block(code: failure.code, message: failure.message)
    guard let run = record.run else {
      if case .forget = action { return }
      stand(reason)
      return
    }
    switch action {
    case .preflight, .prepare, .rehearse, .backUp(_, .beforeExpand):
      refuse(run, reason, blame: failure.blamesRelease)
    case .verify where !run.isCommitted: refuse(run, reason, blame: failure.blamesRelease)
    case .apply where !run.isCommitted && failure.code == "DirtyLedger": stand(reason)
    case .apply where !run.isCommitted:
      if run.applied.isEmpty {
        refuse(run, reason, blame: failure.blamesRelease)
      } else {
        turnBack(reason, blame: failure.blamesRelease)
      }
    case .start(let order, _) where order.release.version == run.plan.target.version:
      run.isCommitted ? stand(reason) : turnBack(reason, blame: failure.blamesRelease)
    case .probe where !run.isCommitted: turnBack(reason, blame: failure.blamesRelease)
    case .prune: complete()
    case .forget: break
    case .takeFence, .verify, .backUp, .apply, .start, .stop, .probe, .recordCommitPoint:
      stand(reason)
    }
  }

  private mutating func refuse(_ run: Run, _ reason: Block, blame: Bool) {
    if blame { quarantine(run.plan.target.version, build: run.plan.target.build, for: reason) }
    end(.refused, reason)
  }

  // MARK: Ways to stop

  /// Holds the run, or the service at rest, until a person or new evidence.
  mutating func stand(_ block: Block) {
    if record.run != nil { record.run?.block = block } else { record.block = block }
  }

  /// Turns the run back, once; after the commit point it stands instead.
  mutating func turnBack(_ reason: Block, blame: Bool) {
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
    record.run?.direction = .rollback
    record.run?.turnedBackFor = reason
    _ = enter(.rollBack)
    let isCovered = run.verdict?.coversRollback ?? true
    let hasStarted = record.instances.contains { $0.release == run.plan.target.version }
    if run.plan.kind == .upgrade, hasStarted, !isCovered, blame {
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

  /// Whether the run may still end as if it had never begun.
  func hasChangedNothing(_ run: Run) -> Bool {
    run.applied.isEmpty && !run.isCommitted
      && !record.instances.contains { $0.mayBeAlive && $0.release == run.plan.target.version }
  }

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
    switch ending {
    case .completed:
      record.deployed = run.plan.target
      record.refusals = 0
      record.refusedUntil = nil
    case .rolledBack: break
    case .refused:
      record.refusals += 1
      let doublings = Int64(min(record.refusals - 1, 16))
      record.refusedUntil =
        now + min(Bounds.refusalDelay * (Int64(1) << doublings), Bounds.refusalDelayMax)
    }
  }

  private mutating func complete() {
    if record.run?.phase == .finish { end(.completed, nil) }
  }
}
