import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// What is noticed when somebody takes a part of the journal away, and what a person does then.
struct JournalLossTests {
  private let life = Chronicle.life

  /// A cluster in which a service has lived so far.
  private func world(through index: Int) async throws -> RunWorld {
    let world = try await RunWorld()
    try await world.journal().append(life[...index], after: nil)
    return world
  }

  private func failure(_ world: RunWorld) async throws -> StepFailure? {
    try await trouble { _ = try await world.journal().state() }
  }

  @Test func `a service's status that was wiped between runs is missed`() async throws {
    for index in [0, 1, 6, 11] {
      let world = try await world(through: index)
      try await world.change(
        .managedServices, "beacon", ["status": .null], subresource: "status")
      let failure = try await failure(world)
      #expect(failure?.code == "JournalLost", "\(index)")
      #expect(failure?.disposition == .stop)
      #expect(failure?.message.contains("windlass.dev/journal=forget --overwrite") == true)
    }
  }

  @Test func `while a run is open, its object alone has what counts`() async throws {
    for index in [2, 3, 8, 9] {
      let world = try await world(through: index)
      try await world.change(
        .managedServices, "beacon", ["status": .null], subresource: "status")
      #expect(try await world.journal().state() == life[index], "\(index)")
    }
  }

  @Test func `an open run's object that was deleted or wiped is missed`() async throws {
    for (index, name) in [(2, "beacon-r1"), (4, "beacon-r1"), (5, "beacon-r1"), (9, "beacon-r3")] {
      let wiped = try await world(through: index)
      try await wiped.change(.upgradeRuns, name, ["status": .null], subresource: "status")
      #expect(try await failure(wiped)?.code == "JournalLost", "\(index)")
      let deleted = try await world(through: index)
      let reference = ObjectReference(.upgradeRuns, name, in: "shop")
      _ = try await deleted.client().delete(reference, .background)
      let failure = try await failure(deleted)
      #expect(failure?.code == "JournalLost", "\(index)")
      #expect(failure?.message.contains(name) == true)
    }
  }

  @Test func `an object of the same name and another uid is no substitute`() async throws {
    let world = try await world(through: 4)
    let run = try #require(try await world.runs().first)
    let reference = ObjectReference(.upgradeRuns, "beacon-r1", in: "shop")
    _ = try await world.client().delete(reference, .background)
    var copy = run.body
    for name in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"] {
      copy = copy.setting(["metadata", name], to: nil)
    }
    _ = try await world.client().create(
      KubernetesObject(copy.setting("status", to: nil)), as: .upgradeRuns)
    try await world.change(
      .upgradeRuns, "beacon-r1", ["status": run.body["status"] ?? .null], subresource: "status")
    #expect(try await failure(world)?.code == "JournalLost")
  }

  @Test func `an ended run may be deleted by anybody`() async throws {
    let world = try await world(through: 6)
    let reference = ObjectReference(.upgradeRuns, "beacon-r1", in: "shop")
    _ = try await world.client().delete(reference, .background)
    #expect(try await world.journal().state() == life[6])
  }

  @Test func `an edit of what counts is refused`() async throws {
    let world = try await world(through: 4)
    let run = try #require(try await world.runs().first)
    let entries = run.body.value(at: "/status/journal/entries")?.array ?? []
    let last = try #require(entries.last)
    let edited = entries.dropLast() + [last.setting("text", to: "{}")]
    try await world.change(
      .upgradeRuns, "beacon-r1", ["status": ["journal": ["entries": .array(Array(edited))]]],
      subresource: "status")
    #expect(try await failure(world)?.code == "JournalCorrupt")
    try await world.change(
      .upgradeRuns, "beacon-r1", ["status": ["journal": ["format": 2]]], subresource: "status")
    #expect(try await failure(world)?.code == "JournalNewer")
  }

  @Test func `the annotation that somebody dropped is put back`() async throws {
    for index in [1, 4, 6, 11] {
      let world = try await world(through: index)
      try await world.change(
        .managedServices, "beacon", ["metadata": ["annotations": .null]])
      let journal = try world.journal()
      #expect(try await journal.state() == life[index], "\(index)")
      let next = Chronicle.next(life[index])
      try await journal.append(next, after: life[index])
      let text = try await world.service()?.annotations[JournalMark.annotation]
      guard case .mark = JournalMark.reading(text) else {
        Issue.record("\(index): \(text ?? "nothing")")
        continue
      }
      #expect(try await world.journal().state() == next)
    }
  }

  @Test func `a person lets what is left be forgotten, and the service begins anew`() async throws {
    for index in [1, 4, 6, 11] {
      let world = try await world(through: index)
      try await world.change(
        .managedServices, "beacon", ["status": .null], subresource: "status")
      try await world.change(
        .managedServices, "beacon",
        ["metadata": ["annotations": .object([JSONMember(JournalMark.annotation, "forget")])]])
      let journal = try world.journal()
      #expect(try await journal.state() == nil)
      // The second life has runs of the same names.
      var last: ServiceRecord?
      for state in life {
        try await journal.append(state, after: last)
        last = state
        #expect(try await world.journal().state() == state, "\(index)")
      }
      world.clock.advance(by: .minutes(1))
      let outcomes = try await world.runs().map { $0.body.value(at: "/status/outcome")?.string }
      #expect(outcomes == ["Completed", "RolledBack", "Refused"], "\(index)")
    }
  }

  @Test func `a deleted object ends the journal that is open`() async throws {
    let world = try await RunWorld()
    let journal = try world.journal()
    try await journal.append(life[...3], after: nil)
    let reference = ObjectReference(.upgradeRuns, "beacon-r1", in: "shop")
    _ = try await world.client().delete(reference, .background)
    let failure = try await trouble { try await journal.append(life[4], after: life[3]) }
    #expect(failure?.code == "JournalGone")
    #expect(failure?.disposition == .stop)
  }

  @Test func `a server without these definitions' fields is told apart from a durable record`()
    async throws
  {
    let world = try await RunWorld()
    let client = try world.client()
    let old = ResourceDefinition.managedService.json
    let path = [
      "spec", "versions", "0", "schema", "openAPIV3Schema", "properties", "status", "properties",
    ]
    let kept = (old.value(at: "/" + path.joined(separator: "/"))?.object ?? [])
      .filter { $0.name != "journal" }
    _ = try await client.patch(
      ObjectReference(.definitions, "managedservices.windlass.dev"),
      .json([
        [
          "op": "replace", "path": .string("/" + path.joined(separator: "/")),
          "value": .object(kept),
        ]
      ]))
    world.clock.advance(by: .seconds(10))
    let failure = try await trouble { try await world.journal().append(life[0], after: nil) }
    #expect(["JournalFailed", "JournalAltered"].contains(failure?.code))
  }
}
