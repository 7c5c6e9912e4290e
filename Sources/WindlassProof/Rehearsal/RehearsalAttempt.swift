import WindlassCore
import WindlassSchema

/// One rehearsal while it goes on: what it holds open, and what it has found.
///
/// It belongs to the one task that carries it out.
final class RehearsalAttempt {
  let plan: Plan
  let backup: BackupID
  let runner: RehearsalRunner
  var record: RehearsalRecord
  /// What has to be cleaned up, whatever happens.
  var leftovers: RehearsalLeftovers
  /// When the rehearsal must be over, on the runner's clock.
  let deadline: Interval
  /// Whether the old server passed on an untouched copy, so that a later failure is not the
  /// rehearsal's own.
  var isBaselineGood = false
  /// Whether the time was up once.
  var isOverdue = false
  /// Sets of probes that were begun so far; makes the value of `{unique}`.
  var setsBegun = 0
  /// What earlier turns found; nil for a rehearsal in one go.
  var memory: RehearsalMemory?

  init(plan: Plan, backup: BackupID, runner: RehearsalRunner) {
    self.plan = plan
    self.backup = backup
    self.runner = runner
    record = RehearsalRecord(plan: plan, backup: backup)
    leftovers = RehearsalLeftovers(fleet: runner.visitor?.servers, scratch: runner.scratch)
    memory = runner.memory
    let left = runner.configuration.deadline.milliseconds - runner.spent.milliseconds
    deadline = runner.clock.elapsed() + Interval(milliseconds: left)
  }

  /// Carries out every part in its order.
  ///
  /// - Throws: `RehearsalEnd` when it goes no further; what was found until then is recorded.
  func carryOut() async throws(RehearsalEnd) {
    noteWaiver()
    switch plan.kind {
    case .install: try await install()
    case .upgrade: try await upgrade()
    }
  }

  private func install() async throws(RehearsalEnd) {
    let copy = try await restore("migrated")
    _ = try await migrate(plan.expansion, on: copy)
    guard requirement == .rehearsal else { return passWaived("the migrations run on a copy") }
    try await serve(plan.target, on: copy, in: .newInstalled)
  }

  private func upgrade() async throws(RehearsalEnd) {
    guard let source = plan.source else {
      throw .failed(
        StepFailure(
          code: "PlanWithoutSource", disposition: .stop,
          message: "run \(plan.run) upgrades to \(plan.target.version), but its plan names no "
            + "deployed release; abandon the run and let a new one be planned"))
    }
    let scope = runner.configuration.scope
    if let reason = runner.configuration.hindrance { record.unknown.append(reason) }
    if scope != .schema { try await baseline(source) }
    let copy = try await restore("migrated")
    let before = try await readCatalogue(of: copy, "before")
    let queries = try await prepareQueries(of: source, before: copy)
    let migrated = try await migrate(plan.expansion, on: copy)
    review(from: before, to: migrated)
    if let queries { try await prepareQueriesAgain(queries, on: copy) }
    guard requirement == .rehearsal else { return try await judgeWaived(queries, source, copy) }
    // Without a baseline nobody can tell a server's fault from that of the rehearsal itself.
    guard isBaselineGood else { return }
    try await serve(source, on: copy, in: .oldOnNewSchema)
    guard scope == .hop else {
      record.notes.append(
        "no server of \(plan.target.version) was run, so nothing shows that it works, nor what it "
          + "writes")
      return
    }
    let written = try await serve(plan.target, on: copy, in: .newOnNewSchema)
    try await serve(source, on: copy, in: .oldOnNewRows, reading: written)
    noteRollback(source)
    try await contract(copy)
    guard !plan.contraction.isEmpty else { return }
    try await serve(plan.target, on: copy, in: .newAfterContract)
  }

  /// Runs the old server on an untouched copy; what it can't do there, no migration broke.
  ///
  /// When it fails nothing can be shown, but what the catalogues tell may still be told.
  private func baseline(_ source: Release) async throws(RehearsalEnd) {
    guard !source.probes.isEmpty else {
      record.unknown.append(
        "\(source.version) has no probes, so nothing shows whether it works on a new schema; add "
          + "probes to its release")
      return
    }
    let copy = try await restore("untouched")
    do throws(RehearsalEnd) {
      try await serve(source, on: copy, in: .oldBefore)
      isBaselineGood = true
    } catch {
      guard case .settled = error else { throw error }
    }
    await discard(copy)
  }

  /// Runs the contract migrations on the copy, and reviews what they take away.
  func contract(_ copy: ScratchCopy) async throws(RehearsalEnd) {
    guard !plan.contraction.isEmpty else { return }
    let before = try await readCatalogue(of: copy, "before the contract migrations")
    let after = try await migrate(plan.contraction, on: copy)
    let findings = StructureReview.contraction(from: before, to: after)
    record.report.findings += findings
    record.unsafe += findings.filter(\.isBreaking).map(\.sentence)
  }

  private func review(from before: Catalogue, to after: Catalogue) {
    record.report.differences = StructureReview.differences(from: before, to: after)
    let findings = StructureReview.expansion(from: before, to: after)
    record.report.findings += findings
    record.unsafe += findings.filter(\.isBreaking).map(\.sentence)
    record.notes += findings.filter { !$0.isBreaking }.map(\.sentence)
  }

  private func noteRollback(_ source: Release) {
    guard plan.target.probes.contains(where: { !$0.isReading }) else {
      record.notes.append(
        "the probes of \(plan.target.version) write nothing, so nothing shows that "
          + "\(source.version) works with what it writes; automatic roll-back stays off")
      return
    }
    record.hasShownRollback = true
  }
}
