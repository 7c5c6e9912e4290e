import SimulatedCluster
import Synchronization
import WindlassContracts
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// A simulated cluster of three machines with one workload of three pods, on time that a test
/// moves.
final class WorkloadWorld: Sendable {
  let kind: WorkloadKind
  let clock: ManualClock
  let host: ClusterHost
  let runner = Mutex(PodRunner())
  let place: WorkloadPlace
  /// By which the driver signs in.
  let token: String

  static let images = [
    ContractRelease.first: "registry.example/web@sha256:" + String(repeating: "1", count: 64),
    .second: "registry.example/web@sha256:" + String(repeating: "2", count: 64),
    .broken: "registry.example/web@sha256:" + String(repeating: "3", count: 64),
  ]

  init(
    _ kind: WorkloadKind, settings: WorkloadSettings = WorkloadSettings(),
    token: String = "admin-token"
  ) {
    self.kind = kind
    self.token = token
    clock = ManualClock(jumps: true)
    place = WorkloadPlace(kind, "web", in: "shop", container: "web", settings: settings)
    var server = SimulatedAPIServer(at: clock.now())
    server.addAdministrator("admin", token: "admin-token")
    server.createNamespace("shop")
    host = ClusterHost(server, clock: clock)
    runner.withLock { $0.broken = [Self.images[.broken] ?? ""] }
  }

  /// A cluster in which the workload runs, with its fields on record as adopted.
  static func running(
    _ kind: WorkloadKind, template: JSONValue = .object([]), adopted: Bool = true,
    token: String = "admin-token"
  ) async throws -> WorkloadWorld {
    let world = WorkloadWorld(kind, token: token)
    for number in 1...3 { await world.addNode("node-\(number)") }
    await world.send("POST", world.collection, world.document(template))
    try await world.pass(.minutes(1))
    if adopted { _ = try await world.connect().adopt() }
    // Its controller takes the record in.
    try await world.pass(.seconds(5))
    return world
  }

  var collection: String { "/apis/apps/v1/namespaces/shop/\(kind.type.plural)" }

  private func document(_ template: JSONValue) -> JSONValue {
    var spec: JSONValue = [
      "selector": ["matchLabels": ["app": "web"]],
      "template": [
        "metadata": ["labels": ["app": "web"]],
        "spec": [
          "containers": [["name": "web", "image": .string(Self.images[.first] ?? "")]]
        ],
      ],
    ]
    for member in template.object ?? [] {
      spec = spec.setting(["template", "spec", member.name], to: member.value)
    }
    if kind != .daemonSet { spec = spec.setting("replicas", to: 3) }
    if kind == .statefulSet { spec = spec.setting("serviceName", to: "web") }
    return ["metadata": ["name": "web"], "spec": spec]
  }

  // MARK: - Clients

  func client(_ manager: String = "windlass", wrap: (any HTTPTransport)? = nil) throws
    -> KubernetesClient
  {
    let transport = wrap ?? ClusterTransport(host)
    return KubernetesClient(
      try ClusterAccess(try .test(server: "http://simulated.invalid", token: token)),
      fieldManager: manager, clock: clock, random: FixedRandom(value: 0.01), plugins: NoPlugins(),
      bucket: TokenBucket(perSecond: 10_000, burst: 10_000),
      transport: { _ throws(HTTPError) in transport })
  }

  func connect(
    adopts: Bool = true, ends: (any SeenEnds)? = nil, wrap: (any HTTPTransport)? = nil
  ) throws -> ClusterWorkload {
    ClusterWorkload(
      place, of: try client(wrap: wrap), adopts: adopts, prober: EchoProber(), ends: ends)
  }

  // MARK: - The world

  /// Sends a request as an administrator.
  @discardableResult
  func send(_ method: String, _ path: String, _ body: JSONValue? = nil) async -> JSONValue {
    let now = clock.now()
    return await host.change { server in
      PodRunner.send(method, path, body, to: &server, at: now)
    }
  }

  /// Changes the workload as another manager does with an update.
  @discardableResult
  func update(_ change: JSONValue, by manager: String = "somebody") async -> JSONValue {
    await send("PATCH", "\(collection)/web?fieldManager=\(manager)", change)
  }

  func live() async -> KubernetesObject {
    KubernetesObject(await send("GET", "\(collection)/web"))
  }

  func pods() async -> [KubernetesObject] {
    let list = await send("GET", "\(PodRunner.namespace)/pods")
    return (list["items"]?.array ?? []).map { KubernetesObject($0) }
  }

  /// A node whose machine was begun once.
  func addNode(_ name: String) async {
    await send("POST", "/api/v1/nodes", ["metadata": ["name": .string(name)]])
    await boot(name, "boot-1")
  }

  /// The machine of a node begins anew.
  func boot(_ name: String, _ boot: String) async {
    let node = await send("GET", "/api/v1/nodes/\(name)")
    let status: JSONValue = [
      "nodeInfo": ["bootID": .string(boot)],
      "conditions": [["type": "Ready", "status": "True"]],
    ]
    await send("PUT", "/api/v1/nodes/\(name)/status", node.setting("status", to: status))
  }

  /// Nobody hears of a node any more.
  func silence(_ name: String) async {
    runner.withLock { _ = $0.silent.insert(name) }
    let node = await send("GET", "/api/v1/nodes/\(name)")
    await send(
      "PUT", "/api/v1/nodes/\(name)/status",
      node.setting(
        ["status", "conditions"], to: [["type": "Ready", "status": "Unknown"]]))
  }

  /// Lets time pass, in small steps at first and in longer and longer ones later.
  func pass(_ interval: Interval) async throws {
    let end = clock.now() + interval
    var step = Interval.milliseconds(50)
    while clock.now() < end {
      clock.advance(by: min(step, end - clock.now()))
      step = .milliseconds(step.milliseconds + step.milliseconds / 16)
      let now = clock.now()
      await host.change { [self] server in runner.withLock { $0.act(&server, now) } }
    }
  }

  func plan(_ faults: ClusterFault...) async {
    await host.change { $0.faults = FaultPlan(faults) }
  }
}

/// Answers for every pod that it is told of, with the pod's address as its version.
struct EchoProber: WaveProber {
  func probe(
    _ pods: [ProbedPod], with probes: [Probe]
  ) async throws(StepFailure) -> [ProbeAnswer] {
    pods.map { ProbeAnswer(id: $0.id, reportedVersion: $0.address) }
      + [ProbeAnswer(id: "made:up", reportedVersion: "0.0.0")]
  }
}
