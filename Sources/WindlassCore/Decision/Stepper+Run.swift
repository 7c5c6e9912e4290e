extension Stepper {
  /// Carries the open run on by one move.
  mutating func advance() -> Move {
    guard let run = record.run else { return .again }
    if let move = yield(to: run) { return move }
    guard freshFleet() != nil else { return .read(.observe) }
    if let block = intrusion() {
      standing = block
      return .wait(until: idle)
    }
    let stands = run.block.map { !isPassing($0) } ?? false
    if run.phase == .rollBack { return stands ? .wait(until: idle) : goBack(run) }
    if let move = ifDue(keepServing(run)) { return move }
    guard !stands, !record.isPaused else { return ifDue(hold(run)) ?? .wait(until: idle) }
    switch run.phase {
    case .preflight: return guarded { _ in .perform(.preflight) }
    case .prepare: return .perform(.prepare)
    case .backUp: return backUp(run)
    case .verify: return verify(run)
    case .prove: return prove(run)
    case .approve: return approve(run)
    case .expand: return expand(run)
    case .observe: return observe(run)
    case .roll: return run.plan.workload.map { rollWaves(run, $0) } ?? roll(run)
    case .soak: return soak(run)
    case .commit: return commit(run)
    case .contractBackUp: return backUpAgain(run)
    case .contractVerify: return verifyAgain(run)
    case .contract: return contract(run)
    case .finish: return finish(run)
    case .rollBack: preconditionFailure("a run rolls back before its phases are looked at")
    }
  }

  /// What takes precedence over the run's own next move: a withdrawn target, a changed plan.
  private mutating func yield(to run: Run) -> Move? {
    if !rules.pinsPlans, let newest = watch.offer?.releases.max(by: { $0.version < $1.version }),
      run.plan.target != newest, newest.version > run.plan.target.version
    {
      record.run?.plan.target = newest
      return .again
    }
    if !rules.keepsDirection, run.direction == .rollback, run.block == nil,
      now > run.phaseSince, readyCount >= run.plan.rollout.replicas
    {
      record.quarantine.removeAll { $0.bars(run.plan.target) }
      record.run?.direction = .forward
      return enter(.roll)
    }
    guard run.direction == .forward, let reason = withdrawal(of: run.plan.target) else {
      return nil
    }
    if run.isCommitted { return hold(run, for: reason) }
    quarantine(run.plan.target.version, build: run.plan.target.build, for: reason)
    record.run?.block = nil
    if hasChangedNothing(run) { end(.refused, reason) } else { turnBack(reason, blame: false) }
    return .again
  }

  /// Why the target goes no further: its publisher or a person withdrew it (invariant T4).
  private func withdrawal(of target: Release) -> Block? {
    if rules.heedsYanks,
      let yank = watch.offer?.releases.first(where: { $0.version == target.version })?.yank
    {
      return Block(
        code: "Yanked",
        message: "\(target.version) was withdrawn: \(yank.reason). \(yank.remedy)")
    }
    return record.quarantine.first { $0.bars(target) }.map {
      Block(code: "Quarantined", message: "\(target.version) is quarantined: \($0.reason.message)")
    }
  }

  /// Past the commit point nothing goes back; the contraction is held until a person wants it.
  private mutating func hold(_ run: Run, for reason: Block) -> Move? {
    guard !run.keepsWithdrawn, run.next(of: run.plan.contraction) != nil,
      run.block.map(isPassing) ?? true
    else { return nil }
    stand(
      Block(
        code: reason.code,
        message: "\(reason.message) \(run.plan.run) is past its commit point: `windlass resume` "
          + "finishes it all the same"))
    return .again
  }

  /// Replaces instances that died while the run is busy with something else than the fleet.
  private mutating func keepServing(_ run: Run) -> Move? {
    guard run.plan.workload == nil else { return nil }
    switch run.phase {
    case .preflight, .prepare, .backUp, .verify, .prove, .approve, .expand:
      guard let source = run.plan.source else { return nil }
      return maintain(source, run.plan.rollout)
    case .commit, .contractBackUp, .contractVerify, .contract, .finish:
      return maintain(run.plan.target, run.plan.rollout)
    case .observe, .roll, .soak, .rollBack: return nil
    }
  }

  /// The run's way of rolling, with as many instances as are wanted now.
  func rollout(of run: Run) -> RolloutPolicy {
    var rollout = run.plan.rollout
    if run.plan.workload != nil, let workload = watch.workload {
      rollout.replicas = workload.desired
    }
    return rollout
  }

  private mutating func goBack(_ run: Run) -> Move {
    run.plan.workload.map { retreat(run, $0) } ?? rollBack(run)
  }

  /// A move that needs the fence.
  mutating func guarded(_ move: (Epoch) -> Move) -> Move {
    if let fence = takeFenceIfNeeded() { return fence }
    guard let epoch = record.epoch else { return .read(.inspect) }
    return move(epoch)
  }

  // MARK: Before the change

  private mutating func backUp(_ run: Run) -> Move {
    guard rules.backsUpBeforeExpand else { return enter(.prove) }
    guard run.backup != nil else {
      return .perform(.backUp(BackupID("\(run.plan.run)-expand"), .beforeExpand))
    }
    return enter(.verify)
  }

  private mutating func verify(_ run: Run) -> Move {
    guard let backup = run.backup, rules.verifiesBackups else { return enter(.prove) }
    guard backup.isVerified else { return .perform(.verify(backup.id)) }
    guard let ledger = freshLedger() else { return .read(.inspect) }
    if let block = moved(ledger, from: run.plan.schemaBefore, run) ?? mismatch(backup, ledger) {
      refuse(run, block, blame: false)
      return .again
    }
    return enter(.prove)
  }

  /// Whether a backup is of another database or schema than the one to be changed.
  func mismatch(_ backup: BackupReceipt, _ ledger: LedgerReading) -> Block? {
    guard backup.systemID != ledger.systemID || backup.schema != ledger.version else { return nil }
    return Block(
      code: "BackupUnusable",
      message:
        "backup \(backup.id) is of schema \(backup.schema?.description ?? "nothing applied") "
        + "in database \(backup.systemID), and the live one is at "
        + "\(ledger.version?.description ?? "nothing applied") in \(ledger.systemID): check what "
        + "the backup connects to and who migrates; the next attempt takes a new one")
  }

  private mutating func prove(_ run: Run) -> Move {
    guard rules.provesBeforeExpand, let backup = run.backup else { return enter(.approve) }
    return .perform(.rehearse(backup.id))
  }

  private mutating func approve(_ run: Run) -> Move {
    guard record.policy.needsApproval, record.approved != run.plan.target.version else {
      return enter(.expand)
    }
    return .wait(until: idle)
  }

  // MARK: The change

  private mutating func expand(_ run: Run) -> Move {
    let pending = rules.appliesInOrder ? run.plan.expansion : run.plan.expansion.reversed()
    guard let migration = run.next(of: pending) else {
      return settled(run, at: run.applied.last ?? run.plan.schemaBefore, then: .observe)
    }
    if run.applied.isEmpty, let source = run.plan.source {
      if let move = awaitHealth(of: source.version, run) { return move }
    }
    let gate = ContractGate(schema: migration.version, isCommitted: run.isCommitted)
    if rules.contractsAfterOldInstances,
      let old = gate.obstacle(among: instances(under: run.plan))
    {
      standing = contractPending(old, migration.version)
      return .wait(until: idle)
    }
    return apply(migration, run, checking: hasMigrated(run) ? nil : run.backup?.id)
  }

  /// What is unhealthy before the change can't be told from what the change broke.
  private mutating func awaitHealth(of source: Version, _ run: Run) -> Move? {
    let policy = rollout(of: run)
    let serving = wanted(source)
    guard serving.count(where: { isStable($0, policy) }) < policy.replicas else { return nil }
    if let move = keepGate(to: run.plan.source) { return move }
    let ready = serving.count { isReady($0) }
    guard ready < policy.replicas else { return look() }
    tellUnhealthy(source, run, until: "the schema is not changed before all are")
    return .wait(until: idle)
  }

  /// Says that instances of the old release are missing, and what to do about it.
  private mutating func tellUnhealthy(_ source: Version, _ run: Run, until what: String) {
    guard standing == nil else { return }
    let policy = rollout(of: run)
    let ready = wanted(source).count { isReady($0) }
    let remedy = inTheWay(of: source, run.plan.workload) ?? "Look at their logs"
    standing = Block(
      code: "OldFleetUnhealthy",
      message: "\(ready) of \(policy.replicas) instances of \(source) are ready: \(what)."
        + " \(remedy)")
  }

  /// What to do about an instance of another release in a place that its controller does not clear:
  /// what nobody ordered is not for a run to remove.
  func inTheWay(of source: Version, _ shape: WorkloadShape?) -> String? {
    let strays = strays(beside: source)
    let stray: InstanceRecord? =
      switch shape {
      // One that serves is replaced by the controller; one that is ready now and then never is.
      case .ordered:
        strays.first { !isStable($0, record.run?.plan.rollout ?? record.policy.rollout) }
      case .byRemoval, .signalled: strays.first
      case .surging, nil: nil
      }
    if shape == .signalled { return stray.map { unasked($0, beside: source) } }
    return stray.map {
      "Instance \($0.id) of \($0.release) is in the place of one: remove it, and its controller "
        + "replaces it"
    }
  }

  /// Applies one migration under the fence, after what the ledger must then say.
  mutating func apply(_ migration: Migration, _ run: Run, checking: BackupID?) -> Move {
    guard let archive = run.plan.target.migrationArchive else {
      stand(
        Block(
          code: "NoMigrations",
          message: "release \(run.plan.target.version) names migration \(migration.version) and no "
            + "archive that holds it: publish a corrected manifest, then `windlass rollback`"))
      return .again
    }
    let after = run.applied.last ?? run.plan.schemaBefore
    return guarded { epoch in
      .perform(
        .apply(
          MigrationOrder(
            run: run.plan.run, migration: migration, archive: archive, after: after, epoch: epoch),
          checking: checking))
    }
  }

  /// Reads the ledger back after the last migration of a phase before going on.
  mutating func settled(
    _ run: Run, at expected: SchemaVersion?, then phase: RunPhase
  ) -> Move {
    guard !run.plan.migrations.isEmpty, rules.appliesInOrder else { return enter(phase) }
    guard let ledger = freshLedger() else { return .read(.inspect) }
    guard let block = moved(ledger, from: expected, run) else { return enter(phase) }
    stand(block)
    return .again
  }

  /// Whether the ledger is elsewhere than where the run left it.
  func moved(_ ledger: LedgerReading, from expected: SchemaVersion?, _ run: Run) -> Block? {
    guard ledger.isDirty || ledger.version != expected else { return nil }
    return Block(
      code: ledger.isDirty ? "DirtyLedger" : "SchemaChanged",
      message: "the ledger of \(record.policy.service) is at "
        + "\(ledger.version?.description ?? "nothing applied")"
        + "\(ledger.isDirty ? ", dirty" : "") "
        + "where \(run.plan.run) left \(expected?.description ?? "nothing applied"): see who "
        + "changed it, mend it, then `windlass resume`")
  }

  /// Watches the old fleet on the expanded schema.
  private mutating func observe(_ run: Run) -> Move {
    guard let source = run.plan.source else { return enter(.roll) }
    if !run.plan.expansion.isEmpty, let reason = oldFleetFailure(run, source.version) {
      turnBack(reason, blame: true)
      return .again
    }
    if run.plan.workload == nil, let move = maintain(source, run.plan.rollout) { return move }
    // Without a change there is nothing to watch, and the roll may be what heals the fleet.
    guard !run.plan.expansion.isEmpty else { return enter(.roll) }
    let isWhole = wanted(source.version).count { isReady($0) } >= rollout(of: run).replicas
    let hasWatched = now - run.phaseSince >= run.plan.rollout.observe
    if !isWhole, let move = keepGate(to: source) { return move }
    // What no instance of the old release brought about is for a person to mend.
    if !isWhole, hasWatched {
      tellUnhealthy(source.version, run, until: "none of the new release begins before all are")
    }
    return isWhole && hasWatched ? enter(.roll) : look()
  }

  private func oldFleetFailure(_ run: Run, _ source: Version) -> Block? {
    let policy = run.plan.rollout
    let crashed = record.instances.first {
      $0.release == source && $0.isDead && $0.stoppedAt == nil && $0.exit != nil
        && ($0.diedAt ?? run.openedAt) >= run.phaseSince
    }
    let sick = wanted(source).first { instance in
      let since = watch.unreadySince[instance.id]
      return since.map { now - $0 >= max(policy.stability, Bounds.unreadyToleranceMin) } ?? false
        || isOverdue(instance, policy, since: run.phaseSince)
    }
    return (crashed ?? sick).map { bad in
      let detail = bad.exit.map { "ended with \($0)" } ?? "is not ready"
      return Block(
        code: "OldFleetFailed",
        message: "instance \(bad.id) of \(source) \(detail) on the expanded schema")
    }
  }
}
