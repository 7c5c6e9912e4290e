package import WindlassCore

/// A service's database, behind Jobs: the daemon has no credentials of it.
package struct JobDatabase: ServiceDatabase {
  private let runner: StepRunner

  package init(_ runner: StepRunner) { self.runner = runner }

  package func inspect() async throws(StepFailure) -> LedgerReading {
    // By this clock, and before the step begins: what the step sees is newer.
    let began = runner.clock.now()
    let message = try await runner.perform(.inspect)
    guard case .ledger(let ledger) = message.result else { throw message.unfit }
    return ledger.reading(asOf: began)
  }

  package func takeFence(
    after current: Epoch?, run: RunID
  ) async throws(StepFailure) -> Epoch {
    // The number that is taken replaces ours, whatever that was.
    runner.carry(nil)
    let message = try await runner.perform(.fence(after: current, run: run))
    guard case .fenced(let epoch) = message.result else { throw message.unfit }
    return epoch
  }

  package func preflight(_ plan: Plan) async throws(StepFailure) {
    try runner.check(plan)
    _ = try await runner.perform(.preflight)
  }

  /// - Parameter goesOn: Asked once, with what the Job of a backfill told at its end: a Job works
  ///   for `StepBounds.backfillSlice` and then lets the run look at everything else.
  package func apply(
    _ order: MigrationOrder, while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> BackfillProgress? {
    runner.carry(order.epoch)
    if runner.scope.wish.migrations.command != nil {
      try await runCommand(order)
      return nil
    }
    while true {
      let message = try await runner.perform(.apply(order))
      switch message.result {
      case .nothing: return nil
      case .advanced(let progress):
        guard goesOn(progress) else { return progress }
      default: throw message.unfit
      }
    }
  }

  package func recordCommitPoint(_ run: RunID, epoch: Epoch) async throws(StepFailure) {
    runner.carry(epoch)
    _ = try await runner.perform(.commit(run, epoch: epoch))
  }

  /// Runs the service's own command, and reads in the database what it did: its exit alone proves
  /// nothing.
  private func runCommand(_ order: MigrationOrder) async throws(StepFailure) {
    guard let image = runner.scope.document.plan?.target.image else {
      throw StepFailure(
        code: "NoImage", disposition: .stop,
        message: "\(order.run) is to migrate by the service's own command, and its release names no"
          + " image to run it in. Publish a manifest with the image's digest.")
    }
    var failure: StepFailure?
    do throws(StepFailure) {
      _ = try await runner.perform(.command(order), image: image)
    } catch {
      failure = error
    }
    let ledger = try await inspect()
    if !ledger.isDirty, let version = ledger.version, version >= order.migration.version {
      return
    }
    throw failure
      ?? StepFailure(
        code: "CommandChangedNothing", disposition: .stop,
        message:
          "the migrate command of \(runner.scope.document.service) ended well, and the ledger"
          + " says \(ledger.version?.description ?? "nothing applied")"
          + (ledger.isDirty ? ", dirty" : "")
          + " instead of \(order.migration.version). Read the pod's log, mend it, then"
          + " `windlass resume`.")
  }
}

/// Backups of a service's database, taken and read by Jobs.
package struct JobBackups: BackupStore {
  private let runner: StepRunner

  package init(_ runner: StepRunner) { self.runner = runner }

  package func backUp(
    _ id: BackupID, run: RunID, purpose: BackupPurpose
  ) async throws(StepFailure) -> BackupReceipt {
    let message = try await runner.perform(.backUp(id, run: run, purpose: purpose))
    guard case .backup(let receipt?) = message.result else { throw message.unfit }
    return receipt
  }

  package func verify(_ id: BackupID) async throws(StepFailure) -> BackupReceipt {
    let message = try await runner.perform(.verify(id))
    guard case .backup(let receipt?) = message.result else { throw message.unfit }
    return receipt
  }

  package func receipt(of id: BackupID) async throws(StepFailure) -> BackupReceipt? {
    let message = try await runner.perform(.checkBackup(id))
    guard case .backup(let receipt) = message.result else { throw message.unfit }
    return receipt
  }

  package func prune(keep: Int, protecting protected: Set<RunID>) async throws(StepFailure) {
    _ = try await runner.perform(.prune(keep: keep, protecting: protected.sorted()))
  }
}

/// Archives, fetched and verified by a Job onto the volume where other steps find them.
package struct JobArtifacts: ArtifactStore {
  private let runner: StepRunner

  package init(_ runner: StepRunner) { self.runner = runner }

  package func prepare(_ release: Release) async throws(StepFailure) {
    // A release that is an image has no artifact to be fetched.
    let archives = [release.image == nil ? release.artifact : nil, release.migrationArchive]
      .compactMap(\.self)
    guard !archives.isEmpty else { return }
    _ = try await runner.perform(.prepare(archives))
  }
}

extension StepRunner {
  /// Asks pods for their version and puts probes to them, some at a time.
  ///
  /// - Returns: One answer for each pod that was reached.
  package func probe(_ question: PodQuestion) async throws(StepFailure) -> [ProbeAnswer] {
    var answers: [ProbeAnswer] = []
    for start in stride(from: 0, to: question.pods.count, by: StepBounds.podsAsked) {
      var part = question
      part.pods = Array(question.pods[start...].prefix(StepBounds.podsAsked))
      let message = try await perform(.probe(part))
      guard case .probed(let found) = message.result else { throw message.unfit }
      answers += found
    }
    return answers
  }

  /// Fails for another plan than the one that the steps read (invariant T5).
  func check(_ plan: Plan) throws(StepFailure) {
    guard plan == scope.document.plan else {
      throw StepFailure(
        code: "PlanForeign", disposition: .stop,
        message: "a step of \(plan.run) was asked of the Jobs of \(scope.run), which read another"
          + " plan: this is a defect of Windlass; report it")
    }
  }
}

extension StepMessage {
  /// The failure for a message whose result is none that the order has.
  var unfit: StepFailure {
    StepFailure(
      code: "StepMessageForeign", disposition: .stop,
      message: "A step \(kind.rawValue) succeeded and told something else than it was asked. Check"
        + " that the image of steps is of the daemon's version, then `windlass resume`.")
  }
}
