import SimulatedCluster
import Synchronization
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// A simulated cluster with the definitions and some services, on time that passes when somebody
/// sleeps.
final class RunWorld: Sendable {
  let clock: ManualClock
  let host: ClusterHost

  init(_ services: [String] = ["beacon"]) async throws {
    clock = ManualClock(jumps: true)
    var server = SimulatedAPIServer(at: clock.now())
    server.addAdministrator("admin", token: "admin-token")
    server.createNamespace("shop")
    host = ClusterHost(server, clock: clock)
    let client = try client()
    for definition in ResourceDefinition.all {
      _ = try await client.create(KubernetesObject(definition.json), as: .definitions)
    }
    // The server serves what is defined a moment later.
    clock.advance(by: .seconds(10))
    for service in services {
      _ = try await client.create(Documents.service(service), as: .managedServices)
    }
  }

  func client(
    _ manager: String = "windlass", wrap: (any HTTPTransport)? = nil
  ) throws -> KubernetesClient {
    let transport = wrap ?? ClusterTransport(host)
    return KubernetesClient(
      try ClusterAccess(try .test(server: "http://simulated.invalid", token: "admin-token")),
      fieldManager: manager, clock: clock, random: FixedRandom(value: 0.01), plugins: NoPlugins(),
      bucket: TokenBucket(perSecond: 10_000, burst: 10_000),
      transport: { _ throws(HTTPError) in transport })
  }

  /// The journal as a daemon opens it that starts.
  func journal(wrap: (any HTTPTransport)? = nil) throws -> ClusterJournal {
    ClusterJournal(try client(wrap: wrap), in: "shop")
  }

  func plan(_ faults: ClusterFault...) async {
    await host.change { $0.faults = FaultPlan(faults) }
  }

  func strikes() async -> Int { await host.change { $0.faults.strikes.count } }

  func service(_ name: String = "beacon") async throws -> KubernetesObject? {
    try await client().get(ObjectReference(.managedServices, name, in: "shop"))
  }

  func runs() async throws -> [KubernetesObject] {
    try await client().list(Selection(.upgradeRuns, in: "shop")).objects
  }

  /// Changes an object as a person does.
  @discardableResult
  func change(
    _ type: KubernetesFleet.ResourceType, _ name: String, _ value: JSONValue,
    subresource: String? = nil
  ) async throws -> KubernetesObject {
    try await client("kubectl").patch(
      ObjectReference(type, name, in: "shop"), .merge(value), subresource: subresource)
  }
}

/// A daemon's connection, which dies at a write: before it or after it.
final class MortalTransport: HTTPTransport {
  private struct State {
    var writesLeft: Int
    var isDead = false
  }
  private let carrier: any HTTPTransport
  private let losesReply: Bool
  private let state: Mutex<State>

  /// Lets so many writes through; of the last one the reply is lost, or the next one never arrives.
  init(_ carrier: any HTTPTransport, writes: Int, losesReply: Bool) {
    self.carrier = carrier
    self.losesReply = losesReply
    state = Mutex(State(writesLeft: writes))
  }

  var isDead: Bool { state.withLock(\.isDead) }

  func send(_ request: HTTPRequest, limits: HTTPLimits) async throws(HTTPError) -> HTTPResponse {
    let isWrite = request.method != "GET"
    let fate = state.withLock { state -> (passes: Bool, answers: Bool) in
      guard !state.isDead else { return (false, false) }
      guard isWrite else { return (true, true) }
      if state.writesLeft == 0 {
        state.isDead = true
        return (false, false)
      }
      state.writesLeft -= 1
      state.isDead = losesReply && state.writesLeft == 0
      return (true, !state.isDead)
    }
    guard fate.passes else { throw HTTPError(.unreachable, "the daemon is dead") }
    let answer = try await carrier.send(request, limits: limits)
    guard fate.answers else { throw HTTPError(.truncated, "the daemon is dead") }
    return answer
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    try await carrier.stream(request, limits: limits, into: sink)
  }
}
