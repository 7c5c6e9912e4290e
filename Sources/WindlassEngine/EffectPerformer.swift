import WindlassCore

/// Carries effects out through the ports, and finds out what became of them.
///
/// It decides nothing: what must hold at the moment of an effect travels in the action and is
/// only looked at again here.
struct EffectPerformer: Sendable {
  let ports: ServicePorts

  /// Carries an action out.
  ///
  /// - Parameter goesOn: asked between the batches of a backfill.
  func perform(
    _ action: Action, run: Run?, while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> Outcome {
    switch action {
    case .takeFence(let current):
      return .fenced(
        try await ports.database.takeFence(after: current, run: run?.plan.run ?? RunID("rest")))
    case .preflight: try await ports.database.preflight(try plan(run))
    case .prepare: try await prepare(try plan(run))
    case .backUp(let id, let purpose):
      let run = try plan(run).run
      return .backedUp(try await ports.backups.backUp(id, run: run, purpose: purpose))
    case .verify(let id): return .backedUp(try await ports.backups.verify(id))
    case .rehearse(let id):
      return .judged(try await ports.rehearsal.rehearse(try plan(run), on: id))
    case .apply(let order, let backup):
      if let backup { try await check(backup, run: order.run) }
      if let progress = try await ports.database.apply(order, while: goesOn) {
        return .advanced(progress)
      }
    case .start(let order, let gate): try await start(order, gate)
    case .stop(let id): try await instances().stop(id)
    case .probe(let id): return .probed(failure: try await probe(id, run))
    case .recordCommitPoint(let run, let epoch):
      try await ports.database.recordCommitPoint(run, epoch: epoch)
    case .order(let order, let gate): try await write(order, gate)
    case .probeWave(let wave):
      let probes = try plan(run).target.probes.filter(\.isSafe)
      return .answered(try await workload().probe(wave, with: probes))
    case .forget(let id): try await instances().forget(id)
    case .prune:
      try await ports.backups.prune(
        keep: ports.backupsKept, protecting: run.map { [$0.plan.run] } ?? [])
    }
    return .done
  }

  /// The fleet of a service that Windlass keeps itself.
  private func instances() throws(StepFailure) -> any Fleet {
    guard case .instances(let fleet) = ports.fleet else { throw EffectPerformer.otherFleet }
    return fleet
  }

  /// The workload of a service that a controller keeps.
  private func workload() throws(StepFailure) -> any WorkloadFleet {
    guard case .workload(let workload) = ports.fleet else { throw EffectPerformer.otherFleet }
    return workload
  }

  private static let otherFleet = StepFailure(
    code: "OtherFleet", disposition: .stop,
    message: "the open run was planned for another kind of fleet than the configuration names: "
      + "write the fleet back that it began with, until the run has ended")

  private func plan(_ run: Run?) throws(StepFailure) -> Plan {
    guard let run else {
      throw StepFailure(
        code: "NoRun", disposition: .stop, message: "an effect of a run was asked for without one")
    }
    return run.plan
  }

  /// Gets everything of this machine that the run needs, before its database hears of the run.
  private func prepare(_ plan: Plan) async throws(StepFailure) {
    try await ports.listeners?.reserve()
    if let source = plan.source { try await ports.artifacts.prepare(source) }
    try await ports.artifacts.prepare(plan.target)
  }

  /// Checks a backup again at the moment of use (invariant D1).
  private func check(_ id: BackupID, run: RunID) async throws(StepFailure) {
    let ledger = try await ports.database.inspect()
    guard let receipt = try await ports.backups.receipt(of: id), receipt.isVerified,
      receipt.run == run, receipt.systemID == ledger.systemID, receipt.schema == ledger.version
    else {
      throw StepFailure(
        code: "BackupUnusable", disposition: .stop,
        message: "backup \(id) is gone, unverified, or of another database or schema: nothing was "
          + "migrated. Look at the backup directory; the next attempt takes a new one")
    }
  }

  /// Starts an instance when the database, asked at this moment, still admits it (invariant R1).
  private func start(_ order: StartOrder, _ gate: StartGate) async throws(StepFailure) {
    try await pass(gate, order.id.text, order.release)
    try await ports.artifacts.prepare(order.release)
    try await instances().start(order)
  }

  /// Writes an order when the database, asked at this moment, still admits what it starts.
  private func write(_ order: WorkloadOrder, _ gate: StartGate?) async throws(StepFailure) {
    if let gate { try await pass(gate, order.id.text, order.release) }
    try await workload().write(order)
  }

  private func pass(
    _ gate: StartGate, _ name: String, _ release: Release
  ) async throws(StepFailure) {
    let ledger = try await ports.database.inspect()
    guard gate.admits(ledger) else {
      throw StepFailure(
        code: "StartGateClosed", disposition: .retry,
        message: "\(name) was not started: \(release.version) works with schema "
          + "\(gate.window), and the ledger says \(ledger.version?.description ?? "nothing")"
          + (ledger.isDirty ? ", dirty" : ""))
    }
  }

  private func probe(_ id: InstanceID, _ run: Run?) async throws(StepFailure) -> String? {
    let probes = try plan(run).target.probes.filter(\.isSafe)
    return probes.isEmpty ? nil : try await instances().probe(id, with: probes)
  }

  // MARK: Reading back

  /// Finds out what became of an action whose outcome nobody knows.
  func readBack(_ id: EffectID, _ action: Action) async -> Report {
    do throws(StepFailure) {
      guard let outcome = try await outcome(of: action) else { return .neverHappened(id) }
      return .finished(id, outcome)
    } catch {
      return error.code == "DirtyLedger" ? .failed(id, error) : .unreadable(error)
    }
  }

  /// The outcome of an action as the world shows it; nil when it never took place.
  private func outcome(of action: Action) async throws(StepFailure) -> Outcome? {
    switch action {
    case .backUp(let id, _):
      return try await ports.backups.receipt(of: id).map { .backedUp($0) }
    case .apply(let order, _): return try await outcome(of: order)
    case .start(let order, _): return try await reading(of: order.id) == nil ? nil : .done
    case .stop(let id):
      guard let reading = try await reading(of: id) else { return .done }
      return reading.isDraining || reading.life == .dead ? .done : nil
    case .recordCommitPoint(let run, _):
      return try await ports.database.inspect().committedRun == run ? .done : nil
    case .forget(let id): return try await reading(of: id) == nil ? .done : nil
    case .order(let order, _):
      let reading = try await workload().observe(remembering: [])
      return reading.template.mark?.id == order.id ? .done : nil
    case .takeFence, .preflight, .prepare, .verify, .rehearse, .probe, .probeWave, .prune:
      return nil
    }
  }

  private func outcome(of order: MigrationOrder) async throws(StepFailure) -> Outcome? {
    let ledger = try await ports.database.inspect()
    let isApplied = ledger.applied.contains {
      $0.version == order.migration.version && $0.run == order.run
    }
    // The mark may be somebody else's; what the history holds is done.
    if ledger.isDirty, !isApplied, ledger.interruptedRun != order.run {
      throw StepFailure(
        code: "DirtyLedger", disposition: .stop,
        message: "migration \(order.migration.version) was cut off and left the ledger dirty at "
          + "\(ledger.version?.description ?? "nothing applied"): find out how far it came, mend "
          + "it by hand, clear the mark, then `windlass resume`")
    }
    return isApplied ? .done : nil
  }

  private func reading(of id: InstanceID) async throws(StepFailure) -> InstanceReading? {
    try await instances().observe().instances.first { $0.id == id }
  }
}
