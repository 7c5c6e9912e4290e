import Testing
import WindlassContracts
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// What is particular to workloads that replace pods in their place.
struct ReplacingInPlaceTests {
  private func write(
    _ id: EffectID, _ aim: WorkloadAim, _ which: ContractRelease, _ world: WorkloadWorld,
    removing: [InstanceID] = []
  ) async throws {
    let reading = try await world.connect().observe(remembering: [])
    let release = Release(
      version: Version(1, 1, 0), image: WorkloadWorld.images[which], window: SchemaWindow(at: 1))
    try await world.connect().write(
      WorkloadOrder(
        id: id, run: "run", epoch: Epoch(1), aim: aim, release: release, removing: removing,
        token: reading.token))
  }

  private func builds(_ world: WorkloadWorld) async -> [String: Digest?] {
    let pods = await world.pods().map { Pod(object: $0, container: "web") }
    return Dictionary(pods.map { ($0.identity.name, $0.build) }) { first, _ in first }
  }

  private func digest(_ which: ContractRelease) -> Digest? {
    WorkloadWorld.images[which].flatMap { Digest(ofImage: $0) }
  }

  private let wave = WorkloadAim.wave(WaveBound(good: 0, surge: 0, unavailable: 1))

  @Test func `a StatefulSet is replaced from its highest number down to the bound`() async throws {
    let world = try await WorkloadWorld.running(.statefulSet)
    try await write("1", wave, .second, world)
    try await world.pass(.hours(24))
    let (first, second) = (digest(.first), digest(.second))
    #expect(await builds(world) == ["web-0": first, "web-1": first, "web-2": second])
    try await write(
      "2", .wave(WaveBound(good: 1, surge: 0, unavailable: 1)), .second, world)
    try await world.pass(.hours(24))
    #expect(await builds(world) == ["web-0": first, "web-1": second, "web-2": second])
  }

  @Test func `a pod below the partition comes back as the release before, held or not`()
    async throws
  {
    let world = try await WorkloadWorld.running(.statefulSet)
    try await write("1", wave, .second, world)
    try await world.pass(.minutes(5))
    for turn in 0..<2 {
      await world.send("DELETE", "\(PodRunner.namespace)/pods/web-0")
      try await world.pass(.minutes(5))
      #expect(await builds(world)["web-0"] == digest(.first))
      if turn == 0 { try await write("2", .hold, .second, world) }
    }
  }

  @Test func `a StatefulSet that is stuck on a broken pod is freed by removing it under its uid`()
    async throws
  {
    let world = try await WorkloadWorld.running(.statefulSet)
    try await write("1", wave, .broken, world)
    try await world.pass(.minutes(5))
    try await write("2", .retreat, .first, world)
    try await world.pass(.minutes(5))
    // Putting the template back alone does not help.
    #expect(await builds(world)["web-2"] == digest(.broken))
    let stuck = await world.pods().filter { $0.name == "web-2" }.map { PodIdentity($0).instance }
    try await write("3", .retreat, .first, world, removing: stuck)
    try await world.pass(.minutes(5))
    #expect(await builds(world).values.allSatisfy { $0 == digest(.first) })
    // The same order again, late: the successor has the same name and another uid.
    let before = await world.pods().map(\.uid).sorted()
    try await write("4", .retreat, .first, world, removing: stuck)
    try await world.pass(.minutes(5))
    #expect(await world.pods().map(\.uid).sorted() == before)
  }

  @Test func `a StatefulSet whose partition somebody else has is told as theirs`() async throws {
    let world = try await WorkloadWorld.running(.statefulSet)
    await world.update(
      ["spec": ["updateStrategy": ["rollingUpdate": ["partition": 2]]]], by: "helm")
    let failed = await stepFailure { try await write("1", wave, .second, world) }
    // The wave's own partition is the same, and no conflict; the next one's is not.
    #expect(failed == nil)
    let next = await stepFailure {
      try await write("2", .wave(WaveBound(good: 1, surge: 0, unavailable: 1)), .second, world)
    }
    #expect(next?.code == "FieldsOwned")
    #expect(next?.message.contains("partition is managed by helm") == true)
  }

  @Test func `no pod of a DaemonSet is replaced but the ones that an order names`() async throws {
    let world = try await WorkloadWorld.running(.daemonSet)
    try await write("1", .whole, .second, world)
    try await world.pass(.hours(24 * 30))
    #expect(await builds(world).values.allSatisfy { $0 == digest(.first) })
    let named = await world.pods().prefix(2).map { PodIdentity($0).instance }
    try await write("2", .whole, .second, world, removing: named)
    try await world.pass(.hours(24 * 30))
    #expect(await builds(world).values.filter { $0 == digest(.second) }.count == 2)
    #expect(await builds(world).count == 3)
  }

  @Test func `a pod of a DaemonSet that dies of something else comes back as the new release`()
    async throws
  {
    // No field of a DaemonSet prevents it, and preflight says so.
    let world = try await WorkloadWorld.running(.daemonSet)
    try await write("1", wave, .second, world)
    let one = try #require(await world.pods().first)
    await world.send("DELETE", "\(PodRunner.namespace)/pods/\(one.name)")
    try await world.pass(.minutes(5))
    #expect(await builds(world).values.filter { $0 == digest(.second) }.count == 1)
  }
}
