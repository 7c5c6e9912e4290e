package import WindlassCore

/// What a journal says of the decisions that were handed over.
package struct JournaledDecisions: Hashable, Sendable {
  /// Written down.
  package var noted: Set<String> = []
  /// Written down before a state: the state has them in it, after every restart.
  package var settled: Set<String> = []

  package init(noted: Set<String> = [], settled: Set<String> = []) {
    self.noted = noted
    self.settled = settled
  }

  /// Reads them out of a journal.
  package init(_ journal: some RunJournal, of service: ServiceName) async throws(StepFailure) {
    let state = try await journal.latest(.state, service: service)
    let records = try await journal.history(
      service: service, kinds: [.decision], limit: RunBounds.decisionsJournaled)
    for record in records {
      guard let note = StepCoding.read(DecisionNote.self, Array(record.payload.utf8)) else {
        continue
      }
      noted.insert(note.ticket)
      if record.sequence < state?.sequence ?? 0 { settled.insert(note.ticket) }
    }
  }
}
