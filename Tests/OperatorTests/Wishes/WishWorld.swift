import ReleaseFeeds
import SimulatedCluster
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Worlds with a service, what it finds around it, and a neighbour.
enum WishWorld {
  private static let copy = "/copy/beacon.json"
  private static let garbage = "/garbage.json"
  private static let stranger = SecretKey.generate()

  /// Lends a world whose service and neighbour have been adopted.
  static func with<Value: Sendable>(
    _ body: @escaping @Sendable (OperatorWorld) async throws -> Value
  ) async throws -> Value {
    try await furnished { world in
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      return try await body(world)
    }
  }

  /// Lends a world in which an operator has just begun.
  ///
  /// - Parameter first: What is wished for instead of the usual, from before it began.
  static func furnished<Value: Sendable>(
    first: (@Sendable (ServiceScene) -> WishValue)? = nil,
    _ body: @escaping @Sendable (OperatorWorld) async throws -> Value
  ) async throws -> Value {
    try await OperatorWorld.with(work: Self.work) { world in
      let neighbour = Neighbour()
      let until = world.time.now() + .hours(24 * 365)
      await world.publish(try neighbour.published(until: until))
      await world.publish([garbage: Array("no manifest".utf8)])
      await world.publish([garbage + ".minisig": Array("no signature".utf8)])
      try await publish(releases: 1, in: world)
      // The neighbour is the older one: what both claim it keeps.
      let own = ObjectReference(
        .managedServices, ServiceScene.name, in: ServiceScene.namespace)
      _ = try await world.client.delete(own, .background)
      _ = try await world.client.create(neighbour.workload, as: .deployments)
      _ = try await world.client.create(neighbour.wish, as: .managedServices)
      await world.pass(.seconds(2))
      var wish = world.scene.wish
      if let first { wish.body = wish.body.setting("spec", to: first(world.scene).spec) }
      _ = try await world.client.create(wish, as: .managedServices)
      try world.startOperator()
      let other = ObjectReference(.managedServices, Neighbour.name, in: ServiceScene.namespace)
      try await world.waits("the neighbour") {
        try await world.client.get(other)?.isAtRest(at: "1.0.0") ?? false
      }
      return try await body(world)
    }
  }

  private static func work(_ model: ServiceModel, _ client: KubernetesClient) -> any StandInWork {
    Surroundings(model, client)
  }

  /// Publishes the manifest with so many releases, and a copy of it.
  static func publish(releases: Int, in world: OperatorWorld) async throws {
    let files = try world.scene.published(releases, until: world.time.now() + .hours(24 * 365))
    await world.publish(files)
    await world.publish(
      Dictionary(uniqueKeysWithValues: files.map { ("/copy" + $0.key, $0.value) }))
  }

  /// All values for a service, in an order that is always the same.
  static func values(for scene: ServiceScene) -> [WishValue] {
    let base = scene.wish.body["spec"] ?? .object([])
    let admission = AdmissionValues(base: base)
    let refused = WishField.all(under: ManagedServiceSpec.schema).flatMap(admission.values(of:))
    let broken = BrokenRules(base: base).values
    var random = SeededGenerator(seed: 2_023)
    return (refused + broken + admitted(by: scene)).shuffled(using: &random)
  }

  /// The values that an API server takes.
  static func admitted(by scene: ServiceScene) -> [WishValue] {
    let surroundings = WishSurroundings(
      server: "http://manifests.invalid", copy: copy, garbage: garbage,
      strangersKey: stranger.publicKey.text, secret: ("beacon-db", "url"),
      othersWorkload: Neighbour.name, othersSecret: Neighbour.secret)
    return OperatorValues(
      base: scene.wish.body["spec"] ?? .object([]), surroundings: surroundings
    ).values
  }
}
