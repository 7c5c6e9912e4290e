import Glibc
import Testing
import WindlassCore
import WindlassWire

@testable import ProcessFleet

/// One fleet of fixture servers with everything around it, in a directory of its own.
///
/// Call `end()` when the test is over; it stops what runs.
struct FleetWorld {
  let directory: String
  let artifacts: ArtifactDirectory
  let fleet: ProcessFleet
  private let settings: ProcessFleetSettings

  /// Makes a fleet whose instances run the fixture server with these arguments.
  init(
    _ arguments: [String] = [], address: String = "127.0.0.1:0",
    drain: Interval = .seconds(60), database: InjectedDatabase? = nil,
    environment: [String: String] = [:]
  ) throws {
    directory = TemporaryDirectory.make()
    artifacts = ArtifactDirectory(path: directory + "/artifacts", transport: PlainTransport())
    let listener = ListenerSpecification(
      name: "http", address: try #require(SocketAddress(address)))
    settings = ProcessFleetSettings(
      command: ["{artifact}/bin/testserver"] + arguments, environment: environment,
      database: database, listeners: [listener], drain: drain, grace: .zero,
      stateDirectory: directory + "/state")
    fleet = FleetWorld.fleet(
      settings, artifacts, ShimInvocation(executable: Programs.windlass))
  }

  private static func fleet(
    _ settings: ProcessFleetSettings, _ artifacts: ArtifactDirectory, _ shim: ShimInvocation
  ) -> ProcessFleet {
    ProcessFleet(
      settings: settings, artifacts: artifacts, transport: PlainTransport(),
      prober: prober, now: { Timestamp(milliseconds: 0) },
      shim: shim)
  }

  /// Asks each probe's path, and looks at the status alone.
  static let prober: ProcessFleet.Prober = { probes, baseURL in
    for probe in probes {
      let limits = HTTPLimits(bodySizeMax: 65_536, deadline: .seconds(30))
      do throws(HTTPError) {
        let reply = try await PlainTransport().send(
          HTTPRequest(url: baseURL + probe.path), limits: limits)
        if reply.status != probe.expectedStatus { return "\(probe.name) got \(reply.status)" }
      } catch {
        return "\(probe.name) got no reply"
      }
    }
    return nil
  }

  /// A second daemon's view of the same fleet, perhaps with another command for what it starts, or
  /// another way to start a shim.
  func anotherDaemon(
    _ arguments: [String]? = nil, program: String = "{artifact}/bin/testserver",
    drain: Interval? = nil,
    shim: ShimInvocation = ShimInvocation(executable: Programs.windlass)
  ) -> ProcessFleet {
    var settings = settings
    if let drain { settings.drain = drain }
    if let arguments { settings.command = [program] + arguments }
    return FleetWorld.fleet(settings, artifacts, shim)
  }

  /// A release whose archive holds the fixture server, prepared.
  func release(_ version: String = "1.0.0") async throws -> Release {
    let release = try FleetWorld.release(version, in: directory)
    try await artifacts.prepare(release)
    return release
  }

  /// A release whose archive holds the fixture server.
  static func release(_ version: String, in directory: String) throws -> Release {
    let tree = "\(directory)/tree-\(version)"
    let archive = "\(directory)/\(version).tar.gz"
    Programs.run("/usr/bin/mkdir", ["-p", tree + "/bin"])
    Programs.run("/usr/bin/cp", [try TestServer.executable.get(), tree + "/bin/testserver"])
    // Named by the version, or else all versions would be one archive.
    try Records.write("no program\n", to: "\(tree)/\(version)")

    let script = "#!/bin/sh\nexec ./bin/testserver \"$@\"\n"
    try Records.write(script, to: tree + "/bin/run.sh")
    Programs.run("/usr/bin/chmod", ["+x", "\(tree)/\(version)", tree + "/bin/run.sh"])
    let (digest, size) = try ArchiveWriter.pack(tree, to: archive)
    return Release(
      version: try #require(Version(version)),
      artifact: ArchiveReference(url: archive, digest: digest, size: size),
      window: try #require(SchemaWindow(min: 1, max: 1)))
  }

  /// Starts an instance, through another daemon's eyes if one is given.
  func start(
    _ id: InstanceID, _ release: Release, through other: ProcessFleet? = nil
  ) async throws {
    try await (other ?? fleet).start(StartOrder(id: id, release: release))
  }

  /// The instance as the fleet reads it now.
  func reading(_ id: InstanceID) async throws -> InstanceReading {
    let reading = try await fleet.observe()
    return try #require(reading.instances.first { $0.id == id })
  }

  /// Waits until the instance is ready.
  func isReady(_ id: InstanceID) async throws -> Bool {
    try await eventually { try await reading(id).isReady }
  }

  /// Waits until the instance is dead.
  func isDead(_ id: InstanceID) async throws -> Bool {
    try await eventually { try await reading(id).life == .dead }
  }

  /// What the shim knows of the instance.
  func details(_ id: InstanceID) async throws -> ShimInstance {
    try #require(try await fleet.details().instance(id))
  }

  /// The port of the public listener.
  func publicPort() async throws -> UInt16 {
    try #require(try await fleet.bindListeners().first).address.port
  }

  /// Asks an instance on its private listener.
  func ask(_ id: InstanceID, _ path: String) async throws -> String {
    let instance = try await details(id)
    let limits = HTTPLimits(bodySizeMax: 65_536, deadline: .seconds(30))
    let response = try await PlainTransport().send(
      HTTPRequest(url: instance.baseURL + path), limits: limits)
    return String(decoding: response.body, as: UTF8.self)
  }

  /// Kills the shim as nothing else would, and waits until it is gone.
  func killShim() async throws {
    let pid = try await fleet.details().shim
    kill(pid, SIGKILL)
    _ = await eventually { Processes.isGone(pid) }
    Processes.reapShims()
  }

  /// Stops everything and removes the directory.
  func end() async {
    // The test is over; what can't be stopped now shows as a leftover process.
    let instances = (try? await fleet.details().instances) ?? []
    for instance in instances where instance.life == .alive { kill(instance.pid, SIGKILL) }
    _ = await eventually {
      ((try? await fleet.details().instances) ?? []).allSatisfy { $0.life != .alive }
    }
    let shim = try? await fleet.details().shim
    try? await fleet.leave()
    if let shim { _ = await eventually { Processes.isGone(shim) } }
    Processes.reapShims()
    TemporaryDirectory.remove(directory)
  }
}

/// What tests ask about processes.
enum Processes {
  /// Reaps every shim of this process that has ended, and what traced it.
  ///
  /// A daemon's shim is its child until the daemon ends, and a test plays many daemons. Left as
  /// they are, zombies keep the library that runs exit tests from seeing that one of those ended.
  static func reapShims() {
    for pid in ProcessTable.pids() where ProcessTable.isZombie(pid) {
      let name = Files.text("/proc/\(pid)/comm")
      // Another process's child is not reaped by this, and that is no error.
      if name == "windlass\n" || name == "strace\n" { waitpid(pid, nil, WNOHANG) }
    }
  }

  /// Whether the process has ended, reaped or not.
  static func isGone(_ pid: Int32) -> Bool {
    guard let file = fopen("/proc/\(pid)/stat", "r") else { return true }
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 4_096)
    guard fgets(&buffer, Int32(buffer.count), file) != nil else { return true }
    let text = String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.split(separator: ")").last?.hasPrefix(" Z") ?? true
  }
}

/// Runs a test in a world and ends the world whatever happens.
func inWorld(
  _ world: FleetWorld, _ body: (FleetWorld) async throws -> Void
) async throws {
  do {
    try await body(world)
  } catch {
    await world.end()
    throw error
  }
  await world.end()
}
