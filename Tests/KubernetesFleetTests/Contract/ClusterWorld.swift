import CurlTransport
import SimulatedCluster
import Synchronization
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// How a client reaches the simulated server.
enum Way: String, CaseIterable, Sendable {
  case inProcess, overSocket
}

/// A simulated cluster with a namespace `shop`, and a client of all rights.
struct ClusterWorld: Sendable {
  let host: ClusterHost
  let client: KubernetesClient
  /// Makes clients with another token or manager.
  let makeClient: @Sendable (_ token: String, _ manager: String) throws -> KubernetesClient

  /// Runs a test against a new cluster, and ends the cluster with it.
  static func with(
    _ way: Way, clock: any RunClock = HostClock(),
    wrap: @escaping @Sendable (any HTTPTransport) -> any HTTPTransport = { $0 },
    recorder: any ClusterRecorder = NoRecorder(),
    _ body: @Sendable (ClusterWorld) async throws -> Void
  ) async throws {
    var server = SimulatedAPIServer(at: clock.now())
    server.addAdministrator("admin", token: "admin-token")
    server.addUser("guest", token: "guest-token")
    server.createNamespace("shop")
    let host = ClusterHost(server, clock: clock)
    switch way {
    case .inProcess:
      let transport = wrap(ClusterTransport(host))
      try await body(ClusterWorld(host, clock, "http://simulated.invalid", transport, recorder))
    case .overSocket:
      let face = try await HTTPFace(host)
      let transport = wrap(try CurlTransport(security: HTTPSecurity(multiplexes: true)))
      let world = ClusterWorld(
        host, clock, "http://127.0.0.1:\(face.port)", transport, recorder)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await face.run() }
        defer { group.cancelAll() }
        try await body(world)
      }
    }
  }

  private init(
    _ host: ClusterHost, _ clock: any RunClock, _ url: String, _ transport: any HTTPTransport,
    _ recorder: any ClusterRecorder
  ) {
    self.host = host
    makeClient = { token, manager in
      KubernetesClient(
        try ClusterAccess(try .test(server: url, token: token)), fieldManager: manager,
        clock: clock, random: FixedRandom(value: 0.01), plugins: NoPlugins(),
        bucket: TokenBucket(perSecond: 10_000, burst: 10_000), recorder: recorder,
        transport: { _ throws(HTTPError) in transport })
    }
    // The configuration above has all that a client needs.
    client = try! makeClient("admin-token", "windlass")
  }

  /// Creates a ConfigMap.
  @discardableResult
  func create(
    _ name: String, _ value: String = "1", labels: JSONValue = .object([])
  ) async throws -> KubernetesObject {
    try await client.create(.configMap(name, value, labels: labels), as: .configMaps)
  }
}

extension KubernetesObject {
  /// A ConfigMap with one value.
  static func configMap(
    _ name: String, _ value: String = "1", labels: JSONValue = .object([])
  ) -> KubernetesObject {
    let object: JSONValue = [
      "apiVersion": "v1", "kind": "ConfigMap",
      "metadata": ["name": .string(name), "namespace": "shop"],
      "data": ["value": .string(value)],
    ]
    let isLabelled = labels != .object([])
    return KubernetesObject(
      object.setting(["metadata", "labels"], to: isLabelled ? labels : nil))
  }

  /// What tells it from other objects and from its own past.
  var moment: String { "\(key) \(uid) \(resourceVersion)" }

  /// The value of such a ConfigMap.
  var value: String? { body.value(at: "/data/value")?.string }
}

extension ObjectReference {
  static func configMap(_ name: String) -> ObjectReference {
    ObjectReference(.configMaps, name, in: "shop")
  }
}
