import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What leaves a process that leads, and one that led.
struct LeaderTransportTests {
  private func client(
    _ script: ScriptedTransport, _ right: Leadership, _ clock: ManualClock
  ) throws -> KubernetesClient {
    KubernetesClient(
      try ClusterAccess(try .test()), clock: clock, random: FixedRandom(), plugins: NoPlugins(),
      bucket: TokenBucket(perSecond: 1_000, burst: 1_000),
      transport: { _ throws(HTTPError) in LeaderTransport(script, while: right) })
  }

  @Test func `once the right has ended nothing that changes anything goes out`() async throws {
    let clock = ManualClock(jumps: true)
    let script = ScriptedTransport([
      .json(KubernetesObject.configMap("one").body), .json(KubernetesObject.configMap("one").body),
    ])
    let right = Leadership(until: clock.now() + .seconds(10), clock: clock)
    let client = try client(script, right, clock)
    _ = try await client.create(.configMap("one"), as: .configMaps)
    clock.advance(by: .seconds(10))
    let calls: [@Sendable () async throws -> Void] = [
      { _ = try await client.create(.configMap("two"), as: .configMaps) },
      { _ = try await client.patch(.configMap("one"), .merge(["data": ["a": "b"]])) },
      { _ = try await client.delete(.configMap("one"), .background) },
    ]
    for call in calls {
      let error = await #expect(throws: APIError.self) { try await call() }
      #expect(error?.code == .cancelled)
    }
    #expect(script.requests.map(\.method) == ["POST"])
    // Looking is no change, and is what comes of a lost reply.
    #expect(try await client.get(.configMap("one")) != nil)
  }
}

/// What the operator writes on a service besides its journal.
struct ServiceNoticeTests {
  private func with(
    _ body: @Sendable (ClusterWorld, ServiceNotice, KubernetesObject) async throws -> Void
  ) async throws {
    try await ClusterWorld.with(.inProcess) { world in
      for definition in ResourceDefinition.all {
        _ = try await world.client.apply(KubernetesObject(definition.json), as: .definitions)
      }
      let service = Documents.service()
      #expect(
        await eventually {
          (try? await world.client.create(service, as: .managedServices)) != nil
        })
      let made = try await world.client.get(Self.reference)
      try await body(world, ServiceNotice(world.client), try #require(made))
    }
  }

  private static let reference = ObjectReference(.managedServices, "beacon", in: "shop")

  @Test func `a reason is told once, and leaves the other conditions alone`() async throws {
    try await with { world, notices, made in
      let other: JSONValue = [
        "type": "Progressing", "status": "False", "reason": "AtRest", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
      ]
      _ = try await world.client.patch(
        Self.reference, .merge(["status": ["conditions": [other]]]), subresource: "status")
      let block = Block(code: "BadConfiguration", message: "spec.fleet is not what it should be")
      try await notices.tell(block, of: made)
      let told = try #require(try await world.client.get(Self.reference))
      let conditions = told.body.value(at: "/status/conditions")?.array ?? []
      #expect(conditions.map { $0["type"] } == ["Progressing", "Ready"])
      #expect(conditions.last?["status"] == "False")
      #expect(conditions.last?["reason"] == "BadConfiguration")
      #expect(conditions.last?["observedGeneration"]?.integer == made.generation)
      try await notices.tell(block, of: made)
      #expect(try await world.client.get(Self.reference)?.resourceVersion == told.resourceVersion)
      // It is taken back once, when the service is driven, and nothing better is.
      try await notices.begin(made)
      let begun = try #require(try await world.client.get(Self.reference))
      #expect(begun.body.value(at: "/status/conditions/1/status") == "Unknown")
      try await notices.begin(made)
      #expect(try await world.client.get(Self.reference)?.resourceVersion == begun.resourceVersion)
    }
  }

  @Test func `a service is held until it is let go, and no other of its name is`() async throws {
    try await with { world, notices, made in
      try await notices.hold(made, by: ServiceShard())
      try await notices.hold(made, by: ServiceShard())
      _ = try await world.client.delete(Self.reference, .background)
      let held = try #require(try await world.client.get(Self.reference))
      #expect(held.isDeleting && held.finalizers == [ServiceNotice.finalizer])
      try await notices.release(held)
      #expect(try await world.client.get(Self.reference) == nil)
      // What came later under the name is another one.
      _ = try await world.client.create(Documents.service(), as: .managedServices)
      try await notices.hold(made, by: ServiceShard())
      #expect(try await world.client.get(Self.reference)?.finalizers == [])
    }
  }
}
