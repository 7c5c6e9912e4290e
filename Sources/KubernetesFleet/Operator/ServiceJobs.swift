package import WindlassCore

/// Everything that a run needs of the outside and that needs a credential or a volume: each call
/// is a Job of what is under way.
package struct ServiceJobs: Sendable {
  private let steps: ServiceSteps
  private let claim: @Sendable (String?) throws(StepFailure) -> Void
  private let workload: @Sendable () async throws(StepFailure) -> Void
  private let bar: @Sendable (Epoch) async throws(StepFailure) -> Void

  /// The Jobs of a service.
  ///
  /// - Parameters:
  ///   - claim: Fails for a database that another service has, by what tells one from another, or
  ///     without that for the one that was read last.
  ///   - workload: Fails for what stands in the way of a roll.
  ///   - bar: Has the workload refuse what was sent under an earlier number than that.
  package init(
    _ steps: ServiceSteps, claim: @escaping @Sendable (String?) throws(StepFailure) -> Void,
    workload: @escaping @Sendable () async throws(StepFailure) -> Void,
    bar: @escaping @Sendable (Epoch) async throws(StepFailure) -> Void
  ) {
    self.steps = steps
    self.claim = claim
    self.workload = workload
    self.bar = bar
  }

  private var database: JobDatabase {
    get async throws(StepFailure) { JobDatabase(try await steps.runner()) }
  }

  private var store: JobBackups {
    get async throws(StepFailure) { JobBackups(try await steps.runner()) }
  }
}

extension ServiceJobs: ServiceDatabase {
  /// Nothing is ever decided on the ledger of a database that another service has: reading it
  /// fails.
  package func inspect() async throws(StepFailure) -> LedgerReading {
    // No Job is made only to be told so once again.
    try claim(nil)
    let reading = try await database.inspect()
    try claim(reading.systemID)
    return reading
  }

  /// Takes the fence, and then bars the workload: its server knows no epochs.
  ///
  /// - Throws: With `.retry` where the database's is `.stop`: a Job that a deposed leader made late
  ///   may take the fence between a reading and this. Whoever leads reads it once more.
  package func takeFence(
    after current: Epoch?, run: RunID
  ) async throws(StepFailure) -> Epoch {
    let epoch: Epoch
    do throws(StepFailure) {
      epoch = try await database.takeFence(after: current, run: run)
    } catch {
      var failure = error
      if failure.code == StepFailures.fenceLostCode { failure.disposition = .retry }
      throw failure
    }
    try await bar(epoch)
    return epoch
  }

  package func preflight(_ plan: Plan) async throws(StepFailure) {
    try await workload()
    try await database.preflight(plan)
  }

  package func apply(
    _ order: MigrationOrder, while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> BackfillProgress? {
    try await database.apply(order, while: goesOn)
  }

  package func recordCommitPoint(_ run: RunID, epoch: Epoch) async throws(StepFailure) {
    try await database.recordCommitPoint(run, epoch: epoch)
  }
}

extension ServiceJobs: BackupStore {
  package func backUp(
    _ id: BackupID, run: RunID, purpose: BackupPurpose
  ) async throws(StepFailure) -> BackupReceipt {
    try await store.backUp(id, run: run, purpose: purpose)
  }

  package func verify(_ id: BackupID) async throws(StepFailure) -> BackupReceipt {
    try await store.verify(id)
  }

  package func receipt(of id: BackupID) async throws(StepFailure) -> BackupReceipt? {
    try await store.receipt(of: id)
  }

  package func prune(
    keep: Int, protecting protected: Set<RunID>
  ) async throws(StepFailure) {
    try await store.prune(keep: keep, protecting: protected)
  }
}

extension ServiceJobs: Rehearsal {
  package func rehearse(
    _ plan: Plan, on backup: BackupID
  ) async throws(StepFailure) -> Verdict {
    try await JobRehearsal(try await steps.runner()).rehearse(plan, on: backup)
  }
}

extension ServiceJobs: ArtifactStore {
  package func prepare(_ release: Release) async throws(StepFailure) {
    try await JobArtifacts(try await steps.runner()).prepare(release)
  }
}

/// Asks the pods of a wave by Jobs, which are in the network of pods.
package struct WaveJobs: WaveProber {
  private let steps: ServiceSteps
  private let port: Int

  /// - Parameter port: Where a pod tells its version.
  package init(_ steps: ServiceSteps, port: Int) {
    self.steps = steps
    self.port = port
  }

  package func probe(
    _ pods: [ProbedPod], with probes: [Probe]
  ) async throws(StepFailure) -> [ProbeAnswer] {
    let asked = pods.map { PodQuestion.Pod(id: $0.id, address: $0.address) }
    return try await steps.runner().probe(PodQuestion(pods: asked, port: port, probes: probes))
  }
}
