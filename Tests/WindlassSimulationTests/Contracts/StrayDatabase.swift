import WindlassContracts
import WindlassCore
import WindlassSimulation

/// A database that keeps its contract but for one thing.
actor StrayDatabase: ServiceDatabase {
  enum Way: WayToStray {
    case inventsAnEpoch, takesAnyFence, changesItsName, ignoresTheFence, losesItsHistory
    case appliesAgain, letsOthersHaveIt, ignoresTheLedger, clearsMarks, countsFailures
    case givesUpOnLocks, forgetsCommitPoints, commitsForTheDeposed, refusesPlans, passesPlans

    var breaks: [String] {
      switch self {
      case .inventsAnEpoch: ["a database that nobody adopted"]
      case .takesAnyFence: ["the fence is taken once", "of many that want the fence"]
      case .changesItsName: ["an adopted database has a name"]
      case .ignoresTheFence: ["under any number but the fence's"]
      case .losesItsHistory: ["a migration moves schema, ledger and history"]
      case .appliesAgain:
        [
          "an order that is repeated", "two daemons with one order",
          "an order whose reply was lost",
        ]
      case .letsOthersHaveIt: ["what one run applied"]
      case .ignoresTheLedger: ["an order for a ledger that stands elsewhere"]
      case .clearsMarks: ["a mark that another tool left"]
      case .countsFailures: ["a migration that fails"]
      case .givesUpOnLocks: ["a lock that is not had"]
      case .forgetsCommitPoints: ["a commit point is recorded"]
      case .commitsForTheDeposed: ["a deposed daemon records"]
      case .refusesPlans: ["preflight passes a plan"]
      case .passesPlans: ["preflight tells"]
      }
    }
  }

  static func subject(_ way: Way) -> SimulatedDatabaseSubject {
    var subject = SimulatedDatabaseSubject()
    let database = StrayDatabase(subject.service, way)
    subject.port = { _ in database }
    subject.stray = { await database.strayEffects[$0] ?? 0 }
    return subject
  }

  private let service: SimulatedService
  private let way: Way
  private(set) var strayEffects: [SchemaVersion: Int] = [:]
  private var looks = 0

  init(_ service: SimulatedService, _ way: Way) {
    self.service = service
    self.way = way
  }

  func inspect() async throws(StepFailure) -> LedgerReading {
    var reading = try await service.inspect()
    looks += 1
    switch way {
    case .inventsAnEpoch: reading.epoch = reading.epoch ?? Epoch(0)
    case .changesItsName: reading.systemID += "-\(looks)"
    case .losesItsHistory: reading.applied = reading.applied.suffix(1)
    case .forgetsCommitPoints: reading.committedRun = nil
    default: break
    }
    return reading
  }

  func takeFence(after current: Epoch?, run: RunID) async throws(StepFailure) -> Epoch {
    guard way == .takesAnyFence else {
      return try await service.takeFence(after: current, run: run)
    }
    return try await service.takeFence(after: service.inspect().epoch, run: run)
  }

  func preflight(_ plan: Plan) async throws(StepFailure) {
    switch way {
    case .passesPlans: return
    case .refusesPlans: throw StepFailure(code: "No", disposition: .stop, message: "no")
    default: try await service.preflight(plan)
    }
  }

  func apply(
    _ order: MigrationOrder, while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> BackfillProgress? {
    let reading = try await service.inspect()
    var order = order
    let isApplied = reading.applied.contains { $0.version == order.migration.version }
    switch way {
    case .appliesAgain where isApplied: strayEffects[order.migration.version, default: 0] += 1
    case .letsOthersHaveIt where isApplied: return nil
    case .ignoresTheFence: order.epoch = reading.epoch ?? order.epoch
    case .ignoresTheLedger: order.after = reading.version
    case .clearsMarks: await service.writeLedger(reading.version, isDirty: false)
    default: break
    }
    do throws(StepFailure) {
      try await service.apply(order)
    } catch {
      var failure = error
      if way == .givesUpOnLocks { failure.disposition = .stop }
      if way == .countsFailures {
        await service.writeLedger(order.migration.version, isDirty: false)
      }
      throw failure
    }
    return nil
  }

  func recordCommitPoint(_ run: RunID, epoch: Epoch) async throws(StepFailure) {
    let current = try await service.inspect().epoch
    let epoch = way == .commitsForTheDeposed ? current ?? epoch : epoch
    try await service.recordCommitPoint(run, epoch: epoch)
  }
}
