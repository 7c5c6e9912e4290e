import Glibc
import Testing
import WindlassContracts
import WindlassCore
import WindlassWire

@testable import ProcessFleet

/// A launcher and the sidecar that gives it orders, as processes.
@Suite(.serialized) struct LauncherTests {
  private func inWorld(
    isLaunched: Bool = true, _ body: (LauncherWorld) async throws -> Void
  ) async throws {
    let world = try LauncherWorld(isLaunched: isLaunched)
    defer { world.end() }
    try await body(world)
  }

  @Test(arguments: FleetContract.clauses)
  func `a launcher and its sidecar keep the contract of a fleet`(
    clause: FleetContract.Clause
  ) async throws {
    try await clause.check(LauncherSubject())
  }

  @Test func `an instance has its container's environment, and what its order says over it`()
    async throws
  {
    try await inWorld { world in
      try await world.fleet().start(StartOrder(id: "a", release: world.release()))
      #expect(try await eventually { try await world.reading("a").isReady })
      let url = try world.instance("a").baseURL + "/environ"
      let limits = HTTPLimits(bodySizeMax: 65_536, deadline: .seconds(30))
      let reply = try await PlainTransport().send(HTTPRequest(url: url), limits: limits)
      let text = String(decoding: reply.body, as: UTF8.self)
      #expect(text.contains("OF_THE_CONTAINER=yes"))
      #expect(text.contains("OF_BOTH=order"))
      #expect(!text.contains("OF_BOTH=container"))
    }
  }

  @Test func `nothing is ordered of a launcher that does not run`() async throws {
    try await inWorld(isLaunched: false) { world in
      let release = try await world.release()
      let failure = await #expect(throws: StepFailure.self) {
        try await world.fleet().start(StartOrder(id: "a", release: release))
      }
      #expect(failure?.code == "LauncherAbsent")
      #expect(failure?.disposition == .retry)
      #expect(try await world.fleet().observe().instances == [])
    }
  }

  @Test func `what a killed launcher left is in doubt until the next one takes it over`()
    async throws
  {
    try await inWorld { world in
      let fleet = try world.fleet()
      try await fleet.start(StartOrder(id: "a", release: world.release()))
      #expect(try await eventually { try await world.reading("a").isReady })
      let before = try world.instance("a")
      try world.killLauncher()
      #expect(try await world.reading("a").life == .unknown)
      let failure = await #expect(throws: StepFailure.self) { try await fleet.stop("a") }
      #expect(failure?.code == "InstanceInDoubt")
      #expect(!Processes.isGone(before.pid))

      try world.launch()
      #expect(try await eventually { try await world.reading("a").isReady })
      #expect(try world.instance("a").pid == before.pid)
      try await fleet.stop("a")
      #expect(try await eventually { try await world.reading("a").life == .dead })
    }
  }

  @Test func `a launcher that is told to end ends its instances, and blames none for it`()
    async throws
  {
    try await inWorld { world in
      try await world.fleet().start(StartOrder(id: "a", release: world.release()))
      #expect(try await eventually { try await world.reading("a").isReady })
      let pid = try world.instance("a").pid
      #expect(try #require(world.launcher).end(by: SIGTERM) == ExitReport(code: 0))
      #expect(Processes.isGone(pid))
      let reading = try await world.reading("a")
      #expect(reading.life == .dead)
      #expect(reading.exit == nil)
      // Nor does the next launcher begin it anew, or tell how it ended.
      try world.launch()
      let next = try #require(world.launcher).pid
      #expect(try await eventually { try world.folder.loadReport()?.process.pid == next })
      #expect(try await world.reading("a").exit == nil)
      #expect(try await world.reading("a").life == .dead)
    }
  }

  @Test func `a program that changed after it was verified is not executed`() async throws {
    try await inWorld { world in
      let release = try await world.release()
      let path = world.artifacts.directory(of: try #require(release.artifact)) + "/bin/testserver"
      var order = LauncherOrder(
        id: "a", release: release.version, program: path,
        digest: Digest(String(repeating: "0", count: 64)), arguments: [path], directory: "/",
        isScript: false, environment: [], patience: .zero, since: 1)
      let listener = ListenerSpecification(
        name: "http", address: try #require(SocketAddress("127.0.0.1:0")))
      try world.folder.save(
        LauncherOrders(sequence: 1, listeners: [listener], orders: [order]))
      #expect(try await eventually { try world.folder.loadReport()?.refusals.isEmpty == false })
      let report = try #require(try world.folder.loadReport())
      #expect(report.refusals.first?.failure.code == "ProgramRefused")
      #expect(report.instances == [])
      #expect(try await world.reading("a").life == .dead)

      // Dead it stays: no later launcher begins it, though it would be fit by then.
      try world.killLauncher()
      let program = try Descriptor.checked(open(path, O_RDONLY | O_CLOEXEC), "open", path)
      order.digest = try FileDigest.digest(of: program, path).digest
      try world.folder.save(
        LauncherOrders(sequence: 2, listeners: [listener], orders: [order]))
      try world.launch()
      #expect(try await eventually { try world.folder.loadReport()?.sequence == 2 })
      #expect(try world.folder.loadReport()?.refusals.map(\.id) == ["a"])
      #expect(try world.folder.loadReport()?.instances == [])
    }
  }

  @Test func `an instance that can't be begun is taken back with the reason`() async throws {
    try await inWorld { world in
      let release = try await world.release()
      let directory = world.artifacts.directory(of: try #require(release.artifact))
      Programs.run("/bin/sh", ["-c", "chmod -R u+w \(directory) && chmod -x \(directory)/bin/*"])
      let failure = await #expect(throws: StepFailure.self) {
        try await world.fleet().start(StartOrder(id: "a", release: release))
      }
      #expect(failure?.disposition == .stop)
      #expect(try await world.fleet().observe().instances == [])
    }
  }

  @Test func `what was ordered and not begun may be alive, until its launcher took the stop`()
    async throws
  {
    try await inWorld { world in
      // A launcher that does not get round to its orders.
      try #require(world.launcher).send(SIGSTOP)
      let fleet = try world.fleet()
      try await fleet.start(StartOrder(id: "a", release: world.release()))
      #expect(try await world.reading("a").life == .alive)
      try await fleet.stop("a")
      #expect(try await world.reading("a").life == .alive)
      try #require(world.launcher).send(SIGCONT)
      #expect(try await eventually { try await world.reading("a").life == .dead })
      #expect(try world.folder.loadReport()?.instances == [])
    }
  }

  @Test func `what is forgotten and lives is told of again`() async throws {
    try await inWorld { world in
      let fleet = try world.fleet()
      try await fleet.start(StartOrder(id: "a", release: world.release()))
      #expect(try await eventually { try await world.reading("a").isReady })
      try world.killLauncher()
      // A person's word, given too early.
      try await fleet.forget("a")
      #expect(try await fleet.observe().instances == [])
      try world.launch()
      #expect(try await eventually { try await fleet.observe().instances.first?.life == .alive })
    }
  }

  @Test func `a port that somebody else holds shows before anything is changed`() async throws {
    try await inWorld { world in
      let holder = try ListeningSocket.bind(to: .anyLoopback, backlog: 1)
      let port = holder.address.port
      let address = ListenerSpecification(
        name: "http", address: try #require(SocketAddress("127.0.0.1:\(port)")))
      let fleet = LauncherFleet(
        settings: ProcessFleetSettings(
          command: ["{artifact}/bin/testserver"], listeners: [address],
          stateDirectory: world.folder.path), wake: .file, artifacts: world.artifacts,
        transport: PlainTransport(), prober: FleetWorld.prober,
        now: { Timestamp(milliseconds: 0) })
      let failure = await #expect(throws: StepFailure.self) { try await fleet.reserve() }
      #expect(failure?.code == "LauncherSilent")
      #expect(failure?.message.contains("\(port)") == true, "\(failure?.message ?? "")")
      withExtendedLifetime(holder) {}
      try await world.fleet().reserve()
    }
  }

  @Test func `a second launcher of a folder is refused`() async throws {
    try await inWorld { world in
      let log = world.directory + "/second.log"
      let second = try TestChild(
        Programs.windlass, ["launch", "--folder", world.folder.path], log: log)
      #expect(second.end() == ExitReport(code: 1))
      #expect(LogFile.tail(log).contains("Another launcher"))
    }
  }

  @Test func `orders and reports are read as they were written`() throws {
    let order = LauncherOrder(
      id: "a", release: Version(1, 2, 3), program: "/p", digest: Digest("d"),
      arguments: ["/p", "x"], directory: "/d", isScript: true, environment: ["A=b=c"],
      patience: .seconds(3), wish: .stop, since: 4)
    let orders = LauncherOrders(
      sequence: 7,
      listeners: [
        ListenerSpecification(name: "http", address: try #require(SocketAddress("[::1]:80")))
      ], orders: [order])
    #expect(try LauncherOrders(json: JSONValue.parse(orders.json.bytes)) == orders)
    let report = LauncherReport(
      sequence: 7,
      process: ProcessIdentity(
        pid: 9, startTime: 8, host: HostIdentity(bootID: "b", pidNamespace: 7)),
      instances: [],
      refusals: [
        LauncherReport.Refusal(
          id: "a",
          failure: StepFailure(
            code: "C", disposition: .stop, message: "m", blamesRelease: true))
      ], taken: ["b"], trouble: "t")
    #expect(try LauncherReport(json: JSONValue.parse(report.json.bytes)) == report)
  }
}

/// A launcher with fixture servers.
struct LauncherSubject: FleetSubject {
  private let world: LauncherWorld
  let probe = Probe(name: "probe", method: "GET", path: "/probe", isSafe: true)

  init() throws { world = try LauncherWorld() }

  func connect(_ conduct: ServerConduct) throws -> any Fleet {
    switch conduct {
    case .good: try world.fleet()
    case .neverReady: try world.fleet(["--never-ready"])
    case .endsAtOnce: try world.fleet(["--exit", "7"])
    case .ignoresTerm: try world.fleet(["--ignore-term"], drain: .milliseconds(200))
    case .lies: try world.fleet(["--version", "9.9.9"])
    case .failsProbes: try world.fleet(["--bad-probes"])
    }
  }

  func release() async throws -> Release { try await world.release() }

  func identity(of id: InstanceID) throws -> String { "\(try world.instance(id).pid)" }

  func kill(_ id: InstanceID) throws { Glibc.kill(try world.instance(id).pid, SIGKILL) }

  func end() { world.end() }
}
