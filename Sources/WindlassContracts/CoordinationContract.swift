import Testing
package import WindlassCore

/// What sidecars share, for one clause: nothing yet, not even its tables.
package protocol CoordinationSubject: Sendable {
  /// What is shared, as one sidecar of its own sees it.
  func connect() async throws -> any Coordination

  /// The leader's journal, as one sidecar of its own sees it.
  func journal(under lease: Lease) async throws -> any RunJournal
}

/// What sidecars may rely on when they agree on who leads, and when the leader tells them what to
/// run.
package enum CoordinationContract {
  /// One sentence of this contract.
  package typealias Clause = WindlassContracts.Clause<any CoordinationSubject>

  /// Every clause; each wants a new subject.
  package static let clauses = leading + slots + remembering

  private static let first = Lease(holder: "a", term: 1)

  private static let leading: [Clause] = [
    Clause("nobody leads at first, and there is no slot, also for many who look at once") {
      subject in
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for _ in 1...8 {
          group.addTask {
            let (lease, slots) = try await subject.connect().read()
            return lease == nil && slots.isEmpty
          }
        }
        for try await isEmpty in group { #expect(isEmpty) }
      }
    },
    Clause("of many who take a free lease at once one has it") { subject in
      let winners = try await race(subject, after: nil, term: 1)
      #expect(winners.count == 1)
      #expect(try await subject.connect().read().lease?.holder == winners.first)
    },
    Clause("of many who take over a lease at once one has it") { subject in
      #expect(try await subject.connect().take(first, after: nil))
      let winners = try await race(subject, after: first, term: 2)
      #expect(winners.count == 1)
      let lease = try await subject.connect().read().lease
      #expect(lease == winners.first.map { Lease(holder: $0, term: 2) })
    },
    Clause("a lease that was renewed is not taken by who has not seen it") { subject in
      let (leader, other) = (try await subject.connect(), try await subject.connect())
      #expect(try await leader.take(first, after: nil))
      var renewed = first
      renewed.beat = 1
      #expect(try await leader.take(renewed, after: first))
      #expect(try await other.take(Lease(holder: "b", term: 2), after: first) == false)
      #expect(try await other.take(Lease(holder: "b", term: 1), after: nil) == false)
      #expect(try await other.read().lease == renewed)
    },
  ]

  /// The holders that were told that they lead.
  private static func race(
    _ subject: any CoordinationSubject, after seen: Lease?, term: Int64
  ) async throws -> [String] {
    try await withThrowingTaskGroup(of: String?.self) { group in
      for number in 1...6 {
        group.addTask {
          let lease = Lease(holder: "candidate-\(number)", term: term)
          return try await subject.connect().take(lease, after: seen) ? lease.holder : nil
        }
      }
      return try await group.reduce(into: []) { winners, name in
        if let name { winners.append(name) }
      }
    }
  }

  private static let slots: [Clause] = [
    Clause("a slot is there from its first report, beats with each, and has its orders") {
      subject in
      let (leader, sidecar) = (try await subject.connect(), try await subject.connect())
      _ = try await leader.take(first, after: nil)
      #expect(try await sidecar.report("one", of: "r1") == "")
      #expect(
        try await leader.read().slots == [Slot(replica: "r1", beat: 1, report: "one")])
      try await leader.order("run", to: "r1", under: first)
      #expect(try await sidecar.report("two", of: "r1") == "run")
      #expect(
        try await leader.read().slots
          == [Slot(replica: "r1", beat: 2, orders: "run", report: "two")])
      // The same again is no failure, and beats as well.
      try await leader.order("run", to: "r1", under: first)
      _ = try await sidecar.report("two", of: "r1")
      #expect(try await leader.read().slots.map(\.beat) == [3])
    },
    Clause("sidecars that report at once do not see to each other's slots") { subject in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 1...6 {
          group.addTask {
            let sidecar = try await subject.connect()
            for beat in 1...4 {
              _ = try await sidecar.report("\(number) \(beat)", of: ReplicaID("r\(number)"))
            }
          }
        }
        try await group.waitForAll()
      }
      let slots = try await subject.connect().read().slots
      #expect(
        slots
          == (1...6).map { Slot(replica: ReplicaID("r\($0)"), beat: 4, report: "\($0) 4") })
    },
    Clause("who was deposed orders and removes nothing any more") { subject in
      let (old, new) = (try await subject.connect(), try await subject.connect())
      _ = try await old.take(first, after: nil)
      _ = try await old.report("seen", of: "r1")
      try await old.order("old", to: "r1", under: first)
      let second = Lease(holder: "b", term: 2)
      #expect(try await new.take(second, after: first))
      let ordered = try await failure { try await old.order("late", to: "r1", under: first) }
      #expect(ordered?.code == "LeaseLost")
      #expect(ordered?.disposition == .stop)
      let slot = try #require(try await new.read().slots.first)
      let removed = try await failure { try await old.remove(slot, under: first) }
      #expect(removed?.code == "LeaseLost")
      #expect(try await new.read().slots.map(\.orders) == ["old"])
      // Not even under the name that leads now, if that is of another term.
      let posing = try await failure {
        try await old.order("late", to: "r1", under: Lease(holder: "b", term: 1))
      }
      #expect(posing?.code == "LeaseLost")
      try await new.order("new", to: "r1", under: second)
      #expect(try await new.read().slots.map(\.orders) == ["new"])
    },
    Clause("an order to a replica without a slot is told") { subject in
      let leader = try await subject.connect()
      _ = try await leader.take(first, after: nil)
      let failed = try await failure { try await leader.order("run", to: "r1", under: first) }
      #expect(failed?.code == "SlotGone")
      #expect(failed?.disposition == .retry)
      #expect(try await leader.read().slots == [])
    },
    Clause("a slot that beats is not removed, and one that is comes back with its next report") {
      subject in
      let (leader, sidecar) = (try await subject.connect(), try await subject.connect())
      _ = try await leader.take(first, after: nil)
      _ = try await sidecar.report("one", of: "r1")
      try await leader.order("run", to: "r1", under: first)
      let seen = try #require(try await leader.read().slots.first)
      _ = try await sidecar.report("two", of: "r1")
      try await leader.remove(seen, under: first)
      let standing = try #require(try await leader.read().slots.first)
      #expect(standing.report == "two")
      try await leader.remove(standing, under: first)
      #expect(try await leader.read().slots == [])
      #expect(try await sidecar.report("three", of: "r1") == "")
      #expect(
        try await leader.read().slots == [Slot(replica: "r1", beat: 1, report: "three")])
    },
    Clause("text of any shape survives") { subject in
      let leader = try await subject.connect()
      _ = try await leader.take(first, after: nil)
      let text = "née\u{301}e \u{1F600} '\"\\\n$1 ? ; -- " + String(repeating: "x", count: 100_000)
      _ = try await leader.report(text, of: "r1")
      try await leader.order(text + "!", to: "r1", under: first)
      #expect(try await leader.report(text, of: "r1") == text + "!")
      #expect(try await leader.read().slots.map(\.report) == [text])
    },
  ]

  private static let remembering: [Clause] = [
    Clause("who leads next remembers what the one before did, and counts on") { subject in
      _ = try await subject.connect().take(first, after: nil)
      let old = try await subject.journal(under: first)
      #expect(try await old.append(.sample(1)) == 1)
      let second = Lease(holder: "b", term: 2)
      #expect(try await subject.connect().take(second, after: first))
      let new = try await subject.journal(under: second)
      #expect(try await new.records(service: "beacon", after: 0, limit: 9).map(\.sequence) == [1])
      #expect(try await new.append(.sample(2)) == 2)
    },
    Clause("who was deposed remembers nothing any more, and is told to stop") { subject in
      _ = try await subject.connect().take(first, after: nil)
      let old = try await subject.journal(under: first)
      _ = try await old.append(.sample(1))
      #expect(try await subject.connect().take(Lease(holder: "b", term: 2), after: first))
      for _ in 1...2 {
        let failed = try await failure { _ = try await old.append(.sample(2)) }
        #expect(failed?.code == "LeaseLost")
        #expect(failed?.disposition == .stop)
      }
      #expect(try await old.records(service: "beacon", after: 0, limit: 9).count == 1)
    },
    Clause("the newest state stays, however many there were") { subject in
      _ = try await subject.connect().take(first, after: nil)
      let journal = try await subject.journal(under: first)
      _ = try await journal.append(.sample(1, kind: .decision))
      for number in 2...(Bounds.sharedStatesKept + 9) {
        _ = try await journal.append(.sample(number, kind: .state))
      }
      let newest = UInt64(Bounds.sharedStatesKept + 9)
      #expect(try await journal.latest(.state, service: "beacon")?.sequence == newest)
      let kept = try await journal.history(service: "beacon", kinds: [.state], limit: 1_000)
      #expect(kept.count <= Bounds.sharedStatesKept)
      #expect(try await journal.latest(.decision, service: "beacon")?.sequence == 1)
    },
  ]
}
