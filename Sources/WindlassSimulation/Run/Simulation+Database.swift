import WindlassCore

extension Simulation {
  func backUp(_ id: BackupID, _ purpose: BackupPurpose) throws(StepFailure) -> BackupReceipt {
    if let obstacle = database.obstacle(at: now), obstacle.code == "Unreachable" { throw obstacle }
    let receipt = try backups.take(
      id, run: state.record.run?.plan.run ?? RunID("none"), purpose: purpose, of: database,
      isDamaged: dice.strikes(scenario.hazards.backupDamaged, "backup is damaged"),
      isForeign: dice.strikes(scenario.hazards.backupForeign, "backup is of another database"))
    tally.backups = backups.count
    return receipt
  }

  /// What the real driver looks at again at the moment of use (D1).
  private func check(_ id: BackupID, _ order: MigrationOrder) throws(StepFailure) {
    if dice.strikes(scenario.hazards.backupRots, "backup rots") {
      backups.change(id) { $0.isRotten = true }
    }
    guard let backup = backups[id],
      !(backup.isDamaged || backup.isRotten) || !rules.verifiesBackups,
      backup.receipt.isVerified || !rules.verifiesBackups,
      backup.receipt.run == order.run, backup.receipt.systemID == database.systemID,
      backup.receipt.schema == database.version
    else {
      throw StepFailure(
        code: "BackupUnusable", disposition: .stop, message: "the backup is of no use")
    }
  }

  func apply(_ order: MigrationOrder, checking backup: BackupID?) throws(StepFailure) -> Outcome {
    if let backup { try check(backup, order) }
    guard try database.begins(order, at: now) else { return .done }
    if order.migration.phase == .backfill, advances(order) {
      let progress = database.advance(order)
      tell("backfill \(order.migration.version) is at \(progress.rowsWalked) rows")
      note(.backfilled(order))
      return .advanced(progress)
    }
    if dice.strikes(scenario.hazards.migrationCutOff, "migration is cut off") {
      tell("FAULT migration \(order.migration.version) is cut off")
      database.isDirty = true
      note(.schemaChanged(database.version, isDirty: true))
      throw Simulation.dirty
    }
    commit(order)
    return .done
  }

  /// Whether a backfill has more to do than this time; decided by its number, so that a scenario
  /// without one plays as it always did.
  private func advances(_ order: MigrationOrder) -> Bool {
    guard database.late.isEmpty else { return false }
    let done = database.backfill?.progress
    let walked = done?.migration == order.migration.version ? done?.rowsWalked ?? 0 : 0
    return walked < Int64(order.migration.version.number % 4) * 10
  }

  /// The server commits an order, whoever still waits for it.
  func commit(_ order: MigrationOrder) {
    database.commit(order)
    tally.migrations.append(order.migration.version)
    tell("schema is at \(order.migration.version)")
    note(.migrated(order))
  }

  /// What statements without a client do meanwhile.
  func runLateOrders(until time: Timestamp) {
    guard !database.late.isEmpty else { return }
    for index in database.late.indices.reversed() {
      var late = database.late[index]
      if !late.hasBegun, late.begins <= time {
        let isAdmitted = (try? database.admits(late.order)) ?? false
        let isLocked = database.late.contains(where: \.hasBegun)
        guard isAdmitted, !isLocked else {
          tell("late migration \(late.order.migration.version) is refused")
          database.late.remove(at: index)
          continue
        }
        late.hasBegun = true
        database.late[index] = late
      }
      if late.hasBegun, late.ends <= time {
        database.late.remove(at: index)
        tell("late migration \(late.order.migration.version) commits")
        commit(late.order)
      }
    }
  }

  /// The verdict on the open run's plan, from what its releases really are.
  func rehearse() throws(StepFailure) -> Verdict {
    guard let run = state.record.run else {
      throw StepFailure(code: "NoRun", disposition: .stop, message: "no run")
    }
    var verdict = truth(about: run.plan)
    if dice.strikes(scenario.hazards.proofUnknown, "rehearsal shows nothing") {
      tell("FAULT rehearsal shows nothing")
      verdict =
        dice.way(of: 2) == 0
        ? Verdict(judgement: .unknown, checks: 3, coversRollback: false, evidence: ["no scratch"])
        : Verdict(judgement: .safe, checks: 0, coversRollback: true, evidence: [])
    }
    tell("verdict \(verdict.judgement.rawValue), \(verdict.checks) checks")
    note(.judged(run.plan.run, verdict))
    return verdict
  }

  private func truth(about plan: Plan) -> Verdict {
    let expanded = plan.expansion.last?.version ?? plan.schemaBefore
    let final = plan.migrations.last?.version ?? plan.schemaBefore
    let source = plan.source.flatMap { released($0.version) }
    let target = released(plan.target.version)
    let worksForOld = source?.window.contains(expanded) ?? true
    let worksForNew =
      target.map { $0.window.contains(expanded) && $0.window.contains(final) } ?? false
    guard worksForOld, worksForNew else {
      return Verdict(
        judgement: .unsafe, checks: 5, coversRollback: false, evidence: ["a query failed"])
    }
    return Verdict(
      judgement: .safe, checks: 5, coversRollback: !(target?.writesUnreadable ?? false),
      evidence: ["all queries passed"])
  }

  /// A release as it really is.
  func released(_ version: Version) -> TrueRelease? {
    scenario.releases.first { $0.release.version == version }
  }
}
