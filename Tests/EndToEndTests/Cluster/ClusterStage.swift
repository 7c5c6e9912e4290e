import Foundation
import Glibc
import ReleaseFeeds
import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet
@testable import windlass

/// A cluster whose node runs pods as processes, and in it Beacon 1.0.0 as three pods on PostgreSQL,
/// behind a Service; `windlass operator` upgrades it as a process of its own.
///
/// Pods are spared the waits that only a real cluster needs, for the proxy knows at once that a pod
/// goes; unless the test has it know later.
struct ClusterStage: Sendable {
  /// The operator's own image, of which steps are made.
  static let image = "registry.example/windlass@sha256:" + String(repeating: "f", count: 64)
  static let replicas = 3
  private static let token = "admin-token"

  /// Where the programs of a test are that needs fast ones: those of this build if none are named.
  private static let fastPrograms =
    ProcessInfo.processInfo.environment["WINDLASS_PROGRAMS"] ?? Program.directory

  let directory: TemporaryDirectory
  let kind: WorkloadKind
  /// How late the proxy knows that a pod goes; nil for at once.
  let lag: EndpointLag?
  /// The cluster as a person sees it who may do all.
  let client: KubernetesClient
  /// Where the Service listens, on 127.0.0.1.
  let port: UInt16
  private let key = SecretKey.generate()

  /// Lends the stage to a test; nothing of it is left afterwards.
  ///
  /// - Parameters:
  ///   - spec: What the service's document says besides, by paths with slashes.
  ///   - lag: How late the proxy knows that a pod goes, which pods then wait for, as in a real
  ///     cluster.
  static func with(
    _ kind: WorkloadKind = .deployment, spec: [(String, JSONValue)] = [],
    lag: EndpointLag? = nil,
    _ body: @escaping @Sendable (ClusterStage) async throws -> Void
  ) async throws {
    let clock = HostClock()
    var server = SimulatedAPIServer(at: clock.now())
    server.addAdministrator("admin", token: token)
    server.createNamespace("shop")
    let host = ClusterHost(server, clock: clock)
    let face = try await HTTPFace(host)
    let scratch = try await PrivateServer.start(.postgres, databases: [])
    do {
      let transport = ClusterTransport(host)
      let stage = try ClusterStage(
        kind, lag, ProcessCluster.client(transport, clock, manager: "kubectl"), face.port)
      let nodes = NodeSet(
        [try stage.node()],
        NodeAPI(transport, server: "http://127.0.0.1:\(face.port)", token: token), clock: clock,
        endpointLag: lag ?? EndpointLag(.zero))
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await face.run() }
        group.addTask { try await nodes.run() }
        defer { group.cancelAll() }
        try await stage.furnish(scratch: scratch.adminURL(of: "windlass_scratch_beacon"), spec)
        try await body(stage)
      }
    } catch {
      await scratch.stop()
      throw error
    }
    await scratch.stop()
  }

  private init(
    _ kind: WorkloadKind, _ lag: EndpointLag?, _ client: KubernetesClient, _ facePort: Int
  ) throws {
    self.kind = kind
    self.lag = lag
    self.client = client
    directory = try TemporaryDirectory()
    port = try FreePort.find(1)[0]
    try directory.write(
      """
      apiVersion: v1
      kind: Config
      current-context: simulated
      clusters:
      - name: simulated
        cluster: {server: "http://127.0.0.1:\(facePort)"}
      users:
      - name: admin
        user: {token: "\(Self.token)"}
      contexts:
      - name: simulated
        context: {cluster: simulated, user: admin, namespace: shop}

      """, to: "kubeconfig")
  }

  // MARK: - What is on the machine

  /// The path of a program of this package, as the test needs it.
  private func program(_ name: String) -> String {
    lag == nil ? Program.path(name) : "\(Self.fastPrograms)/\(name)"
  }

  private func node() throws -> NodeSettings {
    var node = NodeSettings(
      name: "node-a", folder: try directory.directory("node"),
      subnet: (UInt8.random(in: 96...159), UInt8.random(in: 0...255)))
    node.crashDelay = .milliseconds(400)
    _ = try directory.directory("windlass/usr/local/bin")
    try script(
      "exec \(program("windlass")) \"$@\"", at: "windlass/usr/local/bin/windlass")
    node.images.add("registry.example/windlass", directory.file("windlass"))
    for version in ["1.0.0", "1.1.0"] {
      let name = "beacon-\(version)"
      try script(
        "exec \(program("beacon")) serve --release \(version) --listen \"$LISTEN\"", at: name)
      node.images.add(Self.image(of: version), directory.file(name))
    }
    // What a pod does before it is told to stop: asked for ten seconds, it takes a tenth of one.
    try script("exec /bin/sleep 0.1", at: "sleep")
    return node
  }

  private func script(_ line: String, at name: String) throws {
    chmod(try directory.write("#!/bin/sh\n\(line)\n", to: name), 0o755)
  }

  static func image(of version: String) -> String {
    let digit = version == "1.0.0" ? "a" : "b"
    return "registry.example/beacon@sha256:" + String(repeating: digit, count: 64)
  }

  /// Publishes an edition of the honest feed, whose releases are images.
  func publish(_ edition: String) throws {
    let staged = try StagedFeeds.shared().manifest(of: "beacon", edition: edition)
    var builder = try ManifestBuilder(editing: staged)
    builder.releases = builder.releases.map { release in
      release.setting(
        ["artifact"], to: ["image": .string(Self.image(of: release["version"]?.string ?? ""))])
    }
    let signed = try builder.signed(by: key)
    let path = try directory.directory("feed") + "/beacon.json"
    // Whoever polls in between finds that they don't fit, and polls again.
    try Data(signed.signature).write(to: URL(filePath: "\(path).minisig"))
    try Data(signed.bytes).write(to: URL(filePath: path))
  }

  /// Starts an operator.
  ///
  /// - Parameters:
  ///   - failpoint: Where it is to be killed.
  ///   - status: The port of 127.0.0.1 on which it tells how it is.
  func operate(failpoint: String? = nil, status: UInt16? = nil) throws -> Program {
    var environment: [String: String] = [:]
    environment["WINDLASS_FAILPOINT"] = failpoint
    return try Program(
      program("windlass"),
      [
        "operator", "--kubeconfig", directory.file("kubeconfig"), "--namespace", "shop",
        "--image", Self.image,
      ] + (status.map { ["--listen", "127.0.0.1:\($0)"] } ?? []), environment: environment)
  }

  /// Starts a load on the Service and waits until it runs.
  ///
  /// - Parameter rate: Requests a second.
  func load(
    rate: Int = 40, keepAlive: Int = 4, newConnection: Int = 4, slowUpload: Int = 1
  ) async throws -> Program {
    let load = try Program(
      program("windlass"),
      [
        "load", "--json", "--port", "\(port)", "--rate", "\(rate)", "--keep-alive",
        "\(keepAlive)", "--new-connection", "\(newConnection)", "--slow-upload",
        "\(slowUpload)",
      ])
    try await eventually("the load") { load.output.contains("\n") }
    return load
  }

  // MARK: - What is in the cluster

  private func furnish(scratch: String, _ changes: [(String, JSONValue)]) async throws {
    for definition in ResourceDefinition.all {
      _ = try await client.create(KubernetesObject(definition.json), as: .definitions)
    }
    let database = try await TestServers.shared.freshDatabase(.postgres)
    try StagedFeeds.shared().migrateBeacon(to: 2, database)
    try publish("1.0.0")
    for (name, url) in [("beacon-db", database), ("scratch", scratch)] {
      try await create(
        "v1", "Secret", name, ["stringData": ["url": .string(url)]],
        as: ResourceType(plural: "secrets", kind: "Secret"))
    }
    try await create(
      "v1", "Service", "beacon",
      [
        "spec": [
          "clusterIP": "127.0.0.1", "selector": ["app": "beacon"],
          "ports": [["port": .integer(Int64(port)), "targetPort": 8_080]],
        ]
      ], as: ResourceType(plural: "services", kind: "Service"))
    try await create(
      "networking.k8s.io/v1", "NetworkPolicy", "rehearsed",
      [
        "spec": [
          "podSelector": ["matchLabels": ["windlass.dev/step": "visit"]],
          "policyTypes": ["Egress"], "egress": .array([]),
        ]
      ],
      as: ResourceType(
        group: "networking.k8s.io", plural: "networkpolicies", kind: "NetworkPolicy"))
    // A Lease that somebody gave up: the first operator need not wait for one who says nothing.
    try await create(
      "coordination.k8s.io/v1", "Lease", "windlass-operator",
      ["spec": ["holderIdentity": "", "leaseDurationSeconds": 1]], as: .leases)
    try await create("apps/v1", kind.type.kind, "beacon", workload, as: kind.type)
    // A definition is not served at once.
    try await waits("the definitions") {
      do {
        _ = try await client.list(Selection(.managedServices, in: "shop"))
        return true
      } catch {
        return false
      }
    }
    var wish = wish
    for (path, value) in changes {
      wish = wish.setting(path.split(separator: "/").map(String.init), to: value)
    }
    try await create(
      "windlass.dev/v1alpha1", "ManagedService", "beacon", ["spec": wish], as: .managedServices)
  }

  private func create(
    _ version: String, _ kind: String, _ name: String, _ rest: JSONValue,
    as type: KubernetesFleet.ResourceType
  ) async throws {
    let head: [JSONMember] = [
      JSONMember("apiVersion", .string(version)), JSONMember("kind", .string(kind)),
      JSONMember("metadata", ["name": .string(name), "namespace": "shop"]),
    ]
    _ = try await client.create(
      KubernetesObject(.object(head + (rest.object ?? []))), as: type)
  }

  private var workload: JSONValue {
    var spec: JSONValue = [
      "replicas": .integer(Int64(Self.replicas)),
      "selector": ["matchLabels": ["app": "beacon"]], "template": template,
    ]
    if kind == .statefulSet { spec = spec.setting("serviceName", to: "beacon") }
    return ["spec": spec]
  }

  private var template: JSONValue {
    let server: JSONValue = [
      "name": "server", "image": .string(Self.image(of: "1.0.0")),
      "env": [
        ["name": "POD", "valueFrom": ["fieldRef": ["fieldPath": "status.podIP"]]],
        ["name": "LISTEN", "value": "$(POD):8080"],
        ["name": "BEACON_DB", "valueFrom": ["secretKeyRef": ["name": "beacon-db", "key": "url"]]],
      ],
      "ports": [["containerPort": 8_080]],
      "readinessProbe": [
        "periodSeconds": 1, "timeoutSeconds": 5, "httpGet": ["path": "/healthz", "port": 8_080],
      ],
      "lifecycle": ["preStop": preStop],
    ]
    return [
      "metadata": ["labels": ["app": "beacon"]],
      "spec": ["terminationGracePeriodSeconds": 45, "containers": [server]],
    ]
  }

  /// What a pod does before it is told to stop.
  private var preStop: JSONValue {
    lag == nil
      ? ["exec": ["command": [.string(directory.file("sleep")), "10"]]]
      : ["sleep": ["seconds": 10]]
  }

  private var wish: JSONValue {
    [
      "source": [
        "manifest": [
          "url": .string("file://\(directory.file("feed"))/beacon.json"), "service": "beacon",
          "interval": "1s", "publicKeys": [.string(key.publicKey.text)],
        ]
      ],
      "database": [
        "urlFrom": ["secretKeyRef": ["name": "beacon-db", "key": "url"]], "engine": "postgres",
        "inject": ["env": "BEACON_DB"],
      ],
      "backup": ["volumeClaim": "beacon-backups"],
      "proof": ["scratchURLFrom": ["secretKeyRef": ["name": "scratch", "key": "url"]]],
      "fleet": .object([
        JSONMember(
          kind.rawValue,
          ["name": "beacon", "container": "server", "port": 8_080, "adopt": true])
      ]),
      "rollout": ["observe": "200ms", "stability": "500ms", "soak": "500ms"],
    ]
  }
}
