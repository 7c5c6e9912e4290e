import Synchronization
import WindlassCore
import WindlassSimulation

/// The simulation's service, with a record of what was asked of it in order, and failures on
/// demand.
final class RecordedOutside: Sendable {
  private struct State {
    var calls: [String] = []
    var failures: [String: [StepFailure]] = [:]
  }

  let clock = SimulatedClock()
  let service: SimulatedService
  private let state = Mutex(State())

  init() { service = SimulatedService(clock: clock) }

  var calls: [String] { state.withLock(\.calls) }

  /// The next call of that name fails so.
  func fail(_ call: String, _ failure: StepFailure) {
    state.withLock { $0.failures[call, default: []].append(failure) }
  }

  private func note(_ call: String) throws(StepFailure) {
    let failure = state.withLock { state -> StepFailure? in
      state.calls.append(call)
      guard var due = state.failures[call], !due.isEmpty else { return nil }
      let first = due.removeFirst()
      state.failures[call] = due
      return first
    }
    if let failure { throw failure }
  }
}

extension RecordedOutside: ServiceDatabase {
  func inspect() async throws(StepFailure) -> LedgerReading { try await service.inspect() }

  func takeFence(after current: Epoch?, run: RunID) async throws(StepFailure) -> Epoch {
    try note("fence")
    return try await service.takeFence(after: current, run: run)
  }

  func preflight(_ plan: Plan) async throws(StepFailure) {
    try note("preflight")
    try await service.preflight(plan)
  }

  func apply(
    _ order: MigrationOrder, while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> BackfillProgress? {
    try note("apply \(order.migration.version)")
    return try await service.apply(order, while: goesOn)
  }

  func recordCommitPoint(_ run: RunID, epoch: Epoch) async throws(StepFailure) {
    try note("commit")
    try await service.recordCommitPoint(run, epoch: epoch)
  }
}

extension RecordedOutside: BackupStore, Rehearsal {
  func backUp(
    _ id: BackupID, run: RunID, purpose: BackupPurpose
  ) async throws(StepFailure) -> BackupReceipt {
    try note("back-up")
    return try await service.backUp(id, run: run, purpose: purpose)
  }

  func verify(_ id: BackupID) async throws(StepFailure) -> BackupReceipt {
    try note("verify")
    return try await service.verify(id)
  }

  func receipt(of id: BackupID) async throws(StepFailure) -> BackupReceipt? {
    try await service.receipt(of: id)
  }

  func prune(keep: Int, protecting protected: Set<RunID>) async throws(StepFailure) {
    try note("prune")
    try await service.prune(keep: keep, protecting: protected)
  }

  func rehearse(_ plan: Plan, on backup: BackupID) async throws(StepFailure) -> Verdict {
    try note("rehearse")
    return try await service.rehearse(plan, on: backup)
  }
}

extension RecordedOutside: Fleet, ArtifactStore {
  func observe() async throws(StepFailure) -> FleetReading { try await service.observe() }

  func start(_ order: StartOrder) async throws(StepFailure) {
    try note("start \(order.release.version)")
    try await service.start(order)
  }

  func stop(_ id: InstanceID) async throws(StepFailure) {
    try note("stop")
    try await service.stop(id)
  }

  func probe(_ id: InstanceID, with probes: [Probe]) async throws(StepFailure) -> String? {
    try note("probe")
    return try await service.probe(id, with: probes)
  }

  func forget(_ id: InstanceID) async throws(StepFailure) {
    try note("forget")
    try await service.forget(id)
  }

  func prepare(_ release: Release) async throws(StepFailure) {
    try note("prepare")
    try await service.prepare(release)
  }
}
