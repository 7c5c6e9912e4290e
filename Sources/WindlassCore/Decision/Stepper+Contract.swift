extension Stepper {
  /// The rollback window: the old release could still come back.
  mutating func soak(_ run: Run) -> Move {
    let policy = rollout(of: run)
    if let trouble = trouble(run) {
      turnBack(trouble, blame: Block.blaming.contains(trouble.code))
      return .again
    }
    if run.plan.workload == nil {
      if let move = promote(run) { return move }
      if let move = maintain(run.plan.target, policy) { return move }
    } else {
      if let move = ifDue(promoteWave(run)) ?? heedOwner(run) { return move }
      if let move = clearWay(run) { return move }
    }
    let good = wanted(run.plan.target.version).count { isGood($0, policy) }
    let isOver = now - run.phaseSince >= policy.soak
    if good >= policy.replicas, isOver { return enter(.commit) }
    if !rules.contractsAfterCommit, !run.plan.contraction.isEmpty { return enter(.contractBackUp) }
    return look()
  }

  /// Records that there is no way back.
  mutating func commit(_ run: Run) -> Move {
    guard !run.isCommitted else {
      return enter(run.plan.contraction.isEmpty ? .finish : .contractBackUp)
    }
    if let move = heedOwner(run) { return move }
    // One that was in doubt may have come back meanwhile.
    if hasOthers(beside: run.plan.target.version) { return look() }
    if let move = awaitAdmitted(run) { return move }
    return guarded { .perform(.recordCommitPoint(run.plan.run, epoch: $0)) }
  }

  /// A fresh backup: the one before the expansion knows nothing of what was written since.
  mutating func backUpAgain(_ run: Run) -> Move {
    guard rules.backsUpBeforeContract else { return enter(.contract) }
    guard run.contractBackup != nil else {
      let suffix = run.unusableBackups == 0 ? "" : "-\(run.unusableBackups + 1)"
      return .perform(.backUp(BackupID("\(run.plan.run)-contract\(suffix)"), .beforeContract))
    }
    return enter(.contractVerify)
  }

  mutating func verifyAgain(_ run: Run) -> Move {
    guard let backup = run.contractBackup, rules.verifiesBackups else { return enter(.contract) }
    guard backup.isVerified else { return .perform(.verify(backup.id)) }
    guard let ledger = freshLedger() else { return .read(.inspect) }
    let expected = run.applied.last ?? run.plan.schemaBefore
    if let block = moved(ledger, from: expected, run) ?? mismatch(backup, ledger) {
      record.run?.contractBackup = nil
      record.run?.unusableBackups += 1
      _ = enter(.contractBackUp)
      stand(block)
      return .again
    }
    return enter(.contract)
  }

  /// Applies the contract migrations once nothing that may be alive needs what they remove.
  mutating func contract(_ run: Run) -> Move {
    guard let migration = run.next(of: run.plan.contraction) else {
      return settled(run, at: run.applied.last, then: .finish)
    }
    let gate = ContractGate(schema: migration.version, isCommitted: run.isCommitted)
    let instances = instances(under: run.plan)
    if !gate.admits(instances) {
      if rules.contractsAfterCommit, !run.isCommitted { return enter(.commit) }
      if rules.contractsAfterOldInstances, let old = gate.obstacle(among: instances) {
        standing = contractPending(old, migration.version)
        return .wait(until: idle)
      }
    }
    let isFirst = run.plan.contraction.allSatisfy { !run.applied.contains($0.version) }
    return apply(migration, run, checking: isFirst ? run.contractBackup?.id : nil)
  }

  /// The instances, those of the plan's releases with its windows, however they were started.
  func instances(under plan: Plan) -> [InstanceRecord] {
    record.instances.map { instance in
      var instance = instance
      if instance.release == plan.target.version { instance.window = plan.target.window }
      if let source = plan.source, instance.release == source.version {
        instance.window = source.window
      }
      return instance
    }
  }

  func contractPending(_ old: InstanceRecord, _ schema: SchemaVersion) -> Block {
    Block(
      code: "ContractPending",
      message: "migration \(schema) waits: instance \(old.id) of \(old.release) may be alive and "
        + "could not work with it: make sure that it is gone, then "
        + "`windlass confirm-dead \(old.id)`"
    )
  }

  /// Looks at the ledger once more before the run ends.
  mutating func finish(_ run: Run) -> Move {
    let expected = run.applied.last ?? run.plan.schemaBefore
    if !run.plan.migrations.isEmpty, rules.appliesInOrder {
      guard let ledger = freshLedger() else { return .read(.inspect) }
      if let block = moved(ledger, from: expected, run) {
        stand(block)
        return .again
      }
    }
    return .perform(.prune)
  }
}
