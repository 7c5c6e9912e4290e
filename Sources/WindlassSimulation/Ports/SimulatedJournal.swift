import Synchronization
package import WindlassCore

/// A journal in memory, which stays when its daemon dies.
package final class SimulatedJournal: RunJournal {
  private struct State {
    var records: [JournalRecord] = []
    var recordsMax: Int
    /// Whether an append failed since it was opened.
    var hasFailed = false
  }

  private let state: Mutex<State>

  /// A journal whose disk has room for that many records.
  package init(recordsMax: Int = .max) {
    state = Mutex(State(recordsMax: recordsMax))
  }

  /// Everything that is durable.
  package var records: [JournalRecord] { state.withLock { $0.records } }

  /// From now on there is no room for another record.
  package func fill() { state.withLock { $0.recordsMax = $0.records.count } }

  package func append(_ record: JournalRecord) async throws(StepFailure) -> UInt64 {
    let sequence = state.withLock { state -> UInt64? in
      guard !state.hasFailed, state.records.count < state.recordsMax else {
        state.hasFailed = true
        return nil
      }
      var record = record
      record.sequence = UInt64(state.records.count) + 1
      state.records.append(record)
      return record.sequence
    }
    guard let sequence else {
      throw StepFailure(
        code: "JournalFailed", disposition: .stop, message: "the journal's disk is full")
    }
    return sequence
  }

  package func latest(
    _ kind: JournalKind, service: ServiceName
  ) async throws(StepFailure) -> JournalRecord? {
    records.last { $0.kind == kind && $0.service == service }
  }

  package func history(
    service: ServiceName, kinds: Set<JournalKind>, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    let own = records.reversed().filter { $0.service == service && kinds.contains($0.kind) }
    return Array(own.prefix(limit))
  }

  package func records(
    service: ServiceName, after sequence: UInt64, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    let own = records.filter { $0.service == service && sequence < $0.sequence }
    return Array(own.prefix(limit))
  }
}
