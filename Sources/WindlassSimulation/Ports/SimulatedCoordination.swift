import Synchronization
package import WindlassCore

/// Lease, slots and the sidecars' journal in memory.
package final class SimulatedCoordination: Coordination {
  fileprivate struct State {
    var lease: Lease?
    var slots: [ReplicaID: Slot] = [:]
    var records: [JournalRecord] = []
    /// The number of the newest record, which outlives it.
    var newest: UInt64 = 0
    /// Why nothing can be reached; nil while everything can.
    var outage: StepFailure?
  }

  private let state = Mutex(State())

  package init() {}

  /// From now on everything fails so, until it is nil again.
  package func fail(with outage: StepFailure?) { state.withLock { $0.outage = outage } }

  private func use<Value: Sendable>(
    _ body: (inout State) throws(StepFailure) -> Value
  ) throws(StepFailure) -> Value {
    try state.withLock { state throws(StepFailure) in
      if let outage = state.outage { throw outage }
      return try body(&state)
    }
  }

  package func read() async throws(StepFailure) -> (lease: Lease?, slots: [Slot]) {
    try use { ($0.lease, $0.slots.values.sorted { $0.replica < $1.replica }) }
  }

  package func take(_ lease: Lease, after seen: Lease?) async throws(StepFailure) -> Bool {
    try use { state in
      guard state.lease == seen else { return false }
      state.lease = lease
      return true
    }
  }

  package func report(
    _ report: String, of replica: ReplicaID
  ) async throws(StepFailure) -> String {
    try use { state in
      var slot = state.slots[replica] ?? Slot(replica: replica, beat: 0, report: "")
      slot.beat += 1
      slot.report = report
      state.slots[replica] = slot
      return slot.orders
    }
  }

  package func order(
    _ orders: String, to replica: ReplicaID, under lease: Lease
  ) async throws(StepFailure) {
    try use { state throws(StepFailure) in
      try state.require(lease)
      guard state.slots[replica] != nil else { throw .slotGone(replica) }
      state.slots[replica]?.orders = orders
    }
  }

  package func remove(_ slot: Slot, under lease: Lease) async throws(StepFailure) {
    try use { state throws(StepFailure) in
      try state.require(lease)
      if state.slots[slot.replica]?.beat == slot.beat { state.slots[slot.replica] = nil }
    }
  }

  /// The journal of who leads with that lease.
  package func journal(under lease: Lease) -> any RunJournal {
    SharedJournal(lease: lease, coordination: self)
  }

  private struct SharedJournal: RunJournal {
    let lease: Lease
    let coordination: SimulatedCoordination

    private var records: [JournalRecord] {
      coordination.state.withLock { $0.records }
    }

    func append(_ record: JournalRecord) async throws(StepFailure) -> UInt64 {
      try coordination.use { state throws(StepFailure) in
        try state.require(lease)
        var record = record
        state.newest += 1
        record.sequence = state.newest
        state.records.append(record)
        let oldest = Int64(state.newest) - Int64(Bounds.sharedStatesKept)
        state.records.removeAll { $0.kind == .state && Int64($0.sequence) <= oldest }
        return record.sequence
      }
    }

    func latest(
      _ kind: JournalKind, service: ServiceName
    ) async throws(StepFailure) -> JournalRecord? {
      records.last { $0.kind == kind && $0.service == service }
    }

    func history(
      service: ServiceName, kinds: Set<JournalKind>, limit: Int
    ) async throws(StepFailure) -> [JournalRecord] {
      let own = records.reversed().filter { $0.service == service && kinds.contains($0.kind) }
      return Array(own.prefix(limit))
    }

    func records(
      service: ServiceName, after sequence: UInt64, limit: Int
    ) async throws(StepFailure) -> [JournalRecord] {
      Array(records.filter { $0.service == service && sequence < $0.sequence }.prefix(limit))
    }
  }
}

extension SimulatedCoordination.State {
  fileprivate func require(_ lease: Lease) throws(StepFailure) {
    guard self.lease?.holder == lease.holder, self.lease?.term == lease.term else {
      throw .leaseLost
    }
  }
}
