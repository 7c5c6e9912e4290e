import CurlTransport
import Glibc
import KubernetesFleet
import Synchronization
import WindlassCore
import WindlassWire

/// One measurement: a simulated API server with many services, and the programs that are measured,
/// one after the other.
final class OperatorTrial: Sendable {
  /// Who is who at the server.
  private enum User: String { case admin, windlass, other }

  private let options: OperatorBench
  private let manifests: ManifestServer
  private let scene: ServiceScene
  private let transport: CurlTransport
  private let simulator: ChildProcess
  private let server: String
  private let client: KubernetesClient
  private let running = Mutex<[ChildProcess]>([])

  /// Starts the server and puts all objects into it.
  init(_ options: OperatorBench, _ manifests: ManifestServer) async throws {
    self.options = options
    self.manifests = manifests
    scene = ServiceScene(options.services, server: manifests.url)
    transport = try CurlTransport()
    simulator = try ChildProcess(
      [
        options.simulator, "--stand-in", "--history", "20000", "--token", "admin-token",
        "--administrator", "windlass=windlass-token", "--administrator", "other=other-token",
      ], log: options.folder + "/simulator.log")
    running.withLock { [simulator] in $0.append(simulator) }
    var address: Substring?
    for _ in 0..<600 where address == nil {
      try await Task.sleep(for: .milliseconds(100))
      address = simulator.output.split(separator: "\n").first { $0.hasPrefix("serving ") }
    }
    guard let address else {
      throw BenchFailure(description: "The simulator did not start:\n\(simulator.output)")
    }
    server = String(address.dropFirst("serving ".count))
    let transport = transport
    client = KubernetesClient(
      try ClusterAccess(Kubeconfig(server: server, token: Secret("admin-token"))),
      fieldManager: "bench", clock: BenchClock(), plugins: NoPlugins(),
      bucket: TokenBucket(perSecond: 10_000, burst: 10_000),
      transport: { _ throws(HTTPError) in transport })
  }

  /// Ends everything that was started.
  func end() {
    for process in running.withLock({ $0 }).reversed() where process.runs { process.end() }
  }

  /// Measures all there is to measure.
  func run() async throws -> OperatorReport {
    try await furnish()
    try publish(releases: 1)
    let began = ContinuousClock.now
    let process = try start(.windlass, operatorWords)
    try await waitUntilAtRest(process)
    let startSeconds = Self.seconds(since: began)
    let startRequests = try await requests(of: .windlass)
    let rest = try await measureRest(of: process, .windlass)
    let wave = options.wave ? try await measureWave(process) : nil
    process.end()
    var other: OperatorReport.Rest?
    if let line = options.other { other = try await measureOther(line) }
    return OperatorReport(
      services: options.services, concurrency: options.concurrency, startSeconds: startSeconds,
      startRequests: startRequests, windlass: rest, wave: wave, other: other)
  }

  // MARK: - The cluster

  private func furnish() async throws {
    _ = try await client.create(
      KubernetesObject(ObjectReference(.namespaces, ServiceScene.namespace)), as: .namespaces)
    for definition in ResourceDefinition.all {
      _ = try await client.create(KubernetesObject(definition.json), as: .definitions)
    }
    // A definition is not served at once.
    for _ in 0..<100 {
      if (try? await client.list(Selection(.managedServices))) != nil { break }
      try await Task.sleep(for: .milliseconds(100))
    }
    for name in scene.names {
      let (deployment, wish) = scene.objects(of: name)
      _ = try await client.create(deployment, as: .deployments)
      _ = try await client.create(wish, as: .managedServices)
    }
  }

  private func publish(releases: Int) throws {
    let expires = BenchClock().now() + .hours(24 * 30)
    for name in scene.names {
      manifests.publish(
        try scene.published(name, releases: releases, until: expires), version: releases)
    }
  }

  // MARK: - Programs

  private var operatorWords: [String] {
    [
      options.windlass, "operator", "--namespace", ServiceScene.namespace, "--image",
      "registry.example/windlass@sha256:" + String(repeating: "0", count: 64), "--concurrency",
      String(options.concurrency), "--requests-per-second", "1000", "--log-level", "notice",
    ]
  }

  private func start(_ user: User, _ words: [String]) throws -> ChildProcess {
    let path = "\(options.folder)/\(user.rawValue).kubeconfig"
    try write(kubeconfig(user), to: path)
    let process = try ChildProcess(
      ["/usr/bin/env", "KUBECONFIG=\(path)"] + words,
      log: "\(options.folder)/\(user.rawValue).log")
    running.withLock { $0.append(process) }
    return process
  }

  private func kubeconfig(_ user: User) -> String {
    """
    apiVersion: v1
    kind: Config
    current-context: bench
    clusters:
    - name: bench
      cluster: {server: "\(server)"}
    users:
    - name: bench
      user: {token: "\(user.rawValue)-token"}
    contexts:
    - name: bench
      context: {cluster: bench, user: bench, namespace: \(ServiceScene.namespace)}

    """
  }

  private func write(_ text: String, to path: String) throws {
    guard let file = fopen(path, "w") else {
      throw BenchFailure(description: "\(path) can't be written.")
    }
    defer { fclose(file) }
    guard fputs(text, file) >= 0 else {
      throw BenchFailure(description: "\(path) can't be written.")
    }
  }

  // MARK: - Measuring

  private func requests(of user: User) async throws -> RequestCounts {
    try await RequestCounts(of: user.rawValue, at: server, by: transport)
  }

  /// Waits until every service's deployed release is on record, and nothing was written for ten
  /// seconds besides the Lease.
  private func waitUntilAtRest(_ process: ChildProcess) async throws {
    let began = ContinuousClock.now
    var last = try await requests(of: .windlass)
    var adopted = 0
    while Self.seconds(since: began) < Double(options.patience) {
      try await Task.sleep(for: .seconds(10))
      try check(process)
      let now = try await requests(of: .windlass)
      let isQuiet = now.since(last).writesBesidesLease == 0
      last = now
      guard isQuiet else { continue }
      let objects = try await client.list(
        Selection(.managedServices, in: ServiceScene.namespace)
      ).objects
      adopted = objects.count { $0.body["status"]?.text.contains("deployed") ?? false }
      if adopted == options.services { return }
    }
    throw BenchFailure(
      description: "\(adopted) of \(options.services) services came to rest; see the logs in"
        + " \(options.folder)")
  }

  private func check(_ process: ChildProcess) throws {
    guard process.runs else {
      throw BenchFailure(description: "A program ended early:\n\(process.output.suffix(4_000))")
    }
  }

  private func measureRest(
    of process: ChildProcess, _ user: User
  ) async throws -> OperatorReport.Rest {
    let before = try ProcessUse(of: process.pid)
    let requestsBefore = try await requests(of: user)
    let pollsBefore = manifests.requestCount
    try await Task.sleep(for: .seconds(options.seconds))
    try check(process)
    let after = try ProcessUse(of: process.pid)
    return OperatorReport.Rest(
      seconds: options.seconds, use: after,
      milliseconds: after.milliseconds - before.milliseconds,
      requests: try await requests(of: user).since(requestsBefore),
      polls: manifests.requestCount - pollsBefore)
  }

  private func measureWave(_ process: ChildProcess) async throws -> OperatorReport.Wave {
    let before = try ProcessUse(of: process.pid)
    let requestsBefore = try await requests(of: .windlass)
    let start = BenchClock().now()
    try publish(releases: 2)
    let began = ContinuousClock.now
    var log = RunLog(process.output)
    while log.completedCount < options.services {
      guard Self.seconds(since: began) < Double(options.patience) else {
        throw BenchFailure(
          description: "\(log.completedCount) of \(options.services) upgrades ended well; see the"
            + " logs in \(options.folder)")
      }
      try await Task.sleep(for: .seconds(2))
      try check(process)
      log = RunLog(process.output)
    }
    let after = try ProcessUse(of: process.pid)
    let waits = log.waits(since: start)
    return OperatorReport.Wave(
      seconds: waits.last ?? 0, completed: log.completedCount, openMax: log.openMax, waits: waits,
      milliseconds: after.milliseconds - before.milliseconds,
      requests: try await requests(of: .windlass).since(requestsBefore), use: after)
  }

  /// Starts the other operator, waits until it writes nothing more, and measures it.
  private func measureOther(_ line: String) async throws -> OperatorReport.Rest {
    let process = try start(.other, line.split(separator: " ").map(String.init))
    let began = ContinuousClock.now
    var last = try await requests(of: .other)
    var quiet = 0
    while quiet < 3 {
      guard Self.seconds(since: began) < Double(options.patience) else {
        throw BenchFailure(description: "The other operator does not come to rest.")
      }
      try await Task.sleep(for: .seconds(10))
      try check(process)
      let now = try await requests(of: .other)
      // Before it has written anything it has not begun.
      quiet = now.writes >= options.services && now.since(last).writes == 0 ? quiet + 1 : 0
      last = now
    }
    defer { process.end() }
    return try await measureRest(of: process, .other)
  }

  private static func seconds(since start: ContinuousClock.Instant) -> Double {
    let (seconds, attoseconds) = start.duration(to: .now).components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}

/// A cluster of one's own needs none.
private struct NoPlugins: PluginRunner {
  func run(
    _ plugin: Kubeconfig.Plugin, information: String
  ) async throws(AccessError) -> [UInt8] {
    throw AccessError(.pluginFailed, "There are no plug-ins here.")
  }
}
