extension Oracle {
  mutating func takeFence(_ epoch: Epoch, byUs: Bool) {
    note(
      breach(
        .f1, unless: fence.map { $0 < epoch } ?? true,
        "the fence went from \(fence?.description ?? "none") to \(epoch)"))
    fence = epoch
    if byUs { ownFence = epoch }
  }

  mutating func changeSchema(_ version: SchemaVersion?, isDirty dirty: Bool) {
    disturb()
    if let before = schemaMeddledFrom {
      if before == version { schemaMeddledFrom = nil }
    } else if schema != version {
      schemaMeddledFrom = .some(schema)
    }
    schema = version
    isDirty = dirty
    run?.isMeddled = true
    for index in instances.indices where !instances[index].window.contains(version) {
      instances[index].isExcused = true
    }
  }

  /// A part of a backfill was committed in the database.
  mutating func backfill(_ order: MigrationOrder) {
    let version = order.migration.version
    note(
      breach(
        .f1, unless: fence.map { $0 <= order.epoch } ?? true,
        "a batch of \(version) was accepted under epoch \(order.epoch), the fence is at "
          + "\(fence?.description ?? "none")"))
    note(
      breach(
        .d2, unless: !applied.contains(version),
        "a batch of \(version) was committed after the whole of it"))
    note(
      breach(
        .d6, unless: schema == order.after && !isDirty,
        "a batch of \(version) was committed on schema \(schema?.description ?? "nothing applied")")
    )
    judge(migration: order)
    run?.hasBackfilled = true
    // What is done leaves less to do.
    run?.budget += Oracle.effectsPerAdvance
  }

  /// Effects that a backfill's next part may need.
  private static let effectsPerAdvance = 3

  /// A migration was committed in the database.
  mutating func migrate(_ order: MigrationOrder) {
    let version = order.migration.version
    note(
      breach(
        .f1, unless: fence.map { $0 <= order.epoch } ?? true,
        "migration \(version) was accepted under epoch \(order.epoch), the fence is at "
          + "\(fence?.description ?? "none")"))
    note(
      breach(.d2, unless: !applied.contains(version), "migration \(version) was committed twice"))
    note(breach(.d3, unless: !isDirty, "migration \(version) was committed on a dirty ledger"))
    note(
      breach(
        .d6, unless: schema == order.after,
        "migration \(version) was committed on schema \(schema?.description ?? "nothing applied")"))
    judge(migration: order)
    for instance in instances
    where instance.mayBeAlive && !instance.isExcused && !instance.window.contains(version) {
      report(
        .r0,
        "\(instance.id) of \(instance.release) works with \(instance.window), and migration "
          + "\(version) was committed under it")
    }
    applied.insert(version)
    schema = version
    run?.migrated.append(version)
  }

  /// Whether a migration may be carried out now; asked when it is issued and when it is committed.
  mutating func judge(migration order: MigrationOrder) {
    let version = order.migration.version
    guard let run, run.plan.run == order.run else {
      return report(.d3, "migration \(version) of \(order.run), which is not the open run")
    }
    note(
      breach(
        .t5,
        unless: run.plan.migrations.contains(order.migration)
          && order.archive == run.plan.target.migrationArchive,
        "migration \(version) is not what the plan of \(order.run) says"))
    note(
      breach(
        .d6, unless: order.after.map { $0 < version } ?? true,
        "migration \(version) comes after \(order.after?.description ?? "nothing applied")"))
    let isContraction = run.plan.contraction.contains(order.migration)
    if isContraction {
      judge(contraction: order, run)
    } else {
      judge(proof: order, run)
    }
    let isFirst =
      isContraction
      ? run.plan.contraction.allSatisfy { !run.migrated.contains($0.version) }
      : run.migrated.isEmpty
    guard isFirst else { return }
    let purpose: BackupPurpose = isContraction ? .beforeContract : .beforeExpand
    note(
      breach(
        .d1,
        unless: run.verified.contains {
          $0.run == order.run && $0.purpose == purpose && $0.isVerified && $0.schema == order.after
        },
        "migration \(version) has no verified backup of schema "
          + "\(order.after?.description ?? "nothing applied")"))
  }

  private mutating func judge(proof order: MigrationOrder, _ run: Open) {
    let isProven = run.verdict.map { $0.judgement == .safe && $0.checks > 0 } ?? false
    note(breach(.r2, unless: isProven, "migration \(order.migration.version) was not proven safe"))
  }

  private mutating func judge(contraction order: MigrationOrder, _ run: Open) {
    let version = order.migration.version
    note(
      breach(
        .r3, unless: run.isCommitted, "contract migration \(version) comes before the commit point")
    )
    for instance in instances
    where instance.mayBeAlive && !instance.window.contains(version) && !instance.isExcused {
      report(
        .r3,
        "contract migration \(version) comes while \(instance.id) of \(instance.release), "
          + "which works with \(instance.window), may be alive")
    }
  }

  /// The commit point was recorded.
  mutating func commit(_ id: RunID, _ epoch: Epoch) {
    note(
      breach(
        .f1, unless: fence.map { $0 <= epoch } ?? true,
        "the commit point of \(id) was accepted under epoch \(epoch), the fence is at "
          + "\(fence?.description ?? "none")"))
    guard let run, run.plan.run == id else {
      return report(.d3, "the commit point of \(id) was recorded, which is not the open run")
    }
    note(breach(.r8, unless: run.direction == .forward, "\(id) was committed on its way back"))
    let old = instances.first {
      $0.mayBeAlive && $0.life == .alive && $0.release != run.plan.target.version
    }
    note(
      breach(
        .r8, unless: old == nil,
        "\(id) was committed while \(old?.id.text ?? "") of another release is alive"))
    self.run?.isCommitted = true
  }
}
