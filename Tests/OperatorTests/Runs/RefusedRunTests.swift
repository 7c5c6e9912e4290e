import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What is told of a run that does not begin.
struct RefusedRunTests {
  @Test func `a run whose workload can't be rolled says so until it can, and is tried again`()
    async throws
  {
    // Its one pod goes before the next one comes.
    try await OperatorWorld.with(ServiceScene(.statefulSet, replicas: 1)) { world in
      try world.startOperator()
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      try await world.publish(releases: 2)
      let service = try await world.reaches("word of the refusal") {
        $0.condition("Degraded")?["reason"] == "WorkloadOnlyOneReplica"
      }
      let message = service.condition("Degraded")?["message"]?.string ?? ""
      #expect(message.contains("beacon has one pod"), "\(message)")
      #expect(message.contains("another run begins at"), "\(message)")
      #expect(service.progress == "RunRefused")
      #expect(service.isAtRest(at: "1.0.0"))
      try await world.waits("an Event of it") {
        try await Self.events(in: world).contains { event in
          event.body["reason"] == "RunRefused" && event.body["type"] == "Warning"
            && event.body.value(at: "/regarding/kind") == "ManagedService"
            && event.body["note"]?.string?.contains("has one pod") == true
        }
      }
      #expect(world.model.counts.migrations.isEmpty)
      _ = try await world.client.patch(
        ObjectReference(.statefulSets, ServiceScene.name, in: ServiceScene.namespace),
        .merge(["spec": ["replicas": 2]]))
      try await world.reaches("the upgrade") { service in
        service.isAtRest(at: "1.1.0") && service.condition("Degraded")?["status"] == "False"
      }
    }
  }

  private static func events(in world: OperatorWorld) async throws -> [KubernetesObject] {
    try await world.client.list(Selection(.events, in: ServiceScene.namespace)).objects
  }
}
