import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Where a service's records are, and what a daemon finds when it starts again.
struct ClusterJournalTests {
  private let life = Chronicle.life

  @Test func `a run has an object with its plan pinned, its journal and its end`() async throws {
    let world = try await RunWorld()
    let journal = try world.journal()
    try await journal.append(life[0...4], after: nil)
    let runs = try await world.runs()
    let run = try #require(runs.first)
    #expect(runs.count == 1)
    #expect(run.name == "beacon-r1")
    #expect(run.controllerUID == (try await world.service())?.uid)
    let plan = try #require(life[2].run?.plan)
    #expect(run.body.value(at: "/spec/plan")?.string == StepCoding.text(plan))
    #expect(
      run.body.value(at: "/spec/planDigest")?.string
        == "sha256:" + StepDigest.of(StepCoding.text(plan)).text)
    #expect(run.body.value(at: "/spec/from") == "1.0.0")
    #expect(run.body.value(at: "/spec/to") == "1.1.0")
    #expect(run.body.value(at: "/status/step") == "roll")
    #expect(run.body.value(at: "/status/outcome") == nil)
    let owner = try await journal.owner(of: "beacon")
    #expect(owner == StepOwner(.upgradeRuns, name: "beacon-r1", uid: run.uid))
    try await journal.append(life[5...6], after: life[4])
    #expect(try await world.runs().first?.body.value(at: "/status/outcome") == "Completed")
    #expect(try await world.runs().first?.body.value(at: "/status/step") == nil)
    #expect(try await journal.owner(of: "beacon").type == .managedServices)
  }

  @Test func `an ended run keeps the names of its effects and no states`() async throws {
    let world = try await RunWorld()
    try await world.journal().append(life[0...6], after: nil)
    let run = try #require(try await world.runs().first)
    let page = try #require(JournalPage.reading(run).page)
    #expect(page.entries.allSatisfy { $0.text == nil })
    #expect(
      page.entries.map(\.effect) == life[2...5].map { $0.inFlight?.id.text })
  }

  @Test func `at every point of a service's life a daemon that starts finds the last state`()
    async throws
  {
    let world = try await RunWorld()
    for index in life.indices {
      let journal = try world.journal()
      let before = index == 0 ? nil : life[index - 1]
      #expect(try await journal.state() == before)
      try await journal.append(life[index], after: before)
    }
    #expect(try await world.journal().state() == life.last)
    let outcomes = try await world.runs().map { $0.body.value(at: "/status/outcome")?.string }
    #expect(outcomes == ["Completed", "RolledBack", "Refused"])
  }

  @Test func `what happens while a run is open stands in its object, and comes back`()
    async throws
  {
    let world = try await RunWorld()
    let journal = try world.journal()
    try await journal.append(life[0...2], after: nil)
    let word = JournalRecord(
      service: "beacon", kind: .decision, at: Timestamp(milliseconds: 1_800_000_000_000),
      payload: "{\"pause\":{}}")
    #expect(try await journal.append(word) == 4)
    let run = try #require(try await world.runs().first)
    #expect(JournalPage.reading(run).page?.entries.map(\.number) == [3, 4])
    let read = try await world.journal().latest(.decision, service: "beacon")
    #expect(read?.payload == word.payload)
    #expect(try await world.journal().newestTime("beacon") == word.at)
  }

  @Test func `people may change the service and approve the run while records are written`()
    async throws
  {
    let world = try await RunWorld()
    let journal = try world.journal()
    try await journal.append(life[0...0], after: nil)
    try await world.change(.managedServices, "beacon", ["spec": ["policy": ["paused": true]]])
    try await journal.append(life[1...2], after: life[0])
    try await world.change(.upgradeRuns, "beacon-r1", ["spec": ["approvedBy": "ann"]])
    try await world.change(.managedServices, "beacon", ["spec": ["policy": ["paused": false]]])
    try await world.change(
      .managedServices, "beacon", ["status": ["deployedVersion": "1.0.0"]], subresource: "status")
    try await journal.append(life[3...], after: life[2])
    #expect(try await world.journal().state() == life.last)
    #expect(try await world.runs().first?.body.value(at: "/spec/approvedBy") == "ann")
    let service = try #require(try await world.service())
    #expect(service.body.value(at: "/status/deployedVersion") == "1.0.0")
  }

  @Test func `old runs go, the oldest first, and what they own with them`() async throws {
    let world = try await RunWorld()
    let journal = try world.journal()
    var last: ServiceRecord?
    var state = Chronicle.next(Chronicle.start())
    for number in 1...(RunBounds.runsKept + 3) {
      try await journal.append(state, after: last)
      let opened = Chronicle.opening(state)
      try await journal.append(opened, after: state)
      if number == 1 {
        let owner = try await journal.owner(of: "beacon")
        let owned = KubernetesObject.configMap("owned").body
          .setting(["metadata", "ownerReferences"], to: .array([owner.reference]))
        _ = try await world.client().create(KubernetesObject(owned), as: .configMaps)
      }
      last = Chronicle.ending(opened)
      try await journal.append(try #require(last), after: opened)
      state = Chronicle.next(try #require(last))
    }
    try await journal.append(state, after: last)
    world.clock.advance(by: .minutes(1))
    let names = Set(try await world.runs().map(\.name))
    let kept = Set((4...(RunBounds.runsKept + 3)).map { "beacon-r\($0)" })
    #expect(names == kept)
    #expect(try await world.client().get(.configMap("owned")) == nil)
  }

  @Test func `a plan that no object can hold begins nothing`() async throws {
    let world = try await RunWorld()
    let journal = try world.journal()
    try await journal.append(life[0...1], after: nil)
    let notes = String(repeating: "n", count: RunBounds.planSizeMax)
    let failure = try await trouble {
      try await journal.append(Chronicle.opening(life[1], notes: notes), after: life[1])
    }
    #expect(failure?.code == "PlanTooLarge")
    #expect(failure?.disposition == .stop)
    #expect(try await world.runs().isEmpty)
    #expect(try await world.journal().state() == life[1])
  }

  @Test func `a run of another service of that name is not taken`() async throws {
    let world = try await RunWorld()
    _ = try await world.client().create(Documents.run("beacon-r1"), as: .upgradeRuns)
    let journal = try world.journal()
    try await journal.append(life[0...1], after: nil)
    let failure = try await trouble { try await journal.append(life[2], after: life[1]) }
    #expect(failure?.code == "RunNameTaken")
    #expect(try await world.runs().first?.body["status"] == nil)
  }

  @Test func `a service that is not there has no journal`() async throws {
    let world = try await RunWorld([])
    let failure = try await trouble { try await world.journal().append(life[0], after: nil) }
    #expect(failure?.code == "ServiceMissing")
  }
}
