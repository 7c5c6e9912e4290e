import Testing
import WindlassCore

@testable import KubernetesFleet

/// The world itself: what its operators do when nothing goes wrong, and that they can be killed and
/// frozen.
struct WorldTests {
  static func upgrade(_ world: OperatorWorld) async throws {
    try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
    try await world.publish(releases: 2)
    try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
  }

  @Test(arguments: [WorkloadKind.deployment, .statefulSet, .daemonSet])
  func `an upgrade that nobody disturbs does each thing once`(kind: WorkloadKind) async throws {
    try await OperatorWorld.with(ServiceScene(kind)) { world in
      try world.startOperator()
      try await Self.upgrade(world)
      let counts = world.model.counts
      #expect(counts.migrations == [3: 1, 4: 1, 5: 1])
      #expect(counts.backups == 2)
      #expect(counts.commitPoints == 1)
      #expect(world.model.schema == 5)
      #expect(world.model.running == ["1.1.0": world.scene.replicas])
      #expect(world.model.breaches == [])
      #expect(counts.podsStarted == ["1.0.0": world.scene.replicas, "1.1.0": world.scene.replicas])
      #expect(counts.podsStopped == ["1.0.0": world.scene.replicas])
    }
  }

  @Test func `an operator that was killed asks nothing more, and the next one goes on`()
    async throws
  {
    try await OperatorWorld.with { world in
      let first = try world.startOperator()
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      try await world.publish(releases: 2)
      try await world.waits("the expansion") { world.model.schema == 4 }
      first.kill()
      let asked = world.history.requests(of: first.identity).count
      let second = try world.startOperator()
      try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
      #expect(world.history.requests(of: first.identity).count == asked)
      #expect(world.history.requests(of: second.identity).contains { $0.changes })
      #expect(world.model.counts.migrations == [3: 1, 4: 1, 5: 1])
      #expect(world.model.breaches == [])
    }
  }

  @Test func `nothing is left in memory of an operator that has driven a service`() async throws {
    var process: OperatorProcess? = try await OperatorWorld.with { world in
      let process = try world.startOperator()
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      return process
    }
    weak let left = process
    #expect(left != nil)
    process = nil
    // The last of its tasks may be about to let go of it.
    for _ in 0..<1_000_000 where left != nil { await Task.yield() }
    #expect(left == nil)
  }

  @Test func `an operator that was frozen asks nothing until it is thawed`() async throws {
    try await OperatorWorld.with { world in
      let first = try world.startOperator()
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      first.freeze()
      await world.pass(.seconds(1))
      let asked = world.history.requests(of: first.identity).count
      try await world.publish(releases: 2)
      await world.pass(.minutes(5))
      #expect(world.history.requests(of: first.identity).count == asked)
      #expect(await world.service()?.deployedVersion == "1.0.0")
      first.thaw()
      try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
      #expect(world.model.counts.migrations == [3: 1, 4: 1, 5: 1])
    }
  }
}
