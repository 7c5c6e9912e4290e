package import KubernetesFleet
package import WindlassCore

/// Answers steps as those of services whose schema never changes: nothing is migrated and nothing
/// backed up. Each service has one database, at one version, whose fence is kept here.
package actor FixedSteps: StandInWork {
  /// What a service's database would tell.
  private struct Database: Sendable {
    var epoch: Epoch?
    var committedRun: RunID?
  }

  private let clock: any RunClock
  /// The version of every service's schema.
  private let schema: SchemaVersion
  private var databases: [String: Database] = [:]

  package init(clock: any RunClock, schema: SchemaVersion = SchemaVersion(1)) {
    self.clock = clock
    self.schema = schema
  }

  package func carryOut(_ step: StandInStep) async -> StepMessage {
    StepMessage(
      kind: step.order.kind, plan: step.plan, order: step.order.digest, result: result(of: step))
  }

  package nonisolated func began(_ pod: KubernetesObject) {}

  package nonisolated func ended(_ pod: KubernetesObject) {}

  private func result(of step: StandInStep) -> StepResult {
    let service = step.service
    var database = databases[service] ?? Database()
    defer { databases[service] = database }
    switch step.order {
    case .fence(let current, _):
      let next = current?.next ?? Epoch(1)
      database.epoch = next
      return .fenced(next)
    case .inspect:
      return .ledger(
        LedgerMessage(
          LedgerReading(
            version: schema, epoch: database.epoch, committedRun: database.committedRun,
            systemID: service, asOf: clock.now())))
    case .backUp(let id, let run, let purpose):
      return .backup(receipt(id, run, purpose, service))
    case .verify(let id), .checkBackup(let id):
      let run = RunID(String(id.text.split(separator: "-").dropLast().joined(separator: "-")))
      return .backup(receipt(id, run, .beforeExpand, service))
    case .prove, .goOn:
      return .verdict(
        Verdict(judgement: .safe, checks: 1, coversRollback: true, evidence: ["stood in for"]))
    case .commit(let run, _):
      database.committedRun = run
      return .nothing
    case .probe(let question):
      let version = step.run?.target.version.description
      return .probed(
        question.pods.map { ProbeAnswer(id: $0.id, reportedVersion: version, failure: nil) })
    case .visit: return .visited("{}")
    case .prepare, .preflight, .apply, .prune, .checkFence, .command, .isolate: return .nothing
    }
  }

  private func receipt(
    _ id: BackupID, _ run: RunID, _ purpose: BackupPurpose, _ service: String
  ) -> BackupReceipt {
    BackupReceipt(
      id: id, run: run, purpose: purpose, digest: Digest(String(repeating: "0", count: 64)),
      systemID: service, schema: schema, isVerified: true)
  }
}
