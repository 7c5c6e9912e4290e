import DeployedCluster
import SimulatedCluster
import Synchronization
import Testing
import WindlassCore
import WindlassEngine
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet
@testable import windlass

/// A cluster with one service in it, and operators that a test starts, kills and freezes; all in
/// one process, on one thread, on virtual time.
///
/// ```swift
/// try await OperatorWorld.with(ServiceScene(.deployment)) { world in
///   let first = world.startOperator()
///   try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
///   try await world.publish(releases: 2)
///   first.freeze()
///   ...
///   try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
///   #expect(world.model.counts.migrations == [3: 1, 4: 1, 5: 1])
/// }
/// ```
///
/// What operators do is in `history`, what they did to the service in `model`, and what is to go
/// wrong on their way to the server is set as `history.interference`; the server's own faults are
/// `host.change { $0.faults = … }`, for the user that is the operator's identity.
final class OperatorWorld: Sendable {
  /// How long a test waits for something, by the world's time.
  static let patience = Interval.hours(4)
  /// How often it is looked whether what a test waits for is there.
  private static let look = Interval.milliseconds(500)

  let scene: ServiceScene
  let time: VirtualTime
  let host: ClusterHost
  /// The cluster as a person sees it who may do all.
  let client: KubernetesClient
  let model: ServiceModel
  let history = TrafficHistory()
  /// What was installed in the cluster; nil where operators are administrators.
  let installation: Installation?
  private let files = PublishedFiles()
  private let processes = Mutex<[OperatorProcess]>([])

  /// Lends a world to a test. The service runs at release 1.0.0, which is published, and nobody
  /// has looked after it yet.
  ///
  /// - Parameters:
  ///   - installation: What `deploy/` makes of the cluster; its operator has the rights that it
  ///     gives. Without it operators may do all.
  ///   - work: Does in the place of containers what the model does, and more; by default the model
  ///     alone. It gets the cluster as its nodes see it.
  static func with<Value: Sendable>(
    _ scene: ServiceScene = ServiceScene(), pace: StandInPace = .usual,
    installation: Installation? = nil,
    work: @escaping @Sendable (ServiceModel, KubernetesClient) -> any StandInWork = { model, _ in
      model
    },
    _ body: @escaping @Sendable (OperatorWorld) async throws -> Value
  ) async throws -> Value {
    let time = VirtualTime()
    defer { time.stop() }
    // Not the caller's executor: whatever runs beside the world's thread would go unseen.
    return try await Task(executorPreference: time) {
      let world = try OperatorWorld(scene, time, installation)
      return try await world.run(pace, work(world.model, world.client), body)
    }.value
  }

  private init(
    _ scene: ServiceScene, _ time: VirtualTime, _ installation: Installation?
  ) throws {
    self.scene = scene
    self.time = time
    self.installation = installation
    model = ServiceModel(clock: time)
    let host = ClusterHost(installation == nil ? Self.cluster : Self.bareCluster, clock: time)
    self.host = host
    client = KubernetesClient(
      try Self.access("person"), fieldManager: "person", clock: time, random: SeededRandom(1),
      plugins: NoPlugins(), bucket: TokenBucket(perSecond: 10_000, burst: 10_000),
      transport: { _ throws(HTTPError) in ClusterTransport(host) })
  }

  /// A cluster in which nothing is installed.
  private static let bareCluster: SimulatedAPIServer = {
    var server = SimulatedAPIServer(at: VirtualTime.beginning + .seconds(-10))
    server.addAdministrator("person", token: "person")
    server.createNamespace(ServiceScene.namespace)
    return server
  }()

  /// The cluster with which most worlds begin, as it is then. To take a definition in costs as much
  /// as many requests, so that it is done once for all worlds.
  private static let cluster: SimulatedAPIServer = {
    var server = bareCluster
    for definition in ResourceDefinition.all {
      let request = APIRequest(
        method: "POST", path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        headers: [
          HTTPHeader("Accept", "application/json"), HTTPHeader("User-Agent", "person"),
          HTTPHeader("Authorization", "Bearer person"),
          HTTPHeader("Content-Type", "application/json"),
        ], body: definition.json.bytes)
      // One that is refused is missed by whoever makes an object of it.
      _ = server.respond(to: request, at: server.now)
    }
    // They are served by then.
    server.advance(to: VirtualTime.beginning)
    return server
  }()

  private static func access(_ token: String) throws -> ClusterAccess {
    try ClusterAccess(Kubeconfig(server: "http://simulated.invalid", token: Secret(token)))
  }

  private func run<Value: Sendable>(
    _ pace: StandInPace, _ work: any StandInWork,
    _ body: @escaping @Sendable (OperatorWorld) async throws -> Value
  ) async throws -> Value {
    try await furnish()
    let node = StandInNode(
      NodeAPI(
        ClusterTransport(host), server: "http://simulated.invalid", token: "person",
        random: SeededRandom(2)), clock: time, work: work, pace: pace, nodes: scene.nodes)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await node.run() }
      let result: Result<Value, any Error>
      do {
        result = .success(try await body(self))
      } catch {
        result = .failure(error)
      }
      for process in processes.withLock({ $0 }) {
        process.kill()
        await process.end()
      }
      group.cancelAll()
      // What interferes knows the world, which would never go.
      history.interference = Interference()
      return try result.get()
    }
  }

  private func furnish() async throws {
    if let installation {
      try await installation.put(into: host)
      // A definition is not served at once.
      while (try? await client.list(Selection(.managedServices))) == nil {
        await time.sleep(until: time.now() + .milliseconds(100))
      }
    } else {
      // A Lease that somebody gave up: the first operator need not wait for one who says nothing.
      let lease: JSONValue = ["holderIdentity": "", "leaseDurationSeconds": 1]
      _ = try await client.create(
        KubernetesObject(
          ObjectReference(.leases, "windlass-operator", in: ServiceScene.namespace),
          [JSONMember("spec", lease)]), as: .leases)
    }
    _ = try await client.create(scene.workload, as: scene.kind.type)
    _ = try await client.create(scene.wish, as: .managedServices)
    try await publish(releases: 1)
  }

  // MARK: - What a test does

  /// Starts an operator, as a process with a name that none had before.
  ///
  /// - Parameters:
  ///   - shard: Which services it looks after.
  ///   - meets: Told at each of the engine's failpoints.
  @discardableResult func startOperator(
    shard: ServiceShard = ServiceShard(),
    _ meets: @escaping @Sendable (OperatorProcess, String, FailpointMoment) -> Void = { _, _, _ in }
  ) throws -> OperatorProcess {
    let number = processes.withLock { $0.count + 1 }
    let process = OperatorProcess("operator-\(number)")
    processes.withLock { $0.append(process) }
    let (host, history, files, time) = (host, history, files, time)
    let isInstalled = installation != nil
    let token = isInstalled ? Installation.token : process.identity
    let running = ClusterOperator(
      settings: OperatorSettings(
        namespaces: [ServiceScene.namespace], shard: shard,
        image: isInstalled
          ? Installation.image
          : "registry.example/windlass@sha256:" + String(repeating: "f", count: 64),
        serviceAccount: "windlass-step", imagePullSecrets: [],
        leaseNamespace: isInstalled ? "windlass" : ServiceScene.namespace,
        leaseName: "windlass-operator", concurrency: 1, requestsPerSecond: 10_000,
        identity: process.identity),
      access: try Self.access(token), plugins: NoPlugins(),
      clock: process.clock(time), random: SeededRandom(UInt64(number) + 100),
      logger: process.logger(time),
      journal: { namespace, client in
        ClusterJournal(client, in: namespace, writer: process.identity)
      },
      carriers: OperatorCarriers(
        cluster: { _ throws(HTTPError) in
          ProcessTransport(process: process, host: host, history: history)
        },
        manifests: { () throws(HTTPError) in PublisherTransport(process: process, files: files) }),
      failpoint: { name, moment in
        meets(process, name, moment)
        return .pass
      }, roster: process.roster)
    process.start(on: time) { ending in
      if isInstalled {
        do {
          try await running.check()
        } catch {
          return process.fail(CommandFailure(error))
        }
      } else {
        await host.change { $0.addAdministrator(token, token: token) }
      }
      await running.serve { await ending.wait(after: 0) }
    }
    return process
  }

  /// Publishes the manifest that lists so many releases.
  func publish(releases: Int) async throws {
    await files.publish(try scene.published(releases, until: time.now() + .hours(24 * 30)))
  }

  /// Publishes files by their paths.
  func publish(_ new: [String: [UInt8]]) async { await files.publish(new) }

  /// Lets the next operator lead at once, after one that was killed.
  func giveUpLease() async throws {
    let spec: JSONValue = ["holderIdentity": "", "leaseDurationSeconds": 1]
    _ = try await client.patch(
      ObjectReference(.leases, "windlass-operator", in: ServiceScene.namespace),
      .merge(["spec": spec]))
  }

  /// Changes the ManagedService as `kubectl patch --type merge` does.
  func change(_ patch: JSONValue) async throws {
    _ = try await client.patch(
      ObjectReference(.managedServices, ServiceScene.name, in: ServiceScene.namespace),
      .merge(patch))
  }

  /// Writes a decision on the ManagedService.
  func decide(_ id: String, _ order: DecisionOrder) async throws {
    let annotations = JSONValue.object([
      JSONMember(DecisionOrder.prefix + id, .string(order.text))
    ])
    try await change(["metadata": ["annotations": annotations]])
  }

  /// Lets time pass.
  func pass(_ interval: Interval) async { await time.sleep(until: time.now() + interval) }

  // MARK: - What a test sees

  /// All operators that were started.
  var operators: [OperatorProcess] { processes.withLock { $0 } }

  /// The ManagedService as it is.
  func service() async -> KubernetesObject? {
    await host.look {
      $0.stored("managedservices.windlass.dev", in: ServiceScene.namespace, ServiceScene.name)
    }.map(KubernetesObject.init)
  }

  /// Waits until the ManagedService is as wanted, and returns it.
  @discardableResult
  func reaches(
    _ what: String, within patience: Interval = OperatorWorld.patience,
    _ isReached: @Sendable (KubernetesObject) -> Bool
  ) async throws -> KubernetesObject {
    let end = time.now() + patience
    while true {
      let found = await service()
      if let found, isReached(found) { return found }
      try Task.checkCancellation()
      guard time.now() < end else { throw await vain(what) }
      await pass(Self.look)
    }
  }

  /// Waits until something that the ManagedService does not show is as wanted.
  func waits(
    _ what: String, within patience: Interval = OperatorWorld.patience,
    until isSo: @Sendable () async throws -> Bool
  ) async throws {
    let end = time.now() + patience
    while try await !isSo() {
      // Nobody who was cancelled sleeps, and time would not go on.
      try Task.checkCancellation()
      guard time.now() < end else { throw await vain(what) }
      await pass(Self.look)
    }
  }

  private func vain(_ what: String) async -> WaitedInVain {
    let status = await service()?.body["status"]
    return WaitedInVain(what: what, status: status?.setting("journal", to: nil).text ?? "none")
  }

  /// The workload as it is.
  func workload() async throws -> KubernetesObject {
    try #require(
      try await client.get(
        ObjectReference(scene.kind.type, ServiceScene.name, in: ServiceScene.namespace)))
  }

  /// The run that was opened last.
  func run() async throws -> KubernetesObject? {
    let runs = try await client.list(Selection(.upgradeRuns, in: ServiceScene.namespace)).objects
    let opened = { (run: KubernetesObject) in
      run.metadata["creationTimestamp"]?.string ?? ""
    }
    return runs.max { opened($0) < opened($1) }
  }

  /// Something that a test waited for did not come.
  struct WaitedInVain: Error, CustomStringConvertible {
    var what: String
    var status: String

    var description: String { "waited in vain for \(what); the service's status is \(status)" }
  }

  private struct NoPlugins: PluginRunner {
    func run(
      _ plugin: Kubeconfig.Plugin, information: String
    ) async throws(AccessError) -> [UInt8] {
      throw AccessError(.pluginFailed, "There are no plug-ins here.")
    }
  }
}

extension StandInPace {
  /// Pods and steps that take their time, so that things happen meanwhile.
  static let usual = StandInPace(
    start: .milliseconds(800), step: .milliseconds(700), drain: .milliseconds(1_500))
}

extension KubernetesObject {
  /// A condition of the object's status.
  func condition(_ type: String) -> JSONValue? {
    body.value(at: "/status/conditions")?.array?.first { $0["type"]?.string == type }
  }

  /// Whether a condition is true.
  func holds(_ type: String) -> Bool { condition(type)?["status"] == "True" }

  /// The phase of the run that is open, or why it stands; `Idle` when none is.
  var progress: String? { condition("Progressing")?["reason"]?.string }

  /// The release that the status calls deployed.
  var deployedVersion: String? { body.value(at: "/status/deployedVersion")?.string }

  /// Whether a release is deployed, all is well, and nothing is under way.
  func isAtRest(at version: String) -> Bool {
    deployedVersion == version && holds("Ready") && !holds("Progressing")
  }
}
