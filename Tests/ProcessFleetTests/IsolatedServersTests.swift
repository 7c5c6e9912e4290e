import Glibc
import Testing
import WindlassCore
import WindlassWire

@testable import ProcessFleet

@Suite(.serialized) final class IsolatedServersTests {
  private let directory = TemporaryDirectory.make()

  deinit { TemporaryDirectory.remove(directory) }

  private func servers(
    _ arguments: [String], usesOwnNetwork: Bool = true, grace: Interval = .seconds(60)
  ) -> IsolatedServers {
    RehearsalWorld.servers(
      arguments, in: directory, usesOwnNetwork: usesOwnNetwork, grace: grace)
  }

  /// Starts a server and waits until it answers.
  private func start(_ servers: IsolatedServers) async throws -> RehearsalServer {
    let release = try FleetWorld.release("1.0.0", in: directory)
    try await RehearsalWorld.artifacts(directory).prepare(release)
    let server = try await servers.start(
      release, databaseURL: "sqlite://\(directory)/scratch.db", label: "old-1")
    let isUp = await eventually { (try? await RehearsalWorld.ask(server, "/healthz")) != nil }
    #expect(isUp)
    return server
  }

  @Test func `a rehearsed server is reached, and reaches nothing`() async throws {
    let host = try #require(LoopbackListener())
    let servers = servers([])
    let server = try await start(servers)
    #expect(server.release == Version("1.0.0"))
    #expect(try await RehearsalWorld.ask(server, "/reach?\(host.port)") == "no")
    #expect(try await servers.report(on: server).isIsolated)
    let environment = try await RehearsalWorld.ask(server, "/environ")
    #expect(environment.contains("DB=sqlite://\(directory)/scratch.db\n"))
    #expect(environment.contains("LISTEN_FDNAMES=http:http-private\n"))
    let report = try await servers.stop(server)
    #expect(report.exit == ExitReport(code: 0))
    #expect(report.isIsolated)
  }

  @Test func `without a network of its own a server is not called isolated`() async throws {
    let host = try #require(LoopbackListener())
    let servers = servers([], usesOwnNetwork: false)
    let server = try await start(servers)
    #expect(try await RehearsalWorld.ask(server, "/reach?\(host.port)") == "yes")
    #expect(try await servers.stop(server).isIsolated == false)
  }

  @Test func `a server that opens the scratch copy is seen to use it`() async throws {
    let servers = servers(["--open", directory + "/scratch.db"])
    let report = try await servers.stop(try await start(servers))
    #expect(report.usesScratch)
    #expect(!report.usesProduction)
  }

  @Test func `a server that opens the production database is seen, whatever name it uses`()
    async throws
  {
    try Records.write("", to: directory + "/production.db")
    try #require(symlink(directory + "/production.db", directory + "/alias.db") == 0)
    let servers = servers(["--open", directory + "/alias.db"])
    let report = try await servers.stop(try await start(servers))
    #expect(report.usesProduction)
    #expect(!report.usesScratch)
  }

  @Test func `a server that ends by itself leaves its status and its last words`() async throws {
    let servers = servers(["--exit", "7"])
    let release = try FleetWorld.release("1.0.0", in: directory)
    try await RehearsalWorld.artifacts(directory).prepare(release)
    let server = try await servers.start(release, databaseURL: "sqlite:///x", label: "new")
    let hasEnded = try await eventually { try await servers.report(on: server).exit != nil }
    #expect(hasEnded)
    let report = try await servers.report(on: server)
    #expect(report.exit == ExitReport(code: 7))
    #expect(report.output == "giving up with 7\n")
    #expect(try await servers.stop(server) == report)
  }

  @Test func `a server that ignores SIGTERM is killed`() async throws {
    let servers = servers(["--ignore-term"], grace: .milliseconds(100))
    let report = try await servers.stop(try await start(servers))
    #expect(report.exit == ExitReport(signal: SIGKILL))
  }

  @Test func `what a server leaves behind ends with it`() async throws {
    let servers = servers(["--fork"])
    let server = try await start(servers)
    let family = try await RehearsalWorld.family(server)
    #expect(family.count == 2)
    _ = try await servers.stop(server)
    #expect(family.allSatisfy(Processes.isGone))
  }

  @Test func `servers die with the daemon, and the next one sweeps the rest`() async throws {
    let place = directory
    await #expect(processExitsWith: .signal(SIGKILL)) { [place = place as String] in
      let servers = RehearsalWorld.servers(["--fork"], in: place)
      let release = try FleetWorld.release("1.0.0", in: place)
      try await RehearsalWorld.artifacts(place).prepare(release)
      let server = try await servers.start(
        release, databaseURL: "sqlite:///x", label: "old-1")
      _ = await eventually { (try? await RehearsalWorld.ask(server, "/healthz")) != nil }
      let family = try await RehearsalWorld.family(server)
      try Records.write(
        family.map(String.init).joined(separator: " "), to: place + "/family")
      kill(getpid(), SIGKILL)
    }
    let text = try #require(String(contentsOfFile: directory + "/family"))
    let family = text.split(separator: " ").compactMap { Int32($0) }
    try #require(family.count == 2)
    let isLeaderGone = await eventually { Processes.isGone(family[0]) }
    #expect(isLeaderGone)
    #expect(!Processes.isGone(family[1]))
    #expect(try await servers([]).sweepLeftovers() == 1)
    let isRestGone = await eventually { Processes.isGone(family[1]) }
    #expect(isRestGone)
  }
}

/// What the tests of rehearsed servers, and the processes that they start, share.
enum RehearsalWorld {
  static func artifacts(_ directory: String) -> ArtifactDirectory {
    ArtifactDirectory(path: directory + "/artifacts", transport: PlainTransport())
  }

  static func servers(
    _ arguments: [String], in directory: String, usesOwnNetwork: Bool = true,
    grace: Interval = .seconds(60)
  ) -> IsolatedServers {
    IsolatedServers(
      settings: RehearsalServerSettings(
        command: ["{artifact}/bin/testserver"] + arguments, databaseVariable: "DB",
        listenerNames: ["http"], productionFiles: [directory + "/production.db"],
        usesOwnNetwork: usesOwnNetwork, grace: grace, workDirectory: directory + "/rehearsal"),
      artifacts: artifacts(directory))
  }

  /// Asks a server.
  static func ask(_ server: RehearsalServer, _ path: String) async throws -> String {
    let limits = HTTPLimits(bodySizeMax: 65_536, deadline: .seconds(30))
    let response = try await PlainTransport().send(
      HTTPRequest(url: server.baseURL + path), limits: limits)
    return String(decoding: response.body, as: UTF8.self)
  }

  /// The pid of a server, and those of its children.
  static func family(_ server: RehearsalServer) async throws -> [Int32] {
    let pid = try #require(Int32(try await ask(server, "/").dropFirst("pid ".count)))
    let children = try #require(String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children"))
    return [pid] + children.split(separator: " ").compactMap { Int32($0) }
  }
}
