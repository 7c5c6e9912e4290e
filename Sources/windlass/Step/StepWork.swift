import KubernetesFleet
import ProcessFleet
import WindlassCore
import WindlassProof
import WindlassSchema

/// Does one order's work; each is harmless to repeat.
struct StepWork: Sendable {
  let room: StepRoom
  let document: StepDocument
  let order: StepOrder

  /// Carries the order out and writes down what it brought.
  ///
  /// - Throws: `StepFailure` or `CommandFailure`.
  func carryOut(_ message: inout StepMessage) async throws {
    try await checkFence(&message)
    switch order {
    case .prepare(let archives):
      for archive in archives { try await room.artifacts.prepare(archive) }
    case .fence(let current, let run):
      let epoch = try await database.takeFence(after: current, run: run)
      message.result = .fenced(epoch)
      message.epoch = epoch
    case .inspect: message.result = .ledger(LedgerMessage(try await look(&message)))
    case .preflight:
      let plan = try plan
      try await fetch(plan.target.migrationArchive)
      try await database.preflight(plan)
      _ = try await look(&message)
    case .backUp(let id, let run, let purpose):
      message.result = .backup(try await backups.backUp(id, run: run, purpose: purpose))
    case .verify(let id): message.result = .backup(try await backups.verify(id))
    case .checkBackup(let id): message.result = .backup(try await backups.receipt(of: id))
    case .prove(let id): message.result = .verdict(try await prove(on: id))
    case .apply(let migration):
      try await fetch(migration.archive)
      try await apply(migration, &message)
    case .commit(let run, let epoch):
      try await database.recordCommitPoint(run, epoch: epoch)
      _ = try await look(&message)
    case .probe(let question):
      message.result = .probed(await PodProbe(room: room).ask(question))
    case .prune(let keep, let protected):
      try await backups.prune(keep: keep, protecting: Set(protected))
    case .checkFence(let number): try await check(number, &message)
    case .command:
      throw CommandFailure(
        .usage, "BadArgument", "The service's own command is not a step of Windlass.")
    }
  }

  // MARK: - What it works with

  private var drivers: ServiceDrivers {
    get throws(CommandFailure) {
      guard let drivers = room.drivers else {
        throw CommandFailure(
          .usage, "BadArgument", "A step \(order.kind.rawValue) has no database.")
      }
      return drivers
    }
  }

  private var database: any ServiceDatabase { get throws(CommandFailure) { try drivers.database } }

  private var backups: any BackupStore { get throws(CommandFailure) { try drivers.backups } }

  private var plan: Plan {
    get throws(CommandFailure) {
      guard let plan = document.plan else {
        throw CommandFailure(
          .usage, "BadArgument",
          "A step \(order.kind.rawValue) needs a plan, and the document has none.")
      }
      return plan
    }
  }

  private func fetch(_ archive: ArchiveReference?) async throws(StepFailure) {
    if let archive { try await room.artifacts.prepare(archive) }
  }

  /// Reads the ledger, and notes what it says.
  private func look(_ message: inout StepMessage) async throws -> LedgerReading {
    let reading = try await database.inspect()
    message.epoch = reading.epoch
    message.ledger = reading.version
    return reading
  }

  // MARK: - The fence

  /// A step that a deposed daemon left behind does nothing.
  private func checkFence(_ message: inout StepMessage) async throws {
    guard let epoch = room.epoch, room.drivers != nil else { return }
    switch order {
    // The first two look or compare by themselves; the others check in their own transaction.
    case .inspect, .fence, .checkFence, .apply, .commit: return
    default: try await check(epoch, &message)
    }
  }

  private func check(_ epoch: Epoch, _ message: inout StepMessage) async throws {
    let reading = try await look(&message)
    guard reading.epoch == epoch else {
      throw StepFailure(
        code: "FenceLost", disposition: .stop,
        message:
          "the fence is at \(reading.epoch?.description ?? "none"), and this step was started"
          + " under \(epoch): another daemon took over, and nothing was done")
    }
  }

  // MARK: - The two that take long

  private func apply(_ migration: MigrationOrder, _ message: inout StepMessage) async throws {
    let clock = room.clock
    let until = clock.now() + StepBounds.backfillSlice
    let progress = try await database.apply(migration) { _ in
      !Task.isCancelled && clock.now() < until
    }
    if let progress { message.result = .advanced(progress) }
    _ = try await look(&message)
  }

  /// Rehearses as far as a pod can: servers that are archives are run here, images are not.
  private func prove(on backup: BackupID) async throws -> Verdict {
    let plan = try plan
    let drivers = try drivers
    let wish = room.wish
    let processes = wish.fleet.processes
    let releases = [plan.source, plan.target].compactMap(\.self)
    for release in releases {
      try await fetch(release.migrationArchive)
      if processes != nil { try await fetch(release.artifact) }
    }
    let isolation: IsolationPolicy = wish.proof.isolation == .none ? .none : .network
    let servers: any RehearsalServers =
      processes.map { processes in
        IsolatedServers(
          settings: RehearsalServerSettings(
            command: processes.command,
            environment: processes.env.merging(wish.proof.env) { _, new in new },
            databaseVariable: wish.database.inject?.env,
            listenerNames: processes.listen.map(\.name), productionFiles: drivers.productionFiles,
            databaseWatch: drivers.watch, usesOwnNetwork: isolation == .network,
            workDirectory: room.folder + "/rehearsal"),
          artifacts: room.artifacts)
      } ?? ServersByRelease(servers: [:])
    let artifacts = room.artifacts
    let runner = RehearsalRunner(
      scratch: drivers.scratch, servers: servers,
      queries: { queries async throws(StepFailure) in try await artifacts.bytes(of: queries) },
      transport: room.transport,
      configuration: RehearsalConfiguration(
        probes: ProbeConfiguration(readinessPath: processes?.readiness.path ?? "/healthz"),
        holdBudget: wish.database.holdBudget, isolation: isolation,
        scope: processes == nil ? .schema : .hop),
      reports: ReportDirectory(path: room.folder + "/reports"))
    return try await runner.rehearse(plan, on: backup)
  }
}
