import FoundationEssentials
import Glibc
import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet
@testable import windlass

/// A cluster whose node runs pods as processes, and in it a service Beacon whose releases are
/// images: programs of this machine that stand for them.
struct SkewStage: Sendable {
  /// What Beacon works on.
  enum Engine: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sqlite, postgres
    var testDescription: String { rawValue }
  }

  let directory: TemporaryDirectory
  let engine: Engine
  let client: KubernetesClient
  let clock: HostClock
  /// The scratch server's databases, for whoever looks what is left of them; nil for files.
  let scratchAdmin: String?
  private let releases: [Release]
  private let owner: StepOwner

  /// Runs a test in a new cluster.
  ///
  /// - Parameter isClosed: whether a NetworkPolicy denies egress of rehearsed servers.
  static func with(
    _ engine: Engine, feed: String, isClosed: Bool = true,
    _ body: @escaping @Sendable (SkewStage) async throws -> Void
  ) async throws {
    let clock = HostClock()
    var server = SimulatedAPIServer(at: clock.now())
    server.addAdministrator("admin", token: "admin-token")
    server.createNamespace("shop")
    let transport = ClusterTransport(ClusterHost(server, clock: clock))
    let scratch =
      engine == .postgres ? try await PrivateServer.start(.postgres, databases: []) : nil
    do {
      let stage = try await SkewStage(
        engine, feed, ProcessCluster.client(transport, clock), scratch)
      // What every pod of a cluster is told of: a place that is reached unless something forbids
      // it.
      let door = try OpenDoor()
      let api = NodeAPI(transport, server: "http://127.0.0.1:\(door.port)", token: "admin-token")
      try await stage.furnish(scratch, isClosed: isClosed)
      let nodes = NodeSet([try stage.node()], api, clock: clock)
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await nodes.run() }
        defer { group.cancelAll() }
        try await body(stage)
      }
      withExtendedLifetime(door) {}
    } catch {
      await scratch?.stop()
      throw error
    }
    await scratch?.stop()
  }

  private init(
    _ engine: Engine, _ feed: String, _ client: KubernetesClient, _ scratch: PrivateServer?
  ) async throws {
    self.engine = engine
    self.client = client
    clock = HostClock()
    directory = try TemporaryDirectory()
    scratchAdmin = scratch?.adminURL(of: "postgres")
    releases = try StagedFeeds.shared().releases(
      of: feed, edition: "1.1.0", engine: engine.rawValue
    ).enumerated().map { index, release in
      var release = release
      release.artifact = nil
      release.image = "registry.example/beacon@sha256:" + String(repeating: "\(index)", count: 64)
      return release
    }
    let run = try await client.create(
      KubernetesObject(ObjectReference(.configMaps, "run", in: "shop")), as: .configMaps)
    owner = StepOwner(.configMaps, name: "run", uid: run.uid)
  }

  // MARK: - What is in the cluster

  private func node() throws -> NodeSettings {
    var node = NodeSettings(
      name: "node-a", folder: try directory.directory("node"),
      subnet: (UInt8.random(in: 32...95), UInt8.random(in: 0...255)))
    node.crashDelay = .milliseconds(400)
    let bin = try directory.directory("windlass/usr/local/bin")
    try script("exec \(Program.path("windlass")) \"$@\"", at: "\(bin)/windlass")
    node.images.add("windlass", directory.file("windlass"))
    for release in releases {
      let path = directory.file("beacon-\(release.version)")
      try script(
        "exec \(Program.path("beacon")) serve --release \(release.version) --listen \"$LISTEN\"",
        at: path)
      node.images.add(release.image ?? "", path)
    }
    return node
  }

  private func script(_ line: String, at path: String) throws {
    try Data("#!/bin/sh\n\(line)\n".utf8).write(to: URL(filePath: path))
    chmod(path, 0o755)
  }

  private func furnish(_ scratch: PrivateServer?, isClosed: Bool) async throws {
    let production =
      engine == .sqlite
      ? "sqlite:///srv/beacon/beacon.db" : try await TestServers.shared.freshDatabase(.postgres)
    var secrets = ["beacon-db": production]
    secrets["scratch"] = scratch?.adminURL(of: "windlass_scratch_beacon")
    for (name, url) in secrets.sorted(by: { $0.key < $1.key }) {
      try await create(
        [
          "apiVersion": "v1", "kind": "Secret",
          "metadata": ["name": .string(name), "namespace": "shop"],
          "stringData": ["url": .string(url)],
        ], as: ResourceType(plural: "secrets", kind: "Secret"))
    }
    try await create(
      [
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": ["name": "beacon", "namespace": "shop"],
        "spec": [
          "replicas": 0, "selector": ["matchLabels": ["app": "beacon"]], "template": Self.template,
        ],
      ], as: .deployments)
    guard isClosed else { return }
    try await create(
      [
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": ["name": "rehearsed", "namespace": "shop"],
        "spec": [
          "podSelector": ["matchLabels": ["windlass.dev/step": "visit"]],
          "policyTypes": ["Egress"], "egress": .array([]),
        ],
      ],
      as: ResourceType(
        group: "networking.k8s.io", plural: "networkpolicies", kind: "NetworkPolicy"))
  }

  private func create(_ document: JSONValue, as type: KubernetesFleet.ResourceType) async throws {
    _ = try await client.create(KubernetesObject(document), as: type)
  }

  private static let template: JSONValue = [
    "metadata": ["labels": ["app": "beacon"]],
    "spec": [
      "containers": [
        [
          "name": "server", "image": "registry.example/beacon@sha256:none",
          "env": [
            ["name": "POD", "valueFrom": ["fieldRef": ["fieldPath": "status.podIP"]]],
            ["name": "LISTEN", "value": "$(POD):8080"],
            [
              "name": "BEACON_DB",
              "valueFrom": ["secretKeyRef": ["name": "beacon-db", "key": "url"]],
            ],
          ],
          "ports": [["containerPort": 8_080]],
          "readinessProbe": ["httpGet": ["path": "/healthz", "port": 8_080]],
          "volumeMounts": [["name": "data", "mountPath": "/srv/beacon"]],
        ]
      ],
      "volumes": [["name": "data", "persistentVolumeClaim": ["claimName": "beacon-data"]]],
    ],
  ]

  // MARK: - Its runs

  private var installation: Plan {
    Plan(
      service: "beacon", run: "beacon-1", kind: .install, source: nil, target: releases[0],
      migrations: releases[0].migrations, schemaBefore: nil, rollout: RolloutPolicy(),
      manifest: Digest(String(repeating: "0", count: 64)))
  }

  var upgrade: Plan {
    Plan(
      service: "beacon", run: "beacon-2", kind: .upgrade, source: releases[0],
      target: releases[1], migrations: releases[1].migrations,
      schemaBefore: releases[0].migrations.last?.version, rollout: RolloutPolicy(),
      manifest: Digest(String(repeating: "0", count: 64)))
  }

  private var wish: JSONValue {
    var wish = StepStage.wish.setting(["fleet", "deployment", "port"], to: 8_080)
    if engine == .postgres {
      wish = wish.setting(
        ["proof"], to: ["scratchURLFrom": ["secretKeyRef": ["name": "scratch", "key": "url"]]])
    }
    return wish
  }

  /// The steps of a plan, as a daemon asks for them that knows nothing yet.
  func runner(_ plan: Plan) throws -> StepRunner {
    var settings = StepSettings(namespace: "shop", image: "windlass@sha256:0")
    if engine == .sqlite {
      settings.databaseVolume = StepVolume(claim: "beacon-data", mountPath: "/srv/beacon")
      settings.node = "node-a"
    }
    let scope = try StepScope(
      settings: settings, document: StepDocument(service: "beacon", spec: wish, plan: plan),
      owner: owner)
    return StepRunner(
      scope, client: client, watch: StepWatch(client, service: "beacon", namespace: "shop"))
  }

  /// Installs the first release's schema, and takes the backup that the upgrade is rehearsed on.
  func prepare() async throws -> StepRunner {
    let first = try runner(installation)
    let epoch = try await JobDatabase(first).takeFence(after: nil, run: installation.run)
    try await JobArtifacts(first).prepare(releases[0])
    var before: SchemaVersion?
    for migration in installation.migrations {
      let archive = try #require(releases[0].migrationArchive)
      try await JobDatabase(first).apply(
        MigrationOrder(
          run: installation.run, migration: migration, archive: archive, after: before,
          epoch: epoch))
      before = migration.version
    }
    let runner = try runner(upgrade)
    _ = try await JobDatabase(runner).takeFence(after: epoch, run: upgrade.run)
    _ = try await JobBackups(runner).backUp("b", run: upgrade.run, purpose: .beforeExpand)
    return runner
  }

  /// Names of files on the volume of backups, below the service's folder.
  func kept(_ folder: String) -> [String] {
    directory.names(in: "node/claims/shop/beacon-backups/beacon/\(folder)")
  }
}

/// A place of this machine that takes connections.
private final class OpenDoor: Sendable {
  let port: UInt16
  private let descriptor: Int32

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isOpen = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        bind(descriptor, place, size) == 0 && listen(descriptor, 1_024) == 0
          && getsockname(descriptor, place, &size) == 0
      }
    }
    try #require(isOpen)
    self.descriptor = descriptor
    port = UInt16(bigEndian: address.sin_port)
    #expect(Addresses.answers("127.0.0.1:\(port)", within: 1_000))
  }

  deinit { close(descriptor) }
}
