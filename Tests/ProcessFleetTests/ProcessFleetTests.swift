import Glibc
import ProcessFleet
import Testing
import WindlassCore

@Suite(.serialized) struct ProcessFleetTests {
  @Test func `an instance sees its own variables, its sockets and nothing of ours`() async throws {
    setenv("WINDLASS_TEST_SECRET", "leaked", 1)
    let database = InjectedDatabase(variable: "THE_DB", url: "sqlite:///tmp/x.db")
    try await inWorld(FleetWorld(database: database, environment: ["COLOUR": "blue"])) { world in
      try await world.start("a", try await world.release())
      #expect(try await world.isReady("a"))
      let pid = try await world.details("a").pid
      let lines = Set(try await world.ask("a", "/environ").split(separator: "\n").map(String.init))
      let names = Set(lines.compactMap { $0.split(separator: "=").first.map(String.init) })
      #expect(
        names.subtracting(["LANG", "TZ"]) == [
          "PATH", "COLOUR", "THE_DB", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
          "WINDLASS_INSTANCE",
        ])
      #expect(
        lines.isSuperset(of: [
          "COLOUR=blue", "THE_DB=sqlite:///tmp/x.db", "LISTEN_FDS=2", "LISTEN_PID=\(pid)",
          "LISTEN_FDNAMES=http:http-private",
        ]))
      #expect(try await world.ask("a", "/descriptors") == "0\n1\n2\n3\n4\n")
      #expect("\(database)" == "THE_DB=***")
    }
  }

  @Test func `an instance that ignores SIGTERM is killed when its time is over`() async throws {
    try await inWorld(FleetWorld(["--ignore-term"], drain: .seconds(1))) { world in
      try await world.start("a", try await world.release())
      #expect(try await world.isReady("a"))
      try await world.fleet.stop("a")
      #expect(try await world.reading("a").isDraining)
      #expect(try await world.isDead("a"))
      #expect(try await world.reading("a").exit == ExitReport(signal: SIGKILL))
      #expect(try await world.details("a").wasKilled)
    }
  }

  @Test func `an instance that ends at once is dead with its status and its last words`()
    async throws
  {
    try await inWorld(FleetWorld(["--exit", "7"])) { world in
      try await world.start("a", try await world.release())
      #expect(try await world.isDead("a"))
      #expect(try await world.reading("a").exit == ExitReport(code: 7))
      let log = try #require(fopen(try await world.details("a").log, "r"))
      defer { fclose(log) }
      var line = [CChar](repeating: 0, count: 100)
      fgets(&line, 100, log)
      #expect(strcmp(line, "giving up with 7\n") == 0)
    }
  }

  @Test func `an instance that is never ready stays alive and says why`() async throws {
    try await inWorld(FleetWorld(["--never-ready"])) { world in
      try await world.start("a", try await world.release())
      let hasAnswered = try await eventually {
        try await world.reading("a").detail == "/healthz answered 503"
      }
      #expect(hasAnswered)
      #expect(try await world.reading("a").isReady == false)
      #expect(try await world.reading("a").life == .alive)
    }
  }

  @Test func `a program that can't be executed was never started, and the release is blamed`()
    async throws
  {
    try await inWorld(FleetWorld()) { world in
      let release = try await world.release()
      let other = world.anotherDaemon([], program: "{artifact}/1.0.0")
      let failure = await #expect(throws: StepFailure.self) {
        try await other.start(StartOrder(id: "a", release: release))
      }
      #expect(failure?.code == "ExecutableRefused")
      #expect(failure?.blamesRelease == true)
      #expect(try await world.fleet.details().instances == [])
    }
  }

  @Test func `a script can be the program`() async throws {
    try await inWorld(FleetWorld()) { world in
      let daemon = world.anotherDaemon(
        ["--version", "script"], program: "{artifact}/bin/run.sh")
      try await world.start("a", try await world.release(), through: daemon)
      #expect(try await world.isReady("a"))
      #expect(try await world.reading("a").reportedVersion == "script")
    }
  }

  @Test func `what can't be started says what is wrong`() async throws {
    try await inWorld(FleetWorld()) { world in
      let release = try await world.release()
      for (program, code) in [
        ("{artifact}/bin/missing", "ArtifactChanged"), ("testserver", "BadCommand"),
        ("/no/such/program", "BadCommand"),
      ] {
        let daemon = world.anotherDaemon([], program: program)
        let failure = await #expect(throws: StepFailure.self) {
          try await daemon.start(StartOrder(id: "a", release: release))
        }
        #expect(failure?.code == code)
      }
      let failure = await #expect(throws: StepFailure.self) {
        try await world.start("../a", release)
      }
      #expect(failure?.code == "BadInstanceName")
      #expect(try await world.fleet.details().instances == [])
    }
  }

  @Test func `what an instance leaves behind ends with it`() async throws {
    try await inWorld(FleetWorld(["--fork"])) { world in
      try await world.start("a", try await world.release())
      #expect(try await world.isReady("a"))
      let pid = try await world.details("a").pid
      let children = try #require(
        String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children")
      ).split(separator: " ").compactMap { Int32($0) }
      #expect(children.count == 1)
      try await world.fleet.stop("a")
      #expect(try await world.isDead("a"))
      // Dead is said only once they are gone as well.
      #expect(children.allSatisfy(Processes.isGone))
    }
  }

  @Test func `the shim leaves only when nothing may be alive`() async throws {
    try await inWorld(FleetWorld()) { world in
      try await world.start("a", try await world.release())
      let port = try await world.publicPort()
      let shim = try await world.fleet.details().shim
      let failure = await #expect(throws: StepFailure.self) { try await world.fleet.leave() }
      #expect(failure?.code == "InstanceAlive")
      try await world.fleet.stop("a")
      #expect(try await world.isDead("a"))
      try await world.fleet.leave()
      #expect(Processes.isGone(shim))
      #expect(PlainClient(port: port) == nil)
    }
  }

  @Test func `a port in use is an error that names who holds it`() async throws {
    let holder = try #require(LoopbackListener())
    try await inWorld(FleetWorld(address: "127.0.0.1:\(holder.port)")) { world in
      let release = try await world.release()
      let refusal = await #expect(throws: StepFailure.self) { try await world.fleet.reserve() }
      #expect(refusal?.disposition == .stop)
      let failure = await #expect(throws: StepFailure.self) {
        try await world.start("a", release)
      }
      #expect(failure?.disposition == .wait)
      #expect(failure?.message == refusal?.message)
      #expect(failure?.code == "PortInUse")
      #expect(
        failure?.message.contains("127.0.0.1:\(holder.port) is held by pid \(getpid()) (") == true)
      #expect(try await world.fleet.details().instances == [])
    }
  }
}

extension String {
  /// A small file as text.
  init?(contentsOfFile path: String) {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = fread(&buffer, 1, buffer.count, file)
    self.init(decoding: buffer[..<count], as: UTF8.self)
  }
}
