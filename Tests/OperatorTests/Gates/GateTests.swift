import Synchronization
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Upgrades whose roll somebody else owns, who asks the operator's gate; by default some of them,
/// with `WINDLASS_TORTURE=all` each.
struct GateTests {
  private typealias Reply = RollOwner.Reply

  /// What the gate said to the old release.
  private final class Said: Sendable {
    let last = Mutex<Timestamp?>(nil)
    let isShut = Mutex(false)
  }

  /// Why the gate is shut to a release that is on its way.
  private static let notYet: Set<String?> = [
    "NotWanted", "NotYet", "NotKnown", "SchemaOutsideWindow", "MigrationUnderWay",
  ]

  /// A service whose pods somebody else replaces.
  private static func scene(soak: JSONValue = "3s") -> ServiceScene {
    ServiceScene(changes: [
      ("fleet/deployment/gate", ["pods": "app=beacon"]), ("rollout/soak", soak),
    ])
  }

  /// The managers of fields of the workload, by which one sees who wrote to it.
  private static func writers(_ world: OperatorWorld) async throws -> Set<String> {
    let fields = try await world.workload().metadata["managedFields"]?.array ?? []
    return Set(fields.compactMap { $0["manager"]?.string })
  }

  @Test func `the gate opens when the schema is ready, and shuts the old release out for good`()
    async throws
  {
    try await OperatorWorld.with(Self.scene()) { world in
      let owner = RollOwner(world: world)
      let process = try world.startOperator()
      #expect(await owner.ask(process, "1.0.0").status == 503)
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      #expect(
        await owner.ask(process, "1.0.0")
          == Reply(status: 200, open: true, recalled: false, reason: "Open"))
      let early = await owner.ask(process, "1.1.0")
      #expect(early == Reply(status: 403, open: false, recalled: false, reason: "NotWanted"))
      #expect(await owner.ask(process, "1.0.0", service: "somebody").status == 404)
      #expect(await owner.ask(process, "1.0.0", rollback: true).status == 403)
      let writers = try await Self.writers(world)

      try await world.publish(releases: 2)
      try await owner.waitForGate(process, "1.1.0") { reply in
        #expect(reply.status == 403)
        #expect(Self.notYet.contains(reply.reason), "\(reply)")
      }
      #expect(world.model.schema == 4)
      try await world.reaches("the wait") { $0.progress == "WaitingForRollout" }
      // Its owner takes longer than a controller may, and nothing is amiss.
      await world.pass(.minutes(10))
      let waiting = try #require(await world.service())
      #expect(waiting.progress == "WaitingForRollout")
      #expect(!waiting.holds("Degraded"))
      #expect(await owner.ask(process, "1.1.0").status == 200)
      #expect(await owner.ask(process, "1.0.0").status == 200)
      #expect(try await Self.writers(world) == writers)
      #expect(world.model.running == ["1.0.0": 3])

      try await owner.roll(to: "1.1.0")
      try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
      #expect(world.model.schema == 5)
      #expect(world.model.counts.migrations == [3: 1, 4: 1, 5: 1])
      #expect(world.model.counts.commitPoints == 1)
      #expect(world.model.breaches == [])
      #expect(await owner.ask(process, "1.0.0").reason == "NotWanted")
      #expect(await owner.ask(process, "1.1.0").status == 200)
      #expect(try await Self.writers(world) == writers)
    }
  }

  @Test(.enabled(if: CampaignPart.isWhole))
  func `the old release is let in until the run commits, and never again`() async throws {
    try await OperatorWorld.with(Self.scene(soak: "1m")) { world in
      let owner = RollOwner(world: world)
      let process = try world.startOperator()
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      try await world.publish(releases: 2)
      try await owner.waitForGate(process, "1.1.0")
      try await owner.roll(to: "1.1.0")
      try await world.reaches("the soak") { $0.progress == "Soak" }
      #expect(await owner.ask(process, "1.0.0").status == 200)
      let said = Said()
      try await world.waits("the contraction") {
        let reply = await owner.ask(process, "1.0.0")
        if reply.status == 200 {
          said.last.withLock { $0 = world.time.now() }
          #expect(said.isShut.withLock { $0 } == false, "it opened again")
        } else if reply.reason == "PastCommitPoint" {
          said.isShut.withLock { $0 = true }
        }
        return world.model.schema == 5
      }
      // What was let in last had its time before the old schema went.
      let open = try #require(said.last.withLock { $0 })
      #expect(world.time.now() - open >= Bounds.admissionLife)
      #expect(said.isShut.withLock { $0 })
      try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
      #expect(world.model.breaches == [])
    }
  }

  @Test(.enabled(if: CampaignPart.isWhole))
  func `what its owner takes back is taken back, and is not asked for again`() async throws {
    try await OperatorWorld.with(Self.scene(soak: "1h")) { world in
      let owner = RollOwner(world: world)
      let process = try world.startOperator()
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      try await world.publish(releases: 2)
      try await owner.waitForGate(process, "1.1.0")
      try await owner.roll(to: "1.1.0")
      try await world.reaches("the soak") { $0.progress == "Soak" }
      try await owner.roll(to: "1.0.0")
      try await world.reaches("the way back") { $0.isAtRest(at: "1.0.0") }
      let run = try #require(try await world.run())
      #expect(run.condition("Progressing")?["reason"] == "RolledBack")
      #expect(run.condition("Progressing")?["message"]?.string?.contains("took 1.1.0 back") == true)
      let service = try #require(await world.service())
      #expect(service.body.value(at: "/status/quarantined/0/reason") == "TakenBackByOwner")
      #expect(world.model.schema == 4)
      #expect(world.model.counts.commitPoints == 0)
      #expect(world.model.running == ["1.0.0": 3])
      #expect(world.model.breaches == [])
      #expect(
        await owner.ask(process, "1.1.0")
          == Reply(status: 409, open: false, recalled: true, reason: "TakenBack"))
      #expect(await owner.ask(process, "1.1.0", rollback: true).status == 200)
      #expect(await owner.ask(process, "1.0.0").status == 200)
    }
  }

  @Test func `a run that turns back recalls what was rolled out`() async throws {
    try await OperatorWorld.with(Self.scene()) { world in
      let owner = RollOwner(world: world)
      let process = try world.startOperator()
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      world.model.break("1.1.0")
      try await world.publish(releases: 2)
      try await owner.waitForGate(process, "1.1.0")
      try await owner.roll(to: "1.1.0")
      try await world.waits("the recall") {
        await owner.ask(process, "1.1.0", rollback: true).status == 200
      }
      #expect(await owner.ask(process, "1.1.0").status == 409)
      try await world.waits("the source") { await owner.ask(process, "1.0.0").status == 200 }
      // Nothing is done to the pods before their owner does it.
      await world.pass(.minutes(1))
      #expect(world.model.running == ["1.1.0": 3])
      try await owner.roll(to: "1.0.0")
      try await world.reaches("the way back") { $0.isAtRest(at: "1.0.0") }
      #expect(world.model.schema == 4)
      #expect(world.model.breaches == [])
    }
  }

  @Test func `only who leads opens the gate`() async throws {
    try await OperatorWorld.with(Self.scene()) { world in
      let owner = RollOwner(world: world)
      let first = try world.startOperator()
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      let second = try world.startOperator()
      await world.pass(.minutes(1))
      #expect(await owner.ask(first, "1.0.0").status == 200)
      let other = await owner.ask(second, "1.0.0")
      #expect(other == Reply(status: 503, open: false, recalled: false, reason: "NotLeading"))
      // Who stands still leads for as long as it believes, and then no more.
      first.freeze()
      await world.pass(.seconds(20))
      #expect(await owner.ask(first, "1.0.0").reason == "NotLeading")
      try await world.waits("the second one") { await owner.ask(second, "1.0.0").status == 200 }
      #expect(await owner.ask(first, "1.0.0").reason == "NotLeading")
    }
  }

  @Test(.enabled(if: CampaignPart.isWhole))
  func `a template that waits for the gate is asked for by its image`() async throws {
    try await OperatorWorld.with(Self.scene()) { world in
      let owner = RollOwner(world: world)
      let process = try world.startOperator()
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      #expect(await owner.ask(process, "template").status == 200)
      // As it is with Flagger: the template says the new release, and its pods are not begun.
      try await owner.roll(to: "1.1.0", paused: true)
      #expect(await owner.ask(process, "template").reason == "UnknownImage")
      try await world.publish(releases: 2)
      try await owner.waitForGate(process, "template") { reply in
        #expect(reply.status == 403)
      }
      #expect(world.model.schema == 4)
      #expect(world.model.running == ["1.0.0": 3])
      try await owner.roll(to: "1.1.0", paused: false)
      try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
      #expect(world.model.breaches == [])
    }
  }

  @Test(.enabled(if: CampaignPart.isWhole))
  func `a pause shuts the gate, and what came unasked is told and holds the run up`() async throws {
    try await OperatorWorld.with(Self.scene()) { world in
      let owner = RollOwner(world: world)
      let process = try world.startOperator()
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      // Nobody asked: the release is not even published.
      try await owner.roll(to: "1.1.0")
      try await world.reaches("the news") {
        $0.condition("Degraded")?["reason"] == "InstanceInDoubt"
      }
      #expect(await owner.ask(process, "1.0.0").status == 200)
      try await owner.roll(to: "1.0.0")
      try await world.reaches("rest") { $0.isAtRest(at: "1.0.0") }

      try await world.publish(releases: 2)
      try await owner.waitForGate(process, "1.1.0")
      try await world.change(["spec": ["policy": ["paused": true]]])
      try await world.waits("the pause") {
        await owner.ask(process, "1.1.0").reason == "Paused"
      }
      try await world.change(["spec": ["policy": ["paused": false]]])
      try await owner.waitForGate(process, "1.1.0")
      try await owner.roll(to: "1.1.0")
      try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
    }
  }
}
