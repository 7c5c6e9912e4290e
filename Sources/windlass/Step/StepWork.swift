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
    case .prove(let id): message.result = try await proof().begin(on: id)
    case .goOn(let id, let outcome):
      message.result = try await proof().goOn(on: id, after: outcome)
    case .visit(let question):
      let visit = StepVisit(
        question: question, plan: try plan, wish: room.wish, transport: room.transport)
      let account = try await visit.carryOut()
      var filled = message
      let text = account.text { text in
        filled.result = .visited(text)
        return filled.bytes.count <= StepBounds.messageSizeMax
      }
      message.result = .visited(text)
    case .isolate(let places): try await Isolation(forbidden: places).await(room.clock)
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
      // No rehearsal is under way when backups are pruned. What can't be taken away now is by the
      // next.
      _ = try? await drivers.scratch.sweepLeftovers()
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

  private func proof() throws(CommandFailure) -> StepProof {
    StepProof(room: room, plan: try plan, drivers: try drivers)
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

  // MARK: - What takes long

  private func apply(_ migration: MigrationOrder, _ message: inout StepMessage) async throws {
    let clock = room.clock
    let until = clock.now() + StepBounds.backfillSlice
    let progress = try await database.apply(migration) { _ in
      !Task.isCancelled && clock.now() < until
    }
    if let progress { message.result = .advanced(progress) }
    _ = try await look(&message)
  }
}
