import WindlassCore
import WindlassSimulation

/// What sidecars share, kept as the contract says but for one thing.
struct StrayCoordination: Coordination {
  enum Way: WayToStray {
    case claimsALeader, letsAllTake, standsStill, mixesSlots, ignoresTheLease, swallowsOrders
    case removesWhatBeats, trimsText, forgets, remembersForAll

    var breaks: [String] {
      switch self {
      case .claimsALeader: ["nobody leads at first"]
      case .letsAllTake: ["of many who take", "a lease that was renewed"]
      case .standsStill: ["a slot is there from its first report"]
      case .mixesSlots: ["sidecars that report at once"]
      case .ignoresTheLease: ["who was deposed orders"]
      case .swallowsOrders: ["an order to a replica without a slot"]
      case .removesWhatBeats: ["a slot that beats is not removed"]
      case .trimsText: ["text of any shape"]
      case .forgets: ["who leads next remembers", "the newest state stays"]
      case .remembersForAll: ["who was deposed remembers"]
      }
    }
  }

  let coordination: SimulatedCoordination
  let way: Way

  func read() async throws(StepFailure) -> (lease: Lease?, slots: [Slot]) {
    var (lease, slots) = try await coordination.read()
    if way == .claimsALeader, lease == nil { lease = Lease(holder: "somebody", term: 1) }
    for index in slots.indices {
      if way == .standsStill { slots[index].beat = 1 }
      if way == .mixesSlots { slots[index].report = slots[0].report }
    }
    return (lease, slots)
  }

  func take(_ lease: Lease, after seen: Lease?) async throws(StepFailure) -> Bool {
    let isTaken = try await coordination.take(lease, after: seen)
    return way == .letsAllTake ? true : isTaken
  }

  func report(_ report: String, of replica: ReplicaID) async throws(StepFailure) -> String {
    let text = way == .trimsText ? String(report.prefix(100)) : report
    return try await coordination.report(text, of: replica)
  }

  func order(
    _ orders: String, to replica: ReplicaID, under lease: Lease
  ) async throws(StepFailure) {
    var right = lease
    if way == .ignoresTheLease, let present = try await coordination.read().lease {
      right = present
    }
    do throws(StepFailure) {
      try await coordination.order(orders, to: replica, under: right)
    } catch {
      guard way == .swallowsOrders else { throw error }
    }
  }

  func remove(_ slot: Slot, under lease: Lease) async throws(StepFailure) {
    let slots = try await coordination.read().slots
    let newest = slots.first { $0.replica == slot.replica }
    try await coordination.remove(
      way == .removesWhatBeats ? newest ?? slot : slot, under: lease)
  }
}

/// A leader's journal, kept as the contract says but for one thing.
struct StrayMemory: RunJournal {
  let journal: any RunJournal
  let way: StrayCoordination.Way

  func append(_ record: JournalRecord) async throws(StepFailure) -> UInt64 {
    do throws(StepFailure) {
      return try await journal.append(record)
    } catch {
      guard way == .remembersForAll else { throw error }
      return 2
    }
  }

  func latest(
    _ kind: JournalKind, service: ServiceName
  ) async throws(StepFailure) -> JournalRecord? {
    guard way != .forgets else { return nil }
    return try await journal.latest(kind, service: service)
  }

  func history(
    service: ServiceName, kinds: Set<JournalKind>, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    try await journal.history(service: service, kinds: kinds, limit: limit)
  }

  func records(
    service: ServiceName, after sequence: UInt64, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    guard way != .forgets else { return [] }
    return try await journal.records(service: service, after: sequence, limit: limit)
  }
}
