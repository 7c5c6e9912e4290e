import SimulatedCluster
import Synchronization
import Testing
import WindlassContracts
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Orders and readings while requests and replies are lost, refused, or meet somebody else's hand.
struct WorkloadFaultTests {
  private func order(
    _ id: EffectID, _ aim: WorkloadAim, _ world: WorkloadWorld, epoch: Int64 = 1,
    removing: [InstanceID] = []
  ) async throws -> WorkloadOrder {
    let reading = try await world.connect().observe(remembering: [])
    return WorkloadOrder(
      id: id, run: "run", epoch: Epoch(epoch), aim: aim,
      release: Release(
        version: Version(1, 1, 0), image: WorkloadWorld.images[.second],
        window: SchemaWindow(at: 1)), removing: removing, token: reading.token)
  }

  /// What strikes the request of a number, of those that change something or of all.
  private static let mishaps: [ClusterFault.Kind] = [
    .loseReply, .loseRequest, .refuse(status: 500, retryAfterSeconds: nil),
    .refuse(status: 503, retryAfterSeconds: nil), .refuse(status: 409, retryAfterSeconds: nil),
    .refuse(status: 429, retryAfterSeconds: 1), .forbid,
  ]

  @Test(arguments: WorkloadKind.allCases, mishaps)
  func `an order that meets a mishap at any of its requests is in force once in the end`(
    kind: WorkloadKind, mishap: ClusterFault.Kind
  ) async throws {
    for number in 1...7 {
      let world = try await WorkloadWorld.running(kind)
      let named = try await world.connect().observe(remembering: []).instances.prefix(2).map(\.id)
      let order = try await order("1", .whole, world, removing: named)
      let generation = await world.live().generation
      await world.plan(ClusterFault(mishap, user: "admin", when: .only(number)))
      for attempt in 0..<6 {
        let failed = await stepFailure { try await world.connect().write(order) }
        guard let failed else { break }
        #expect(failed.disposition != .stop, "\(failed)")
        #expect(attempt < 5, "\(failed)")
      }
      await world.plan()
      let reading = try await world.connect().observe(remembering: [])
      #expect(reading.template.mark == order.mark, "request \(number)")
      // One write, however often it was tried; a reply that was lost makes no second one.
      #expect(await world.live().generation == generation + 1, "request \(number)")
      let left = await world.pods().filter { !$0.isDeleting }.map { PodIdentity($0).instance }
      #expect(Set(left).isDisjoint(with: named), "request \(number)")
    }
  }

  @Test(arguments: WorkloadKind.allCases)
  func `a foreign edit between reading and writing is never written over`(
    kind: WorkloadKind
  ) async throws {
    let world = try await WorkloadWorld.running(kind)
    let order = try await order("1", .whole, world)
    // The edit comes when the driver has read and compared, and is about to write.
    let meddling = MeddlingTransport(world) { world in
      await world.update(["spec": ["template": ["metadata": ["annotations": ["a": "b"]]]]])
    }
    let failed = await stepFailure { try await world.connect(wrap: meddling).write(order) }
    #expect(failed?.code == "WorkloadChanged")
    let reading = try await world.connect().observe(remembering: [])
    #expect(reading.template.mark == nil)
    #expect(reading.template.build == Digest(ofImage: WorkloadWorld.images[.first] ?? ""))
  }

  @Test(arguments: WorkloadKind.allCases)
  func `a state that a controller writes in between does not keep an order from its place`(
    kind: WorkloadKind
  ) async throws {
    let world = try await WorkloadWorld.running(kind)
    let order = try await order("1", .whole, world)
    let meddling = MeddlingTransport(world) { world in
      let live = await world.live()
      let conditions: JSONValue = [["type": "Noted", "status": "True"]]
      await world.send(
        "PUT", "\(world.collection)/web/status",
        live.body.setting(["status", "conditions"], to: conditions))
    }
    try await world.connect(wrap: meddling).write(order)
    let reading = try await world.connect().observe(remembering: [])
    #expect(reading.template.mark == order.mark)
  }

  @Test(arguments: WorkloadKind.allCases)
  func `a number that an autoscaler writes in between keeps an order from its place`(
    kind: WorkloadKind
  ) async throws {
    guard kind != .daemonSet else { return }
    let world = try await WorkloadWorld.running(kind)
    let order = try await order("1", .whole, world)
    let meddling = MeddlingTransport(world) { world in
      await world.update(["spec": ["replicas": 7]], by: "autoscaler")
    }
    let failed = await stepFailure { try await world.connect(wrap: meddling).write(order) }
    #expect(failed?.code == "WorkloadChanged")
    #expect(try await world.connect().observe(remembering: []).desired == 7)
  }

  @Test(arguments: WorkloadKind.allCases)
  func `a request that a deposed daemon sent long ago and that arrives late changes nothing`(
    kind: WorkloadKind
  ) async throws {
    let world = try await WorkloadWorld.running(kind)
    // From here on no field is anybody else's, so that only the version is in the way.
    let wave = WorkloadAim.wave(WaveBound(good: 0, surge: 1, unavailable: 1))
    try await world.connect().write(try await order("0", wave, world))
    try await world.pass(.minutes(5))
    let late = try await order("1", .whole, world, epoch: 1)
    let keeping = KeepingTransport(ClusterTransport(world.host))
    let lost = await stepFailure { try await world.connect(wrap: keeping).write(late) }
    #expect(lost?.code == "ReplyLost")
    #expect(lost?.disposition == .retry)
    let next = try await order("2", wave, world, epoch: 2)
    try await world.connect().write(next)
    try await world.pass(.minutes(5))
    let before = try await world.connect().observe(remembering: [])
    let answers = try await keeping.deliver()
    #expect(answers == [409])
    let after = try await world.connect().observe(remembering: [])
    #expect(after.template == before.template)
    #expect(after.token == before.token)
  }

  @Test(arguments: WorkloadKind.allCases)
  func `what a deposed daemon sent is refused from the next one's fence on`(
    kind: WorkloadKind
  ) async throws {
    for hasBar in [true, false] {
      let world = try await WorkloadWorld.running(kind)
      // From here on no field is anybody else's, so that only the version is in the way.
      let wave = WorkloadAim.wave(WaveBound(good: 0, surge: 1, unavailable: 1))
      try await world.connect().write(try await order("0", wave, world))
      try await world.pass(.minutes(5))
      let keeping = KeepingTransport(ClusterTransport(world.host))
      let late = try await order("1", .whole, world, epoch: 1)
      _ = await stepFailure { try await world.connect(wrap: keeping).write(late) }
      let before = try await world.connect().observe(remembering: [])
      if hasBar {
        try await world.connect().bar(under: Epoch(2))
        // Once more it is found there.
        let version = await world.live().resourceVersion
        try await world.connect().bar(under: Epoch(2))
        #expect(await world.live().resourceVersion == version)
      }
      #expect(try await keeping.deliver() == [hasBar ? 409 : 200])
      let after = try await world.connect().observe(remembering: [])
      #expect((after.template == before.template) == hasBar)
      #expect((after.token == before.token) == hasBar)
      guard hasBar else { continue }
      // It is in the way of nobody who leads, and no edit of the workload.
      #expect(after.isTakenIn && after.hold == before.hold)
      #expect(after.template.editor == nil)
      try await world.connect().write(try await order("2", .whole, world, epoch: 2))
    }
  }

  @Test func `a workload that is not there, or that others change, keeps no fence up`()
    async throws
  {
    let world = try await WorkloadWorld.running(.deployment)
    let busy = MeddlingTransport(world) { world in
      await world.update(["metadata": ["labels": ["a": "b"]]])
    }
    try await world.connect(wrap: busy).bar(under: Epoch(2))
    #expect(await world.live().labels[WorkloadLabel.epoch] == "2")
    await world.send("DELETE", "\(world.collection)/web")
    try await world.pass(.minutes(5))
    try await world.connect().bar(under: Epoch(3))
  }

  @Test(arguments: WorkloadKind.allCases)
  func `a read that is stale in a cache is not what is asked for`(kind: WorkloadKind) async throws {
    let world = try await WorkloadWorld.running(kind)
    await world.plan(ClusterFault(.stale(version: 1)))
    let reading = try await world.connect().observe(remembering: [])
    #expect(reading.instances.count == 3)
  }

  @Test(arguments: WorkloadKind.allCases)
  func `a webhook that refuses an order leaves everything as it is and is quoted`(
    kind: WorkloadKind
  ) async throws {
    let world = try await WorkloadWorld.running(kind)
    let order = try await order("1", .whole, world)
    await world.plan(
      ClusterFault(.reject("no changes on Fridays"), resource: world.kind.type.display))
    let failed = await stepFailure { try await world.connect().write(order) }
    #expect(failed?.disposition == .wait)
    #expect(failed?.message.contains("no changes on Fridays") == true)
    #expect(try await world.connect().observe(remembering: []).template.mark == nil)
  }

  @Test func `a node that nobody hears of leaves its instances in doubt`() async throws {
    let world = try await WorkloadWorld.running(.deployment)
    let first = try await world.connect().observe(remembering: [])
    let machine = try #require(first.instances.first?.place?.machine)
    await world.silence(machine)
    let reading = try await world.connect().observe(remembering: [])
    for instance in reading.instances {
      #expect(instance.life == (instance.place?.machine == machine ? .unknown : .alive))
    }
  }

  @Test func `the boot of a machine is told anew after it began again`() async throws {
    let world = try await WorkloadWorld.running(.daemonSet)
    await world.boot("node-2", "boot-2")
    let reading = try await world.connect().observe(remembering: [])
    #expect(reading.machines.map(\.boot) == ["boot-1", "boot-2", "boot-1"])
    #expect(reading.instances.allSatisfy { $0.place?.boot != nil })
  }
}

/// Lets somebody else act once, between the driver's last look and its first change.
final class MeddlingTransport: HTTPTransport {
  private let world: WorkloadWorld
  private let meddle: @Sendable (WorkloadWorld) async -> Void
  private let isDone = Mutex(false)

  init(_ world: WorkloadWorld, _ meddle: @escaping @Sendable (WorkloadWorld) async -> Void) {
    self.world = world
    self.meddle = meddle
  }

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    if request.method != "GET" {
      let isFirst = isDone.withLock { done in
        defer { done = true }
        return !done
      }
      if isFirst { await meddle(world) }
    }
    return try await ClusterTransport(world.host).send(request, limits: limits)
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    try await ClusterTransport(world.host).stream(request, limits: limits, into: sink)
  }
}

/// Keeps changes on their way until they are delivered; whoever sent them gets no answer.
final class KeepingTransport: HTTPTransport {
  private let carrier: ClusterTransport
  private let kept = Mutex<[(HTTPRequest, HTTPLimits)]>([])

  init(_ carrier: ClusterTransport) { self.carrier = carrier }

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    guard request.method != "GET" else { return try await carrier.send(request, limits: limits) }
    kept.withLock { $0.append((request, limits)) }
    throw HTTPError(.timedOut, "It is on its way.")
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    try await carrier.stream(request, limits: limits, into: sink)
  }

  /// Delivers what is on its way, and returns the statuses of the answers.
  func deliver() async throws -> [Int] {
    var statuses: [Int] = []
    for (request, limits) in kept.withLock({ $0 }) {
      statuses.append(try await carrier.send(request, limits: limits).status)
    }
    return statuses
  }
}

/// The failure of a step; nil when it succeeds.
func stepFailure(_ body: () async throws -> Void) async -> StepFailure? {
  do {
    try await body()
    return nil
  } catch {
    return error as? StepFailure
  }
}
