import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// How often a summary is written, and what it leaves alone.
struct StatusWriterTests {
  private func news(_ record: ServiceRecord, _ world: RunWorld) -> StatusNews {
    StatusNews(
      state: ServiceState(record: record), feed: .pending, generation: 1, now: world.clock.now())
  }

  @Test func `a summary is written when it changes, within a bound, and beside the journal`()
    async throws
  {
    let world = try await RunWorld()
    let journal = try world.journal()
    let life = Chronicle.life
    try await journal.append(life[0...2], after: nil)
    let writer = StatusWriter(try world.client(), service: "beacon", in: "shop")
    #expect(try await writer.show(news(life[2], world)) == nil)
    let first = try #require(try await world.service())
    #expect(first.body.value(at: "/status/run") == "beacon-r1")
    #expect(JournalPage.reading(first).page?.number == 2)
    #expect(try await writer.show(news(life[2], world)) == nil)
    #expect(try await world.service()?.resourceVersion == first.resourceVersion)
    // Too soon: it says when.
    var blocked = life[2]
    blocked.run?.block = Block(code: "NoProgress", message: "nothing moves")
    let due = try await writer.show(news(blocked, world))
    #expect(due == world.clock.now() + RunBounds.statusInterval)
    #expect(try await world.service()?.resourceVersion == first.resourceVersion)
    world.clock.advance(by: RunBounds.statusInterval)
    #expect(try await writer.show(news(blocked, world)) == nil)
    let run = try #require(try await world.runs().first)
    let conditions = try UpgradeRunStatus.read(run.body["status"] ?? .null, at: "status").conditions
    #expect(conditions?.first { $0.type == "Blocked" }?.reason == "NoProgress")
    // The journal goes on beside it.
    try await journal.append(life[3...], after: life[2])
    #expect(try await world.journal().state() == life.last)
  }

  @Test func `a summary that somebody wiped comes back, and only what is meant is written`()
    async throws
  {
    let world = try await RunWorld()
    let writer = StatusWriter(try world.client(), service: "beacon", in: "shop")
    let record = Chronicle.start()
    #expect(try await writer.show(news(record, world)) == nil)
    let shown = try await world.service()?.body["status"]
    try await world.change(.managedServices, "beacon", ["status": .null], subresource: "status")
    world.clock.advance(by: RunBounds.statusReadInterval)
    #expect(try await writer.show(news(record, world)) == nil)
    let again = try await world.service()?.body["status"]
    #expect(again?["conditions"]?.array?.count == shown?["conditions"]?.array?.count)
    // A service that is made anew under the name is another one.
    let reference = ObjectReference(.managedServices, "beacon", in: "shop")
    _ = try await world.client().delete(reference, .background)
    _ = try await world.client().create(Documents.service(), as: .managedServices)
    var paused = record
    paused.isPaused = true
    world.clock.advance(by: RunBounds.statusInterval)
    let failure = try await trouble { _ = try await writer.show(news(paused, world)) }
    #expect(failure != nil)
    #expect(try await world.service()?.body["status"] == nil)
  }

  @Test func `a failure to write is told, and made good later`() async throws {
    let world = try await RunWorld()
    let writer = StatusWriter(try world.client(), service: "beacon", in: "shop")
    await world.plan(ClusterFault(.forbid, verbs: ["patch"]))
    let failure = try await trouble {
      _ = try await writer.show(news(Chronicle.start(), world))
    }
    #expect(failure?.code == "Forbidden")
    await world.plan()
    world.clock.advance(by: RunBounds.statusInterval)
    #expect(try await writer.show(news(Chronicle.start(), world)) == nil)
    #expect(try await world.service()?.body.value(at: "/status/conditions/0/type") == "Ready")
  }
}
