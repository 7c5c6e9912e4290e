import Synchronization
import WindlassCore
import WindlassSimulation

/// A journal that keeps its contract but for one thing.
final class StrayJournal: RunJournal {
  enum Way: WayToStray {
    case keepsTheCallersNumber, ignoresLimits, tellsTheOldest, tellsHistoryForwards
    case mixesServices, countsToOne, trimsText, goesOnAfterFailure

    var breaks: [String] {
      switch self {
      case .keepsTheCallersNumber: ["records come back as they were appended"]
      case .ignoresLimits: ["reading goes on behind a record"]
      case .tellsTheOldest: ["the newest record of a kind"]
      case .tellsHistoryForwards: ["history is newest first"]
      case .mixesServices: ["services do not see"]
      case .countsToOne: ["appends from many tasks"]
      case .trimsText: ["text of any shape"]
      case .goesOnAfterFailure: ["after an append that failed"]
      }
    }
  }

  private let journal: SimulatedJournal
  private let way: Way

  init(_ journal: SimulatedJournal, _ way: Way) {
    self.journal = journal
    self.way = way
  }

  func append(_ record: JournalRecord) async throws(StepFailure) -> UInt64 {
    var record = record
    if way == .trimsText { record.payload = String(record.payload.prefix(100)) }
    do throws(StepFailure) {
      let sequence = try await journal.append(record)
      if way == .keepsTheCallersNumber { return record.sequence }
      return way == .countsToOne ? 1 : sequence
    } catch {
      guard way == .goesOnAfterFailure else { throw error }
      return 1
    }
  }

  func latest(
    _ kind: JournalKind, service: ServiceName
  ) async throws(StepFailure) -> JournalRecord? {
    guard way == .tellsTheOldest else { return try await journal.latest(kind, service: service) }
    return journal.records.first { $0.kind == kind && $0.service == service }
  }

  func history(
    service: ServiceName, kinds: Set<JournalKind>, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    let history = try await journal.history(service: service, kinds: kinds, limit: limit)
    return way == .tellsHistoryForwards ? history.reversed() : history
  }

  func records(
    service: ServiceName, after sequence: UInt64, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    switch way {
    case .mixesServices: journal.records
    case .ignoresLimits:
      try await journal.records(service: service, after: sequence, limit: .max)
    default: try await journal.records(service: service, after: sequence, limit: limit)
    }
  }
}
