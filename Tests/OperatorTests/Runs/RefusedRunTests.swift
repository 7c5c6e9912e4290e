import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What is told of a run that does not begin.
struct RefusedRunTests {
  @Test func `a run whose workload can't be rolled says so until the next attempt, and then again`()
    async throws
  {
    // Its pods are killed before their requests have ended.
    try await OperatorWorld.with(ServiceScene(grace: 20)) { world in
      try world.startOperator()
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      try await world.publish(releases: 2)
      let service = try await world.reaches("word of the refusal") { Self.word(of: $0) != nil }
      let first = try #require(Self.word(of: service))
      #expect(first.contains("another run begins at"), "\(first)")
      #expect(first.contains("Set terminationGracePeriodSeconds"), "\(first)")
      #expect(service.progress == "RunRefused")
      #expect(service.isAtRest(at: "1.0.0"))
      try await world.waits("an Event of it") {
        try await Self.events(in: world).contains { event in
          event.body["reason"] == "RunRefused" && event.body["type"] == "Warning"
            && event.body.value(at: "/regarding/kind") == "ManagedService"
            && event.body["note"]?.string?.contains("Set terminationGracePeriodSeconds") == true
        }
      }
      try await world.reaches("word of the next attempt") { service in
        Self.word(of: service).map { $0 != first } ?? false
      }
      #expect(world.model.counts.migrations.isEmpty)
    }
  }

  /// What the service says of the refusal; nil when it says nothing of it.
  private static func word(of service: KubernetesObject) -> String? {
    guard let degraded = service.condition("Degraded"),
      degraded["reason"] == "WorkloadGraceTooShort"
    else { return nil }
    return degraded["message"]?.string
  }

  private static func events(in world: OperatorWorld) async throws -> [KubernetesObject] {
    try await world.client.list(Selection(.events, in: ServiceScene.namespace)).objects
  }
}
