import Testing
import WindlassContracts
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// The pods of a service whose roll somebody else owns, and its gate.
struct GatedWorkloadTests {
  private static let service = ObjectReference(.managedServices, "beacon", in: "shop")

  /// A cluster with a Deployment of three pods and a ManagedService that is about it.
  private static func world() async throws -> WorkloadWorld {
    let world = try await WorkloadWorld.running(.deployment, adopted: false)
    let client = try world.client()
    for definition in ResourceDefinition.all {
      _ = try await client.create(KubernetesObject(definition.json), as: .definitions)
    }
    // The server serves what is defined a moment later.
    world.clock.advance(by: .seconds(10))
    _ = try await client.create(Documents.service("beacon"), as: .managedServices)
    return world
  }

  private static func connect(
    _ world: WorkloadWorld, pods: String = "app=web", ends: (any SeenEnds)? = nil
  ) throws -> GatedWorkload {
    GatedWorkload(
      of: service, pods: try #require(PodSelector(pods)), container: "web",
      by: try world.client(), prober: EchoProber(), ends: ends)
  }

  private static func order(
    _ id: EffectID, _ aim: WorkloadAim = .whole, _ which: ContractRelease = .second,
    epoch: Int64 = 1, in world: WorkloadWorld
  ) async throws -> WorkloadOrder {
    let reading = try await connect(world).observe(remembering: [])
    return WorkloadOrder(
      id: id, run: "run", epoch: Epoch(epoch), aim: aim,
      release: ClusterWorkloadSubject.release(which), token: reading.token)
  }

  private static func failure(
    _ body: () async throws -> Void
  ) async throws -> StepFailure? {
    do {
      try await body()
      return nil
    } catch let failure as StepFailure {
      return failure
    }
  }

  @Test func `labels tell the pods, whoever made them`() async throws {
    let world = try await Self.world()
    let container: JSONValue = [
      "name": "web", "image": .string(WorkloadWorld.images[.second] ?? ""),
    ]
    await world.send(
      "POST", "\(PodRunner.namespace)/pods",
      [
        "metadata": ["name": "canary", "labels": ["app": "web-primary"]],
        "spec": ["containers": [container]],
      ])
    try await world.pass(.minutes(1))
    let own = try await Self.connect(world).observe(remembering: [])
    #expect(own.instances.count == 3 && own.desired == 3)
    #expect(own.template.build == nil && own.template.mark == nil && own.hold == nil)
    let all = try await Self.connect(world, pods: "app in (web, web-primary)")
      .observe(remembering: ["never-was"])
    #expect(all.instances.count == 4 && all.desired == 4)
    let builds = Set(all.instances.compactMap(\.build))
    #expect(
      builds
        == Set(
          [ContractRelease.first, .second].compactMap {
            ClusterWorkloadSubject.release($0).imageDigest
          }))
    #expect(all.machines.first { $0.name == "never-was" }?.isGone == true)
    let answers = try await Self.connect(world).probe(own.instances.map(\.id), with: [])
    #expect(Set(answers.map(\.id)) == Set(own.instances.map(\.id)))
  }

  @Test func `labels that select nothing are told, and decide nothing`() async throws {
    let world = try await Self.world()
    let failure = try await Self.failure {
      _ = try await Self.connect(world, pods: "app=nobody").observe(remembering: [])
    }
    #expect(failure?.code == "NoPods")
    #expect(failure?.disposition == .wait)
    #expect(failure?.message.contains("app=nobody") == true)
  }

  @Test func `an order opens the gate, once, and touches no workload`() async throws {
    let world = try await Self.world()
    let gate = try Self.connect(world)
    let before = await world.live()
    let first = try await Self.order("1", in: world)
    try await gate.write(first)
    try await gate.write(first)
    let open = try await gate.observe(remembering: [])
    #expect(open.template.build == ClusterWorkloadSubject.release(.second).imageDigest)
    #expect(open.template.mark == first.mark)
    #expect(open.template.editor == nil)
    #expect(open.hold == nil)
    // Another one that was decided on what stood before comes too late.
    let late = WorkloadOrder(
      id: "2", run: "run", epoch: Epoch(1), aim: .retreat,
      release: ClusterWorkloadSubject.release(.first), token: first.token)
    #expect(try await Self.failure { try await gate.write(late) }?.code == "WorkloadChanged")
    let hold = try await Self.order("3", .hold, in: world)
    try await gate.write(hold)
    let held = try await gate.observe(remembering: [])
    #expect(held.hold == .ours)
    #expect(held.template.build == open.template.build)
    #expect(held.template.revision == open.template.revision)
    try await gate.write(try await Self.order("4", .retreat, .first, in: world))
    let back = try await gate.observe(remembering: [])
    #expect(back.hold == nil)
    #expect(back.template.build == ClusterWorkloadSubject.release(.first).imageDigest)
    #expect(await world.live() == before)
  }

  @Test func `an order of an earlier epoch, or of another service's object, opens nothing`()
    async throws
  {
    let world = try await Self.world()
    let gate = try Self.connect(world)
    try await gate.write(try await Self.order("1", epoch: 2, in: world))
    let old = try await Self.order("2", .retreat, .first, epoch: 1, in: world)
    #expect(try await Self.failure { try await gate.write(old) }?.code == "FenceLost")
    let client = try world.client()
    let live = try #require(try await client.get(Self.service))
    // The same texts on an object that was made anew are a copy, and no order.
    _ = try await client.delete(Self.service, .background)
    var copy = Documents.service("beacon")
    copy.body = copy.body.setting(
      ["metadata", "annotations"], to: live.metadata["annotations"] ?? .null)
    _ = try await client.create(copy, as: .managedServices)
    #expect(try await gate.observe(remembering: []).template.mark == nil)
  }

  @Test func `the fence's number bars what was decided under an earlier one`() async throws {
    let world = try await Self.world()
    let gate = try Self.connect(world)
    let client = try world.client()
    try await gate.bar(under: Epoch(7))
    let barred = try #require(try await client.get(Self.service))
    #expect(barred.labels["windlass.dev/epoch"] == "7")
    try await gate.bar(under: Epoch(7))
    let again = try #require(try await client.get(Self.service))
    #expect(again.resourceVersion == barred.resourceVersion)
  }

  @Test func `a note of an order that nobody can read lets nothing be written`() async throws {
    let world = try await Self.world()
    let gate = try Self.connect(world)
    let order = try await Self.order("1", in: world)
    let annotations: JSONValue = ["windlass.dev/order": "open"]
    _ = try await world.client("person").patch(
      Self.service, .merge(["metadata": ["annotations": annotations]]))
    #expect(
      try await Self.failure { _ = try await gate.observe(remembering: []) }?.code
        == "MarkUnreadable")
    #expect(try await Self.failure { try await gate.write(order) }?.code == "MarkUnreadable")
  }

  @Test func `a pod whose end was seen is told as dead although it is gone`() async throws {
    let world = try await Self.world()
    let witness = PodWitness()
    let gate = try Self.connect(world, ends: witness)
    let pod = try #require(await world.pods().first)
    var ended = pod
    ended.body = ended.body.setting(["status", "phase"], to: "Succeeded")
      .setting(["status", "containerStatuses"], to: .array([]))
    witness.note(.updated(from: pod, to: ended))
    await world.send("DELETE", "\(PodRunner.namespace)/pods/\(pod.name)")
    try await world.pass(.minutes(1))
    let reading = try await gate.observe(remembering: [])
    let seen = reading.instances.first { $0.id == PodIdentity(pod).instance }
    #expect(seen?.life == .dead)
    #expect(reading.desired == 3)
  }
}
