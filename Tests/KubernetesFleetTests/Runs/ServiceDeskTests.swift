import Testing
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet
@testable import WindlassCore

/// A decision's way from an annotation to its answer.
struct ServiceDeskTests {
  private func news(_ record: ServiceRecord, _ world: RunWorld) -> StatusNews {
    StatusNews(
      state: ServiceState(record: record), feed: .pending, generation: 1, now: world.clock.now())
  }

  private func turn(
    _ desk: ServiceDesk, _ record: ServiceRecord, _ world: RunWorld, _ journal: ClusterJournal
  ) async throws -> [DecisionDelivery] {
    world.clock.advance(by: RunBounds.statusInterval)
    let object = try #require(try await world.service())
    return try await desk.turn(object, news(record, world), isIdle: false, journal: journal)
      .deliveries
  }

  private func decide(_ order: DecisionOrder, _ world: RunWorld) async throws {
    try await world.change(
      .managedServices, "beacon",
      [
        "metadata": [
          "annotations": .object([
            JSONMember(DecisionOrder.prefix + "aaaaaaaa", .string(order.text))
          ])
        ]
      ])
  }

  @Test(arguments: [false, true])
  func `it is handed over once, journaled, answered, and then its annotation goes`(
    restarts: Bool
  ) async throws {
    let world = try await RunWorld()
    var journal = try world.journal()
    let life = Chronicle.life
    try await journal.append(life[0...3], after: nil)
    try await decide(DecisionOrder(choice: .rollback, by: "ann", run: "beacon-r1"), world)
    var desk = ServiceDesk(try world.client(), service: "beacon", in: "shop")
    let handed = try await turn(desk, life[3], world, journal)
    #expect(handed.map(\.decision.choice) == [.rollback])
    #expect(try await turn(desk, life[3], world, journal).isEmpty)
    // What the operator does with it.
    _ = try await journal.append(
      JournalRecord(
        service: "beacon", run: "beacon-r1", kind: .decision, at: world.clock.now(),
        payload: try #require(handed.first?.note)))
    let turned = Chronicle.next(life[3], phase: .rollBack)
    try await journal.append(turned, after: life[3])
    if restarts {
      journal = try world.journal()
      desk = ServiceDesk(try world.client(), service: "beacon", in: "shop")
    }
    #expect(try await turn(desk, turned, world, journal).isEmpty)
    let told = try #require(try await world.service())
    #expect(told.body.value(at: "/status/decisions/0/outcome") == "Taken")
    #expect(told.body.value(at: "/status/decisions/0/by") == "ann")
    #expect(try await turn(desk, turned, world, journal).isEmpty)
    let left = try #require(try await world.service()).annotations.keys
    #expect(!left.contains { $0.hasPrefix(DecisionOrder.prefix) })
  }

  @Test func `what can't be shown now is handed over all the same`() async throws {
    let world = try await RunWorld()
    let journal = try world.journal()
    try await journal.append(Chronicle.life[0...3], after: nil)
    try await decide(DecisionOrder(choice: .resume, by: "ann"), world)
    let desk = ServiceDesk(try world.client(), service: "beacon", in: "shop")
    await world.plan(ClusterFault(.forbid, verbs: ["patch"]))
    #expect(try await turn(desk, Chronicle.life[3], world, journal).count == 1)
    let failure = try await trouble {
      _ = try await turn(desk, Chronicle.life[3], world, journal)
    }
    #expect(failure?.code == "Forbidden")
  }

  @Test func `what happened since a state that is known is told, and an answer once`()
    async throws
  {
    let world = try await RunWorld()
    let journal = try world.journal()
    let life = Chronicle.life
    try await journal.append(life[0...3], after: nil)
    // Without a run it is refused, at each turn until the status says so.
    try await decide(DecisionOrder(choice: .rollback, by: "ann"), world)
    let events = EventRecorder(try world.client(), instance: "windlass-0")
    let desk = ServiceDesk(
      try world.client(), service: "beacon", in: "shop", events: events,
      told: SharedState(ServiceState(record: life[1])))
    let seen = try #require(try await world.service())
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await events.run() }
      defer { group.cancelAll() }
      for _ in 0..<3 {
        let news = news(life[3], world)
        _ = try await desk.turn(seen, news, isIdle: true, journal: journal)
      }
      let list = Selection(.events, in: "shop")
      #expect(
        await eventually { (try? await world.client().list(list).objects.count) == 2 })
      // What comes behind them shows that nothing else was on its way.
      events.note(
        ClusterEvent(.normal, reason: "Last", action: "Say", note: "no more"), about: seen)
      #expect(
        await eventually { (try? await world.client().list(list).objects.count) == 3 })
      let told = try await world.client().list(list).objects
      #expect(
        Set(told.compactMap { $0.body["reason"]?.string })
          == ["RunOpened", "DecisionRefused", "Last"])
      #expect(told.allSatisfy { $0.body["series"] == nil })
    }
  }

  @Test func `an approval is read from the run that waits for it`() async throws {
    let world = try await RunWorld()
    let journal = try world.journal()
    try await journal.append(Chronicle.life[0...2], after: nil)
    var waiting = Chronicle.next(Chronicle.life[2], phase: .approve)
    waiting.policy.needsApproval = true
    try await journal.append(waiting, after: Chronicle.life[2])
    let desk = ServiceDesk(try world.client(), service: "beacon", in: "shop")
    #expect(try await turn(desk, waiting, world, journal).isEmpty)
    try await world.change(.upgradeRuns, "beacon-r1", ["spec": ["approvedBy": "ann"]])
    let handed = try await turn(desk, waiting, world, journal)
    #expect(
      handed.map(\.decision) == [Decision(choice: .approve(Version(1, 1, 0)), by: "ann")])
  }
}
