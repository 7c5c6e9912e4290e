import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet
@testable import windlass

/// Operators that share services out by a label: each service is one shard's, and a run is brought
/// to its end by the shard that opened it.
struct ShardTests {
  private static let other = ServiceShard("b")

  /// What an operator changed besides Leases.
  private static func changes(_ process: OperatorProcess, in world: OperatorWorld) -> [SeenRequest]
  {
    world.history.requests(of: process.identity).filter {
      $0.changes && $0.resource != "leases.coordination.k8s.io"
    }
  }

  /// Gives the service to the other shard.
  private static func label(_ world: OperatorWorld) async throws {
    try await world.change(["metadata": ["labels": .object([JSONMember(ServiceShard.label, "b")])]])
  }

  /// Returns when the first operator's run is in its expansion.
  private static func reachExpansion(_ world: OperatorWorld) async throws {
    try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
    try await world.publish(releases: 2)
    try await world.waits("the expansion") { world.model.schema == 3 }
  }

  private static func expectOneUpgrade(_ world: OperatorWorld) {
    #expect(world.model.counts.migrations == [3: 1, 4: 1, 5: 1])
    #expect(world.model.counts.commitPoints == 1)
    #expect(world.model.running == ["1.1.0": world.scene.replicas])
    #expect(world.model.breaches == [])
  }

  @Test func `a service at rest goes over to the shard of its new label`() async throws {
    try await OperatorWorld.with { world in
      let first = try world.startOperator()
      let second = try world.startOperator(shard: Self.other)
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      #expect(Self.changes(second, in: world) == [])
      try await Self.label(world)
      try await world.reaches("the other shard") {
        $0.annotations[ServiceShard.record] == Self.other.name
      }
      await world.pass(.minutes(1))
      let done = Self.changes(first, in: world).count
      try await world.publish(releases: 2)
      try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
      #expect(Self.changes(first, in: world).count == done)
      #expect(
        Self.changes(second, in: world).contains { $0.resource == "upgraderuns.windlass.dev" })
      #expect(first.roster.drives?.isEmpty == true && second.roster.drives?.count == 1)
      Self.expectOneUpgrade(world)
    }
  }

  @Test func `a run is brought to its end by its shard, also by one that was started anew`()
    async throws
  {
    try await OperatorWorld.with { world in
      let first = try world.startOperator()
      let second = try world.startOperator(shard: Self.other)
      try await Self.reachExpansion(world)
      try await Self.label(world)
      await world.pass(.seconds(3))
      first.kill()
      let next = try world.startOperator()
      try await world.reaches("the upgrade") { $0.deployedVersion == "1.1.0" }
      #expect(Self.changes(second, in: world) == [])
      #expect(Self.changes(next, in: world).contains { $0.resource == "jobs.batch" })
      try await world.reaches("the other shard") {
        $0.annotations[ServiceShard.record] == Self.other.name && $0.isAtRest(at: "1.1.0")
      }
      Self.expectOneUpgrade(world)
    }
  }

  @Test func `a person gives the run of a shard that is no more to another one`() async throws {
    try await OperatorWorld.with { world in
      let first = try world.startOperator()
      let second = try world.startOperator(shard: Self.other)
      try await Self.reachExpansion(world)
      first.kill()
      try await Self.label(world)
      await world.pass(.minutes(30))
      #expect(Self.changes(second, in: world) == [])
      #expect(await world.service()?.deployedVersion == "1.0.0")
      let record = JSONValue.object([JSONMember(ServiceShard.record, .string(Self.other.name))])
      try await world.change(["metadata": ["annotations": record]])
      try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
      Self.expectOneUpgrade(world)
    }
  }

  @Test func `whose run was given away while it was at work stops at once`() async throws {
    try await OperatorWorld.with { world in
      let first = try world.startOperator()
      try world.startOperator(shard: Self.other)
      try await Self.reachExpansion(world)
      try await Self.label(world)
      let record = JSONValue.object([JSONMember(ServiceShard.record, .string(Self.other.name))])
      try await world.change(["metadata": ["annotations": record]])
      try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
      #expect(first.roster.drives?.isEmpty == true)
      Self.expectOneUpgrade(world)
    }
  }
}
