import Synchronization
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Jobs that a deposed daemon made, late or while the next one took over.
@Suite(.serialized)
struct DeposedJobTests {
  private static let old = Epoch(6)
  private static let new = Epoch(7)

  /// What a step says whose number is not the fence's.
  private static func refusal(_ pod: KubernetesObject, _ scope: StepScope) throws -> StepMessage {
    let order = try #require(StepWorld.order(of: pod))
    var message = StepWorld.answer(to: order, scope)
    message.failure = StepFailure(
      code: "FenceLost", disposition: .stop, message: "the fence is at \(new), not at \(old)")
    return message
  }

  /// Whether a pod is of a Job that was made under the old number.
  private static func isOld(_ pod: KubernetesObject) -> Bool {
    pod.annotations[StepLabel.epoch] == old.description
  }

  /// A Job as the deposed daemon makes it.
  private static func late(_ order: StepOrder, _ scope: StepScope) -> StepJob {
    StepJob(scope: scope, order: order, attempt: 1, epoch: old)
  }

  private static let backUp = StepOrder.backUp("b", run: "beacon-1", purpose: .beforeExpand)

  @Test func `a Job that waits to be turned away does not stop who waits for it`() async throws {
    try await StepWorld.with { pod, scope in
      Self.isOld(pod) ? .run : StepWorld.good(pod, scope)
    } _: { world in
      _ = try await world.cluster.client.create(world.scope.configMap, as: .configMaps)
      _ = try await world.cluster.client.create(
        Self.late(Self.backUp, world.scope).object, as: .jobs)
      world.runner.carry(Self.new)
      async let receipt = JobBackups(world.runner).backUp(
        "b", run: "beacon-1", purpose: .beforeExpand)
      #expect(await eventually { !world.kubelet.jobs.isEmpty })
      let pod = try #require(try await world.pods().first)
      await world.kubelet.end(pod, try Self.refusal(pod, world.scope), code: 1)
      #expect(try await receipt.isVerified)
      let made = try await world.jobs()
      #expect(
        made.map { $0.annotations[StepLabel.epoch] } == [Self.old, Self.new].map(\.description))
    }
  }

  @Test func `a Job that comes between looking and making is not taken for one's own`()
    async throws
  {
    let late = Mutex<[UInt8]?>(nil)
    let transport = StepTransport { carrier in
      OvertakingTransport(carrier) { late.withLock { $0 } }
    }
    try await StepWorld.with(through: transport) { pod, scope in
      guard Self.isOld(pod), let message = try? Self.refusal(pod, scope) else {
        return StepWorld.good(pod, scope)
      }
      return .end(code: 1, message: StepWorld.text(message))
    } _: { world in
      for order in [Self.backUp, .checkBackup("b")] {
        late.withLock { $0 = Self.late(order, world.scope).object.body.bytes }
        world.runner.carry(Self.new)
        let message = try await world.runner.perform(order)
        #expect(message.failure == nil)
        #expect(world.kubelet.jobs.count { $0.contains(order.kind.rawValue) } == 2)
      }
    }
  }

  @Test func `who is deposed is told so by a Job of his own`() async throws {
    try await StepWorld.with { pod, scope in
      guard let message = try? Self.refusal(pod, scope) else { return .ignore }
      return .end(code: 1, message: StepWorld.text(message))
    } _: { world in
      world.runner.carry(Self.old)
      let failure = await stepFailure { () throws(StepFailure) in
        try await JobBackups(world.runner).verify("b")
      }
      #expect(failure?.code == "FenceLost" && failure?.disposition == .stop)
      #expect(world.kubelet.jobs.count == 1)
    }
  }

  @Test func `a Job that was turned away is collected by who leads`() async throws {
    try await StepWorld.with { pod, scope in
      guard Self.isOld(pod), let message = try? Self.refusal(pod, scope) else {
        return StepWorld.good(pod, scope)
      }
      return .end(code: 1, message: StepWorld.text(message))
    } _: { world in
      let late = Self.late(.apply(Steps.order(epoch: Self.old.number)), world.scope)
      _ = try await world.cluster.client.create(late.object, as: .jobs)
      #expect(
        await eventually {
          world.watch.sightings.pods(of: late.label).contains { $0.isTurnedAway }
        })
      _ = try await JobDatabase(world.runner).inspect()
      #expect(await eventually { (try? await world.pods())?.isEmpty == true })
      #expect(try await world.jobs().isEmpty)
    }
  }

  @Test func `a Job that was turned away at rest is told of, and collected without a reading`()
    async throws
  {
    try await StepWorld.with { pod, scope in
      guard let message = try? Self.refusal(pod, scope) else { return .ignore }
      return .end(code: 1, message: StepWorld.text(message))
    } _: { world in
      let told = Mutex(0)
      world.watch.reportRefusals { told.withLock { $0 += 1 } }
      let late = Self.late(.apply(Steps.order(epoch: Self.old.number)), world.scope)
      _ = try await world.cluster.client.create(late.object, as: .jobs)
      #expect(await eventually { told.withLock { $0 } > 0 })
      await world.watch.collectRefused(by: world.cluster.client)
      #expect(await eventually { (try? await world.pods())?.isEmpty == true })
      #expect(try await world.jobs().isEmpty)
    }
  }

  @Test func `a fence that a late Job took is read once more, and the workload is barred after it`()
    async throws
  {
    let isLost = Mutex(true)
    try await StepWorld.with { pod, scope in
      guard let scope = try? Steps.scope(plan: nil, owner: scope.owner) else { return .ignore }
      guard isLost.withLock({ $0 }), let message = try? Self.refusal(pod, scope) else {
        return StepWorld.good(pod, scope)
      }
      return .end(code: 1, message: StepWorld.text(message))
    } _: { world in
      let barred = Mutex<[Epoch]>([])
      let scope = try Steps.scope(plan: nil, owner: world.scope.owner)
      let steps = ServiceSteps(
        "beacon", spec: scope.document.spec, settings: scope.settings,
        client: world.cluster.client, watch: world.watch, owner: scope.owner)
      let jobs = ServiceJobs(
        steps, claim: { _ in }, workload: {},
        bar: { epoch in barred.withLock { $0.append(epoch) } })
      let failure = await stepFailure { () throws(StepFailure) in
        try await jobs.takeFence(after: Self.old, run: "beacon-1")
      }
      #expect(failure?.code == "FenceLost" && failure?.disposition == .retry)
      #expect(barred.withLock { $0 }.isEmpty)
      isLost.withLock { $0 = false }
      #expect(try await jobs.takeFence(after: Self.new, run: "beacon-1") == Epoch(8))
      #expect(barred.withLock { $0 } == [Epoch(8)])
    }
  }
}

/// Lets the request of somebody else arrive just before the next Job is made.
private struct OvertakingTransport: HTTPTransport {
  private let carrier: any HTTPTransport
  private let late: @Sendable () -> [UInt8]?
  private let sent = Sent()

  private final class Sent: Sendable { let bodies = Mutex<[[UInt8]]>([]) }

  init(_ carrier: any HTTPTransport, _ late: @escaping @Sendable () -> [UInt8]?) {
    self.carrier = carrier
    self.late = late
  }

  func send(_ request: HTTPRequest, limits: HTTPLimits) async throws(HTTPError) -> HTTPResponse {
    if request.method == "POST", request.url.contains("/jobs"), let body = late(),
      sent.bodies.withLock({ $0.last != body })
    {
      sent.bodies.withLock { $0.append(body) }
      var overtaking = request
      overtaking.body = body
      _ = try await carrier.send(overtaking, limits: limits)
    }
    return try await carrier.send(request, limits: limits)
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    try await carrier.stream(request, limits: limits, into: sink)
  }
}
