import CurlTransport
import ProcessFleet
import ReleaseFeeds
import WindlassCore
import WindlassWire

/// Everything that the demo sets up: files, feeds, services, the daemon, the load.
///
/// It belongs to the one task that plays the demo.
final class DemoWorld {
  let directory: PrivateDirectory
  let services: [DemoService]
  /// The database server of the demo's own; nil where the engine needs none.
  private let database: PrivateServer?
  private let server: FileServer
  private let stage: DemoStage
  private var artifacts: [String: DemoArchive] = [:]
  /// Names of the archives that are served.
  private var published: Set<String> = []
  private var agent: LoggedProcess?
  private(set) var loads: [LoadGenerator] = []

  /// Where the daemon keeps its state.
  var state: StateDirectory { StateDirectory("\(directory.path)/state") }

  /// Makes the directory, the keys, the ports, the server of the feeds, and that of the databases.
  init(_ engine: DemoEngine) async throws {
    // Whatever is missing shows before anything is made.
    _ = try DemoStage.programBesideThis("beacon")
    directory = try PrivateDirectory.temporary("windlass-demo")
    server = try FileServer()
    stage = try DemoStage(
      directory: directory, archiveURL: server.url("/archives/"),
      published: SystemClock(floor: nil).now() + .minutes(-1))
    let ports = try FreePort.find(2)
    database = try await DemoWorld.databaseServer(engine)
    services = [
      DemoService(
        name: "beacon", key: .generate(), port: ports[0], replicas: 3,
        files: { EmbeddedMigrations.honest($0) }),
      DemoService(
        name: "beacon-reckless", key: .generate(), port: ports[1], replicas: 2,
        files: { EmbeddedMigrations.reckless($0) }),
    ]
  }

  private static func databaseServer(_ engine: DemoEngine) async throws -> PrivateServer? {
    let databases = ["beacon", "beacon_reckless"]
    return switch engine {
    case .sqlite: nil
    case .postgres: try await PrivateServer.start(.postgres, databases: databases)
    case .mysql: try await PrivateServer.start(.mysql, databases: databases)
    case .cockroachdb:
      throw CommandFailure(
        .usage, "EngineNotInDemo",
        "The demo starts a private server, and Debian has no package of CockroachDB. Choose"
          + " --database sqlite, postgres or mysql.")
    }
  }

  /// Packs every release that the stories offer.
  func packReleases() throws {
    for version in ["1.0.0", "1.1.0", "1.1.1"] {
      artifacts[version] = try stage.artifact(version)
    }
  }

  /// Publishes the edition's manifest, and the archives that were not published yet.
  func publish(_ edition: DemoEdition, of service: DemoService) throws {
    let manifest = try stage.manifest(
      edition, service: service.name, files: service.files, key: service.key,
      artifacts: artifacts)
    let archives = PrivateDirectory(existing: "\(directory.path)/archives")
    for name in archives.names() where published.insert(name).inserted {
      let bytes = try RegularFile.read(
        "\(archives.path)/\(name)", sizeMax: Int(Bounds.archiveSizeMax))
      server.publish("/archives/\(name)", bytes)
    }
    // A poll between the two lines sees a signature that does not fit, and tries again.
    server.publish(service.manifestPath + ".minisig", manifest.signature)
    server.publish(service.manifestPath, manifest.bytes)
  }

  /// Writes the configuration and starts the daemon.
  func startAgent() throws {
    var documents: [String] = []
    for service in services {
      let url =
        database?.url(of: service.databaseName) ?? "sqlite://\(directory.path)/\(service.name).db"
      try directory.write("\(service.name).url", "\(url)\n".utf8)
      documents.append(
        service.document(feed: server.url(service.manifestPath), directory: directory))
    }
    let configuration = try directory.write(
      "services.yaml", documents.joined(separator: "---\n").utf8)
    agent = try LoggedProcess(
      [LoggedProcess.thisProgram, "agent", "--config", configuration, "--state", state.path],
      log: "\(directory.path)/agent.log")
  }

  /// What the daemon says of its services; nil while it does not answer.
  ///
  /// - Throws: `CommandFailure` when the daemon has ended.
  func statuses() throws(CommandFailure) -> [ServiceStatus]? {
    guard let agent, agent.isRunning else {
      let lines = agent?.lastLines(3).joined(separator: " / ") ?? ""
      throw CommandFailure(
        .failed, "DaemonEnded",
        "The daemon has ended by itself, and the demo with it. Its last words: \(lines)")
    }
    let request = ControlRequest(command: .status, service: nil, arguments: [:])
    guard let reply = try? ControlClient(directory: state).send(request)
    else { return nil }
    let services = reply.body["services"]?.array ?? reply.body.array ?? [reply.body]
    return services.compactMap(ServiceStatus.init)
  }

  /// Starts the load: all of it on the first service, a little on the other.
  func startLoad(rate: Int) throws {
    for (service, shape) in zip(
      services,
      [
        LoadShape(rate: rate),
        LoadShape(rate: 40, keepAliveClients: 1, newConnectionClients: 1, slowUploadClients: 0),
      ])
    {
      let traffic = BeaconTraffic(authority: "127.0.0.1:\(service.port)")
      loads.append(try LoadGenerator(port: service.port, shape: shape, traffic: traffic))
    }
  }

  /// What the load has done so far.
  func tally() -> LoadTally {
    loads.reduce(into: LoadTally()) { $0.add($1.tally()) }
  }

  /// Ends the load, and returns what it did.
  func stopLoad() -> LoadTally {
    var sum = LoadTally()
    for load in loads { sum.add(load.stop()) }
    return sum
  }

  /// Ends everything that runs: the load, the daemon, the instances and their shims, the server.
  func tearDown() async {
    _ = stopLoad()
    agent?.terminate()
    await DemoWorld.wait(milliseconds: 10_000) { agent?.isRunning != true }
    agent?.kill()
    for service in services { await stopFleet(of: service) }
    await database?.stop()
    server.stop()
  }

  /// The daemon's instances outlive it, which is their point; here they end with the demo.
  private func stopFleet(of service: DemoService) async {
    let fleet = ProcessFleet(
      settings: ProcessFleetSettings(
        command: [], listeners: [], drain: .seconds(1), grace: .seconds(1),
        stateDirectory: state.service(ServiceName(service.name)) + "/shim"),
      artifacts: ArtifactDirectory(path: state.artifacts, transport: NoTransport()),
      transport: NoTransport(), prober: { _, _ in nil }, now: { Timestamp(milliseconds: 0) })
    // What can't be stopped here is reported by nobody: the demo's verdict is made already.
    for instance in (try? await fleet.details().instances) ?? [] where instance.life != .dead {
      try? await fleet.stop(instance.id)
    }
    await DemoWorld.wait(milliseconds: 5_000) {
      let reading = try? await fleet.details()
      return reading?.instances.allSatisfy { $0.life == .dead } ?? true
    }
    try? await fleet.leave()
  }

  private static func wait(
    milliseconds: Int64, until isDone: () async -> Bool
  ) async {
    let deadline = LoadClock.now() + milliseconds * 1_000_000
    while LoadClock.now() < deadline, await !isDone() {
      // A cancelled demo still waits for its processes, only without pauses.
      try? await Task.sleep(for: .milliseconds(50))
    }
  }
}

/// The transport of a fleet that is only stopped: nobody is asked anything.
private struct NoTransport: HTTPTransport {
  func send(_ request: HTTPRequest, limits: HTTPLimits) async throws(HTTPError) -> HTTPResponse {
    throw HTTPError(.cancelled, "nothing is asked here")
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    throw HTTPError(.cancelled, "nothing is asked here")
  }
}
