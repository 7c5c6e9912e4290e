extension Oracle {
  /// A run was opened.
  mutating func open(_ plan: Plan, _ at: Timestamp) {
    note(
      breach(
        .u3, unless: run == nil, "\(plan.run) was opened while \(run?.plan.run.text ?? "") is open")
    )
    note(
      breach(
        .t3, unless: expires.map { at < $0 } ?? false,
        "\(plan.run) was opened on an expired manifest"))
    note(
      breach(
        .t4, unless: !isWithdrawn(plan.target),
        "\(plan.run) was opened for \(plan.target.version), which was withdrawn"))
    note(
      breach(
        .t4, unless: failed[plan.target.version] != plan.target.build,
        "\(plan.run) was opened for \(plan.target.version), which failed here"))
    note(
      breach(
        .t5, unless: plan.source?.version == deployed,
        "\(plan.run) starts from \(plan.source?.version.description ?? "nothing"), and "
          + "\(deployed?.description ?? "nothing") is deployed"))
    rollout = plan.rollout
    // Fence, preflight, prepare, two backups and their proofs, commit, pruning; and for each
    // replica a start, a probe and a stop.
    let needed = 12 + plan.migrations.count + 3 * plan.rollout.replicas
    run = Open(plan: plan, budget: 3 * needed)
  }

  mutating func turn(_ id: RunID, _ direction: Direction) {
    guard let run, run.plan.run == id else { return report(.j2, "\(id) turned and is not open") }
    note(
      breach(
        .j2, unless: run.direction == .forward && direction == .rollback,
        "\(id) turned from \(run.direction) to \(direction)"))
    note(breach(.r8, unless: !run.isCommitted, "\(id) turned back after its commit point"))
    self.run?.direction = direction
  }

  /// How a run ended must be what happened (D3).
  mutating func end(_ summary: RunSummary) {
    guard let run, run.plan.run == summary.run else {
      return report(.d3, "\(summary.run) ended and is not open")
    }
    note(
      breach(
        .j3, unless: unsettled == nil,
        "\(summary.run) ended while \(unsettled?.text ?? "") is unknown"))
    switch summary.ending {
    case .completed: judge(completed: run)
    case .refused:
      note(
        breach(
          .d3,
          unless: run.migrated.isEmpty && !run.hasBackfilled && !run.isCommitted
            && !run.hasStartedTarget,
          "\(summary.run) was refused after it had changed something"))
    case .rolledBack:
      note(
        breach(
          .r8, unless: !run.isCommitted, "\(summary.run) was rolled back after its commit point"))
      let left = instances.first {
        $0.release == run.plan.target.version && $0.mayBeAlive && $0.life == .alive
      }
      note(
        breach(
          .d3, unless: left == nil,
          "\(summary.run) was rolled back and \(left?.id.text ?? "") is alive"))
    }
    if let code = summary.reason?.code, Block.blaming.contains(code), !run.isForgiven {
      failed[run.plan.target.version] = run.plan.target.build
    }
    self.run = nil
  }

  private mutating func judge(completed run: Open) {
    let id = run.plan.run
    note(breach(.d3, unless: run.isCommitted, "\(id) completed without a commit point"))
    let missing = run.plan.migrations.first { !run.migrated.contains($0.version) }
    note(
      breach(
        .d3, unless: missing == nil,
        "\(id) completed without migration \(missing?.version.description ?? "")"))
    let expected = run.plan.migrations.last?.version ?? run.plan.schemaBefore
    note(
      breach(
        .d3,
        unless: run.plan.migrations.isEmpty || run.isMeddled || (schema == expected && !isDirty),
        "\(id) completed at schema \(schema?.description ?? "nothing applied")"))
    deployed = run.plan.target.version
  }

  // MARK: Effects

  /// An effect was given to a driver.
  mutating func issue(_ id: EffectID, _ action: Action, _ at: Timestamp) {
    note(breach(.j1, unless: durableIntent == id, "\(id) was issued before its intent was durable"))
    if action.hasLastingEffect {
      note(
        breach(
          .j3, unless: unsettled == nil,
          "\(id) was issued while \(unsettled?.text ?? "") is unknown"))
      unsettled = id
      stopping = nil
    }
    if run != nil {
      run?.effects += 1
      let (effects, budget) = (run?.effects ?? 0, run?.budget ?? 0)
      note(
        breach(
          .l4, unless: effects <= budget,
          "\(id) is effect \(effects) of the run, \(budget) are enough"))
    }
    judge(withdrawn: action, id)
    switch action {
    case .start(let order, let gate):
      judge(release: order.release, id)
      judge(start: order, gate)
      judge(wayBack: order.release.version, id)
    case .stop(let instance):
      judge(stop: instance)
      stopping = instance
    case .apply(let order, let backup):
      judge(epoch: order.epoch, id)
      judge(migration: order)
      judge(checking: backup, order)
    case .recordCommitPoint(_, let epoch): judge(epoch: epoch, id)
    case .forget(let instance):
      let isAlive = instances.first { $0.id == instance }?.mayBeAlive ?? false
      note(breach(.r6, unless: !isAlive, "\(instance) is forgotten and may be alive"))
      instances.removeAll { $0.id == instance }
    case .order(let order, _):
      judge(order, id)
      if order.aim != .hold { judge(release: order.release, id) }
      judge(wayBack: order.release.version, id)
    case .takeFence, .preflight, .prepare, .backUp, .verify, .rehearse, .probe, .probeWave, .prune:
      break
    }
  }

  /// The outcome of an effect is known.
  mutating func settle(_ id: EffectID, _ settlement: Settlement, _ at: Timestamp) {
    lastSettledAt = max(lastSettledAt, at)
    if unsettled == id { unsettled = nil }
    guard settlement != .finished else { return }
    disturb()
    if let stopping { change(stopping) { $0.isStopped = false } }
  }

  private mutating func judge(epoch: Epoch, _ id: EffectID) {
    note(
      breach(
        .f1, unless: epoch == ownFence,
        "\(id) goes under epoch \(epoch), this daemon took \(ownFence?.description ?? "none")"))
  }

  private mutating func judge(checking backup: BackupID?, _ order: MigrationOrder) {
    guard let run, run.migrated.isEmpty, !run.hasBackfilled else { return }
    note(
      breach(
        .d1, unless: run.verified.contains { $0.id == backup },
        "migration \(order.migration.version) goes without a look at its backup"))
  }

  /// Only the two releases of the plan are started, or the deployed one at rest (T5).
  private mutating func judge(release: Release, _ id: EffectID) {
    guard let run else {
      note(
        breach(.t5, unless: release.version == deployed, "\(id) starts \(release.version) at rest"))
      return
    }
    let isPlanned = [run.plan.source, run.plan.target].contains {
      $0?.version == release.version && $0?.build == release.build
    }
    note(
      breach(.t5, unless: isPlanned, "\(id) starts \(release.version), which is not in the plan"))
  }

  /// Going back by itself needs a proof that covers it (R8).
  private mutating func judge(wayBack version: Version, _ id: EffectID) {
    guard let run, run.direction == .rollback, run.hasStartedTarget,
      version == run.plan.source?.version
    else { return }
    let isCovered = run.verdict?.coversRollback ?? false
    note(
      breach(
        .r8, unless: isCovered || run.personDecided,
        "\(id) goes back to \(version), which was not proven to work on what "
          + "\(run.plan.target.version) wrote"))
  }

  /// A withdrawn release takes no further step (T4).
  private mutating func judge(withdrawn action: Action, _ id: EffectID) {
    guard let run, run.direction == .forward, isWithdrawn(run.plan.target) else { return }
    let target = run.plan.target.version
    let isStep: Bool
    switch action {
    case .preflight, .prepare, .backUp, .verify, .rehearse, .probe, .probeWave,
      .recordCommitPoint:
      isStep = !run.isCommitted
    case .order(let order, _):
      isStep = !run.isCommitted && order.aim != .hold && order.release.version == target
    case .start(let order, _): isStep = !run.isCommitted && order.release.version == target
    case .apply: isStep = !run.keepsWithdrawn
    case .takeFence, .stop, .forget, .prune: isStep = false
    }
    note(breach(.t4, unless: !isStep, "\(id) goes on with \(target), which was withdrawn"))
  }

  private func isWithdrawn(_ release: Release) -> Bool {
    yanked.contains(release.version) || quarantine.contains { $0.bars(release) }
  }
}
