import CLinux
import Glibc
import Synchronization
import Testing
import WindlassCore
import WindlassWire

@testable import ProcessFleet

/// A child of the test that is killed with its world.
final class TestChild: Sendable {
  let pid: Int32
  private let pidfd: Descriptor

  /// Starts a program with its output in a file.
  init(_ program: String, _ arguments: [String], log: String, environment: [String] = []) throws {
    let child = try WaitingChild(
      SpawnOrder(
        executable: try Descriptor.checked(open(program, O_RDONLY | O_CLOEXEC), "open", program),
        arguments: [program] + arguments, environment: environment,
        input: try Descriptor.checked(open("/dev/null", O_RDONLY | O_CLOEXEC), "open"),
        output: try LogFile.open(log), flags: .newSession))
    pid = child.pid
    pidfd = try child.release()
  }

  /// Sends a signal.
  func send(_ signal: Int32) { clinux_pidfd_send_signal(pidfd.number, signal) }

  /// Waits for its end; nil when it did not come.
  func end() -> ExitReport? {
    guard pidfd.waitUntilReadable(milliseconds: 60_000), let exit = ExitReport.peek(pidfd) else {
      return nil
    }
    clinux_reap(pid)
    return exit
  }

  /// Sends a signal and waits for the end.
  @discardableResult
  func end(by signal: Int32) -> ExitReport? {
    send(signal)
    return end()
  }
}

/// A launcher and its sidecar's fleet, in a folder of their own; to be ended with the test.
final class LauncherWorld: Sendable {
  let directory: String
  let folder: LauncherFolder
  let artifacts: ArtifactDirectory
  private let launched = Mutex<TestChild?>(nil)

  /// The launcher that runs.
  var launcher: TestChild? { launched.withLock { $0 } }

  /// Makes the folder; a launcher runs unless it is not to.
  init(isLaunched: Bool = true) throws {
    directory = TemporaryDirectory.make()
    folder = LauncherFolder(path: directory + "/launcher")
    artifacts = ArtifactDirectory(path: directory + "/artifacts", transport: PlainTransport())
    if isLaunched { try launch() }
  }

  /// Starts a launcher, which has a variable of its own.
  func launch() throws {
    let child = try TestChild(
      Programs.windlass, ["launch", "--folder", folder.path], log: directory + "/launcher.log",
      environment: ["OF_THE_CONTAINER=yes", "OF_BOTH=container"])
    launched.withLock { $0 = child }
    let isServed = poll { folder.isServed }
    try #require(isServed, "\(LogFile.tail(directory + "/launcher.log"))")
  }

  /// The sidecar's fleet, whose servers get these arguments.
  func fleet(
    _ arguments: [String] = [], drain: Interval = .seconds(60), wake: LauncherWake = .file
  ) throws -> LauncherFleet {
    let listener = ListenerSpecification(
      name: "http", address: try #require(SocketAddress("127.0.0.1:0")))
    return LauncherFleet(
      settings: ProcessFleetSettings(
        command: ["{artifact}/bin/testserver"] + arguments, environment: ["OF_BOTH": "order"],
        listeners: [listener], drain: drain, grace: .zero, stateDirectory: folder.path),
      wake: wake, artifacts: artifacts, transport: PlainTransport(),
      prober: FleetWorld.prober, now: { Timestamp(milliseconds: 0) })
  }

  /// A release whose archive holds the fixture server, prepared.
  func release(_ version: String = "1.0.0") async throws -> Release {
    let release = try FleetWorld.release(version, in: directory)
    try await artifacts.prepare(release)
    return release
  }

  /// What the launcher says of an instance.
  func instance(_ id: InstanceID) throws -> ShimInstance {
    try #require(try folder.loadReport()?[id])
  }

  /// The instance as a sidecar that knows nothing reads it.
  func reading(_ id: InstanceID) async throws -> InstanceReading {
    try #require(try await fleet().observe().instances.first { $0.id == id })
  }

  /// Kills the launcher as nothing else would.
  func killLauncher() throws {
    #expect(try #require(launcher).end(by: SIGKILL) == ExitReport(signal: SIGKILL))
    launched.withLock { $0 = nil }
  }

  /// Ends everything and removes the folder.
  func end() {
    let pids = ((try? folder.loadReport()?.instances) ?? []).filter { $0.life == .alive }.map(\.pid)
    launcher?.end(by: SIGKILL)
    for pid in pids { kill(pid, SIGKILL) }
    TemporaryDirectory.remove(directory)
  }

  private func poll(_ condition: () -> Bool) -> Bool {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      if condition() { return true }
      usleep(10_000)
    }
    return false
  }
}
