extension Stepper {
  /// Carries the open run on by one move.
  mutating func advance() -> Move {
    guard let run = record.run else { return .again }
    if let move = yield(to: run) { return move }
    guard freshFleet() != nil else { return .read(.observe) }
    if run.phase == .rollBack { return run.block == nil ? rollBack(run) : look(later: run) }
    if let move = keepServing(run) { return move }
    if run.block != nil, run.phase != .contract { return look(later: run) }
    if record.isPaused { return look(later: run) }
    if let retry = record.retry, now < retry.at { return .wait(until: retry.at) }
    switch run.phase {
    case .preflight: return guarded { _ in .perform(.preflight) }
    case .prepare: return .perform(.prepare)
    case .backUp: return backUp(run)
    case .verify: return verify(run)
    case .prove: return prove(run)
    case .approve: return approve(run)
    case .expand: return expand(run)
    case .observe: return observe(run)
    case .roll: return roll(run)
    case .soak: return soak(run)
    case .commit: return commit(run)
    case .contractBackUp: return backUpAgain(run)
    case .contractVerify: return verifyAgain(run)
    case .contract: return contract(run)
    case .finish: return finish(run)
    case .rollBack: preconditionFailure("a run rolls back before its phases are looked at")
    }
  }

  /// Looks at the fleet now and then while the run stands.
  private func look(later run: Run) -> Move { .wait(until: now + Bounds.fleetIdleInterval) }

  /// What takes precedence over the run's own next move: a withdrawn target, a changed plan.
  private mutating func yield(to run: Run) -> Move? {
    if !rules.pinsPlans, let newest = watch.offer?.releases.max(by: { $0.version < $1.version }),
      run.plan.target != newest, newest.version > run.plan.target.version
    {
      record.run?.plan.target = newest
      return .again
    }
    if !rules.keepsDirection, run.direction == .rollback, run.block == nil,
      readyCount >= run.plan.rollout.replicas
    {
      record.run?.direction = .forward
      return enter(.roll)
    }
    guard rules.heedsYanks, run.direction == .forward,
      let yank = watch.offer?.releases.first(where: { $0.version == run.plan.target.version })?.yank
    else { return nil }
    let reason = Block(
      code: "Yanked",
      message: "\(run.plan.target.version) was withdrawn: \(yank.reason). \(yank.remedy)")
    if run.isCommitted {
      guard run.block == nil else { return nil }
      stand(reason)
      return .again
    }
    quarantine(run.plan.target.version, build: run.plan.target.build, for: reason)
    record.run?.block = nil
    if hasChangedNothing(run) { end(.refused, reason) } else { turnBack(reason, blame: false) }
    return .again
  }

  /// Replaces instances that died while the run is busy with something else than the fleet.
  private mutating func keepServing(_ run: Run) -> Move? {
    switch run.phase {
    case .preflight, .prepare, .backUp, .verify, .prove, .approve, .expand:
      guard let source = run.plan.source else { return nil }
      return maintain(source, run.plan.rollout)
    case .commit, .contractBackUp, .contractVerify, .contract, .finish:
      return maintain(run.plan.target, run.plan.rollout)
    case .observe, .roll, .soak, .rollBack: return nil
    }
  }

  /// A move that needs the fence.
  private mutating func guarded(_ move: (Epoch) -> Move) -> Move {
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
    guard let backup = run.backup, !backup.isVerified, rules.verifiesBackups else {
      return enter(.prove)
    }
    return .perform(.verify(backup.id))
  }

  private mutating func prove(_ run: Run) -> Move {
    guard rules.provesBeforeExpand, let backup = run.backup else { return enter(.approve) }
    return .perform(.rehearse(backup.id))
  }

  private mutating func approve(_ run: Run) -> Move {
    guard record.policy.needsApproval, record.approved != run.plan.target.version else {
      return enter(.expand)
    }
    return .wait(until: now + Bounds.fleetIdleInterval)
  }

  // MARK: The change

  private mutating func expand(_ run: Run) -> Move {
    let pending = rules.appliesInOrder ? run.plan.expansion : run.plan.expansion.reversed()
    guard let migration = run.next(of: pending) else {
      return settled(run, at: run.applied.last ?? run.plan.schemaBefore, then: .observe)
    }
    return apply(migration, run, checking: run.applied.isEmpty ? run.backup?.id : nil)
  }

  private mutating func apply(_ migration: Migration, _ run: Run, checking: BackupID?) -> Move {
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
  private mutating func settled(
    _ run: Run, at expected: SchemaVersion?, then phase: RunPhase
  ) -> Move {
    guard !run.plan.migrations.isEmpty, rules.appliesInOrder else { return enter(phase) }
    guard let ledger = freshLedger() else { return .read(.inspect) }
    guard !ledger.isDirty, ledger.version == expected else {
      stand(
        Block(
          code: ledger.isDirty ? "DirtyLedger" : "SchemaChanged",
          message: "the ledger of \(record.policy.service) is at "
            + "\(ledger.version?.description ?? "nothing applied")\(ledger.isDirty ? ", dirty" : "") "
            + "where \(run.plan.run) left \(expected?.description ?? "nothing applied"): see who "
            + "changed it, mend it, then `windlass resume`"))
      return .again
    }
    return enter(phase)
  }

  /// Watches the old fleet on the expanded schema.
  private mutating func observe(_ run: Run) -> Move {
    guard let source = run.plan.source else { return enter(.roll) }
    let crashed = record.instances.first {
      $0.release == source.version && $0.isDead && $0.stoppedAt == nil
        && ($0.diedAt ?? run.openedAt) >= run.phaseSince && $0.exit != nil
    }
    let sick = wanted(source.version).first {
      watch.unreadySince[$0.id].map {
        now - $0 >= max(run.plan.rollout.stability, Bounds.unreadyToleranceMin)
      } ?? false
    }
    if !run.plan.expansion.isEmpty, let bad = crashed ?? sick {
      let detail = bad.exit.map { "ended with \($0)" } ?? "stopped being ready"
      turnBack(
        Block(
          code: "OldFleetFailed",
          message: "instance \(bad.id) of \(source.version) \(detail) on the expanded schema"),
        blame: true)
      return .again
    }
    if let move = maintain(source, run.plan.rollout) { return move }
    let isWhole = wanted(source.version).filter(isReady).count >= run.plan.rollout.replicas
    let hasWatched = now - run.phaseSince >= run.plan.rollout.observe
    if isWhole, hasWatched || run.plan.expansion.isEmpty { return enter(.roll) }
    return look()
  }

  private mutating func soak(_ run: Run) -> Move {
    if let trouble = trouble(run) {
      turnBack(trouble, blame: true)
      return .again
    }
    if let move = maintain(run.plan.target, run.plan.rollout) { return move }
    let isWhole = wanted(run.plan.target.version).filter(isReady).count >= run.plan.rollout.replicas
    if isWhole, now - run.phaseSince >= run.plan.rollout.soak { return enter(.commit) }
    if !rules.contractsAfterCommit, !run.plan.contraction.isEmpty { return enter(.contractBackUp) }
    return look()
  }

  private mutating func commit(_ run: Run) -> Move {
    guard !run.isCommitted else {
      return enter(run.plan.contraction.isEmpty ? .finish : .contractBackUp)
    }
    return guarded { .perform(.recordCommitPoint(run.plan.run, epoch: $0)) }
  }

  // MARK: The contraction

  private mutating func backUpAgain(_ run: Run) -> Move {
    guard rules.backsUpBeforeContract else { return enter(.contract) }
    guard run.contractBackup != nil else {
      return .perform(.backUp(BackupID("\(run.plan.run)-contract"), .beforeContract))
    }
    return enter(.contractVerify)
  }

  private mutating func verifyAgain(_ run: Run) -> Move {
    guard let backup = run.contractBackup, !backup.isVerified, rules.verifiesBackups else {
      return enter(.contract)
    }
    return .perform(.verify(backup.id))
  }

  private mutating func contract(_ run: Run) -> Move {
    guard let migration = run.next(of: run.plan.contraction) else {
      return settled(run, at: run.applied.last, then: .finish)
    }
    let bar = barrier(to: migration, run)
    if let block = run.block, block.code != "ContractPending" { return look(later: run) }
    if record.run?.block != bar {
      record.run?.block = bar
      return .again
    }
    guard bar == nil else { return look(later: run) }
    let isFirst = run.plan.contraction.allSatisfy { !run.applied.contains($0.version) }
    return apply(migration, run, checking: isFirst ? run.contractBackup?.id : nil)
  }

  /// Why a contract migration may not start: an instance that may be alive could not bear it
  /// (invariant R3).
  private func barrier(to migration: Migration, _ run: Run) -> Block? {
    guard rules.contractsAfterOldInstances else { return nil }
    let target = run.plan.target
    guard
      let old = record.instances.first(where: { instance in
        let window = instance.release == target.version ? target.window : instance.window
        return instance.mayBeAlive && !window.contains(migration.version)
      })
    else { return nil }
    return Block(
      code: "ContractPending",
      message: "instance \(old.id) of \(old.release) may be alive and could not work with schema "
        + "\(migration.version): make sure that it is gone, then `windlass confirm-dead \(old.id)`")
  }

  private mutating func finish(_ run: Run) -> Move {
    let expected = run.applied.last ?? run.plan.schemaBefore
    if !run.plan.migrations.isEmpty, rules.appliesInOrder {
      guard let ledger = freshLedger() else { return .read(.inspect) }
      guard !ledger.isDirty, ledger.version == expected else {
        return settled(run, at: expected, then: .finish)
      }
    }
    return .perform(.prune)
  }
}
