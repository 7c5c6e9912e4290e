import KubernetesFleet
import Logging
import SimulatedCluster
import Synchronization
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import bench
@testable import windlass

/// Many services that see a new release at once, in one process with their cluster.
struct WaveTests {
  private static let services = 6
  private static let concurrency = 2

  @Test func `all of a wave are upgraded, and no more are at work at a time than may be`()
    async throws
  {
    let world = try await WaveWorld(services: Self.services, concurrency: Self.concurrency)
    try await world.run {
      try await world.waitUntil { await world.deployedCount == Self.services }
      try await world.publish(releases: 2)
      try await world.waitUntil {
        RunLog(world.log.text).completedCount == Self.services
          && world.turns.workingCount == 0
      }
    }
    let log = RunLog(world.log.text)
    #expect(log.entries.count == Self.services)
    #expect(world.busiest == Self.concurrency)
  }
}

/// A simulated cluster with services, and what drives them.
private final class WaveWorld: Sendable {
  /// A log as the program writes it.
  final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var text: String { lines.withLock { $0.joined(separator: "\n") } }
    func add(_ line: String) { lines.withLock { $0.append(line) } }
  }

  /// A machine whose time goes five times as fast.
  private struct QuickClock: RunClock {
    let host = HostClock()
    let start = HostClock().now()

    func now() -> Timestamp { start + (host.now() - start) * 5 }

    func sleep(until time: Timestamp) async {
      await host.sleep(until: host.now() + .milliseconds((time - now()).milliseconds / 5))
    }
  }

  let log = Lines()
  let turns: RunTurns
  private let scene: ServiceScene
  private let clock = QuickClock()
  private let host: ClusterHost
  private let client: KubernetesClient
  private let files = Files()
  private let view: ClusterView
  /// Services with a pod of a step that has not ended, and the most there were at a time.
  private let atWork = Mutex<(now: [String: String], most: Int)>(([:], 0))

  /// The most services of which a step ran at a time.
  var busiest: Int { atWork.withLock(\.most) }

  init(services: Int, concurrency: Int) async throws {
    turns = RunTurns(workingMax: concurrency)
    scene = ServiceScene(services, server: "http://manifests.invalid", interval: "5s")
    var server = SimulatedAPIServer(at: clock.now())
    server.addAdministrator("admin", token: "admin-token")
    server.createNamespace(ServiceScene.namespace)
    host = ClusterHost(server, clock: clock)
    let transport = ClusterTransport(host)
    client = KubernetesClient(
      try ClusterAccess(
        Kubeconfig(server: "http://simulated.invalid", token: Secret("admin-token"))),
      clock: clock, plugins: NoPlugins(),
      bucket: TokenBucket(perSecond: 10_000, burst: 10_000),
      transport: { _ throws(HTTPError) in transport })
    view = ClusterView(client, namespaces: [ServiceScene.namespace])
  }

  /// Drives all services while the body runs.
  func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
    try await furnish()
    try await publish(releases: 1)
    let api = NodeAPI(
      ClusterTransport(host), server: "http://simulated.invalid", token: "admin-token")
    let node = StandInNode(api, clock: clock, work: FixedSteps(clock: clock))
    let pods = Informer(
      client, Selection(.pods, in: ServiceScene.namespace),
      handlers: [{ [self] in note($0) }])
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await node.run() }
      group.addTask { await pods.run() }
      group.addTask { [view] in await view.run() }
      group.addTask { [self] in await serviceHost.run() }
      defer { group.cancelAll() }
      try await body()
    }
  }

  private var serviceHost: ServiceHost {
    let log = log
    var logger = Logger(label: "windlass", factory: { _ in CopiedLog(lines: log) })
    logger.logLevel = .notice
    return ServiceHost(
      assembly: OperatorAssembly(
        settings: OperatorSettings(
          namespaces: [ServiceScene.namespace],
          image: "registry.example/windlass@sha256:" + String(repeating: "0", count: 64),
          serviceAccount: "windlass-step", imagePullSecrets: [],
          leaseNamespace: ServiceScene.namespace, leaseName: "windlass-operator",
          concurrency: 1, requestsPerSecond: 10_000, identity: "test"),
        client: client, transport: files,
        journal: { namespace, client in ClusterJournal(client, in: namespace) },
        claims: ServiceClaims(), events: EventRecorder(client, instance: "test"), turns: turns,
        workloads: view.workloads, recorder: OperatorRecorder(clock: clock),
        roster: ServiceRoster(), logger: logger),
      view: view, clock: clock)
  }

  private func furnish() async throws {
    for definition in ResourceDefinition.all {
      _ = try await client.create(KubernetesObject(definition.json), as: .definitions)
    }
    try await waitUntil { [client] in
      (try? await client.list(Selection(.managedServices))) != nil
    }
    for name in scene.names {
      let (deployment, wish) = scene.objects(of: name)
      _ = try await client.create(deployment, as: .deployments)
      _ = try await client.create(wish, as: .managedServices)
    }
  }

  func publish(releases: Int) async throws {
    for name in scene.names {
      await files.publish(
        try scene.published(name, releases: releases, until: clock.now() + .hours(24)))
    }
  }

  /// Services whose deployed release is on record.
  var deployedCount: Int {
    get async {
      let found = try? await client.list(Selection(.managedServices, in: ServiceScene.namespace))
      return found?.objects.count { object in
        object.body["status"]?.text.contains("deployed") ?? false
      } ?? 0
    }
  }

  /// Waits for what comes about sooner or later; a suite that stands still is ended by its limit.
  func waitUntil(_ isSo: @Sendable () async -> Bool) async throws {
    while await !isSo() { try await Task.sleep(for: .milliseconds(50)) }
  }

  private func note(_ change: CacheChange) {
    let pod = change.object
    guard let service = pod.labels["windlass.dev/service"] else { return }
    let phase = pod.body["status"]?["phase"]?.string ?? ""
    var hasEnded = ["Succeeded", "Failed"].contains(phase)
    if case .removed = change { hasEnded = true }
    atWork.withLock { atWork in
      atWork.now[pod.uid] = hasEnded ? nil : service
      atWork.most = max(atWork.most, Set(atWork.now.values).count)
    }
  }

  private struct NoPlugins: PluginRunner {
    func run(
      _ plugin: Kubeconfig.Plugin, information: String
    ) async throws(AccessError) -> [UInt8] {
      throw AccessError(.pluginFailed, "There are no plug-ins here.")
    }
  }
}

/// Serves what was published, from memory.
private actor Files: HTTPTransport {
  private var files: [String: [UInt8]] = [:]

  func publish(_ new: [String: [UInt8]]) { files.merge(new) { _, newer in newer } }

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    let path = request.url.dropFirst("http://manifests.invalid".count)
    guard let bytes = files[String(path)] else {
      return HTTPResponse(status: 404, headers: [], body: [])
    }
    return HTTPResponse(status: 200, headers: [], body: bytes)
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    throw HTTPError(.badURL, "Nothing is streamed here.")
  }
}

/// Keeps lines in the form in which the program writes them.
private struct CopiedLog: LogHandler {
  let lines: WaveWorld.Lines
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.notice

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
    let pairs = all.sorted { $0.key < $1.key }.map { " \($0.key)=\"\($0.value)\"" }
    let now = HostClock().now()
    // To the millisecond, as the program does: which came first is what is counted.
    let part = String(1_000 + now.milliseconds % 1_000).dropFirst()
    let time = "\(now.rfc3339.prefix(19)).\(part)Z"
    lines.add("\(time) \(event.level.rawValue) \(event.message)\(pairs.joined())")
  }
}
