import CLinux
import Glibc
import ProcessFleet
import Testing
import WindlassCore
import WindlassWire

/// What goes on while the daemon, the shim or the machine does not.
@Suite(.serialized) struct SurvivalTests {
  @Test func `a new daemon finds the instances of the one before`() async throws {
    try await inWorld(FleetWorld(["--version", "1.0.0"])) { world in
      try await world.start("a", try await world.release())
      #expect(try await world.isReady("a"))
      let before = try await world.fleet.details()
      let successor = world.anotherDaemon()
      #expect(try await successor.details() == before)
      let reading = try await successor.observe()
      #expect(reading.instances.map(\.isReady) == [true])
      try await successor.stop("a")
      #expect(try await world.isDead("a"))
    }
  }

  @Test func `four hundred queued connections survive a change of instances`() async throws {
    try await inWorld(FleetWorld(["--deaf"])) { world in
      let release = try await world.release()
      try await world.start("deaf", release)
      #expect(try await world.isReady("deaf"))
      let port = try await world.publicPort()
      let clients = (0..<400).compactMap { _ in PlainClient(port: port) }
      for client in clients { client.send("GET", "/") }
      // Nobody has accepted one of them; the instance that had the socket goes first.
      try await world.fleet.stop("deaf")
      #expect(try await world.isDead("deaf"))
      try await world.start("hearing", release, through: world.anotherDaemon([]))
      let pid = try await world.details("hearing").pid
      let answered = clients.count { client in
        (try? client.receive().get())?.body == Array("pid \(pid)".utf8)
      }
      #expect(answered == 400)
    }
  }

  @Test func `a killed shim is replaced while instances serve, and no connection is lost`()
    async throws
  {
    try await inWorld(FleetWorld()) { world in
      try await world.start("a", try await world.release())
      #expect(try await world.isReady("a"))
      let port = try await world.publicPort()
      let before = try await world.fleet.details()
      let load = Load(port: port)
      try await world.killShim()
      let after = try await world.fleet.details()
      #expect(after.shim != before.shim)
      #expect(after.listeners == before.listeners)
      #expect(after.instances == before.instances)
      // It is the same socket: a second instance, started by the new shim, answers on it.
      try await world.start("b", try await world.release())
      #expect(try await world.isReady("b"))
      try await world.fleet.stop("a")
      #expect(try await world.isDead("a"))
      // Ended by another shim's child that we adopted: nobody could see how.
      #expect(try await world.reading("a").exit == nil)
      let outcome = await load.finish()
      #expect(outcome.lost == 0)
      #expect(outcome.total > 0)
    }
  }

  @Test func `a shim that was killed while an instance drains still ends it in time`()
    async throws
  {
    try await inWorld(FleetWorld(["--ignore-term"], drain: .milliseconds(500))) { world in
      try await world.start("a", try await world.release())
      #expect(try await world.isReady("a"))
      try await world.fleet.stop("a")
      try await world.killShim()
      let reading = try await world.reading("a")
      #expect(reading.isDraining || reading.life == .dead)
      #expect(try await world.isDead("a"))
    }
  }

  @Test func `a recorded pid that belongs to another process is dead and is not signalled`()
    async throws
  {
    try await inWorld(FleetWorld()) { world in
      try await world.start("a", try await world.release())
      #expect(try await world.isReady("a"))
      let victim = try await world.details("a").pid
      try await world.killShim()
      try world.editRecords { $0.replacing("\"startTime\":", with: "\"startTime\":1") }
      #expect(try await world.reading("a").life == .dead)
      try await world.fleet.stop("a")
      #expect(!Processes.isGone(victim))
      kill(victim, SIGKILL)
    }
  }

  @Test func `after a reboot every recorded instance is dead`() async throws {
    try await inWorld(FleetWorld()) { world in
      try await world.start("a", try await world.release())
      #expect(try await world.isReady("a"))
      let victim = try await world.details("a").pid
      try await world.killShim()
      kill(victim, SIGKILL)
      let bootID = world.directory + "/boot_id"
      try Records.write("00000000-0000-0000-0000-000000000000\n", to: bootID)
      let successor = world.anotherDaemon(
        shim: ShimInvocation(executable: Programs.windlass, bootIDPath: bootID))
      let reading = try await successor.observe()
      #expect(reading.instances.map(\.life) == [.dead])
      // Nobody saw it end, and so nobody can hold its end against its release.
      #expect(reading.instances.map(\.exit) == [nil])
    }
  }

  @Test func `an instance of a pid namespace that can't be seen may be alive`() async throws {
    try await inWorld(FleetWorld()) { world in
      try await world.start("a", try await world.release())
      #expect(try await world.isReady("a"))
      let victim = try await world.details("a").pid
      try await world.killShim()
      kill(victim, SIGKILL)
      try world.editRecords { $0.replacing("\"pidNamespace\":", with: "\"pidNamespace\":1") }
      let reading = try await world.reading("a")
      #expect(reading.life == .unknown)
      #expect(reading.detail.contains("can't be seen from here"))
      let failure = await #expect(throws: StepFailure.self) { try await world.fleet.stop("a") }
      #expect(failure?.code == "InstanceInDoubt")
      // A person's word is what remains.
      try await world.fleet.forget("a")
    }
  }

  @Test func `records that can't be understood stop the shim rather than hide what runs`()
    async throws
  {
    try await inWorld(FleetWorld()) { world in
      _ = try await world.fleet.details()
      try await world.killShim()
      try world.editRecords { $0.replacing("\"format\":1", with: "\"format\":2") }
      let failure = await #expect(throws: StepFailure.self) {
        try await world.fleet.observe()
      }
      #expect(failure?.message.contains("it has format 2") == true)
      try world.editRecords { $0.replacing("\"format\":2", with: "\"format\":1") }
    }
  }

  @Test func `an instance that shortens the public queue does not keep it short`() async throws {
    try await inWorld(FleetWorld(["--deaf", "--backlog", "1"])) { world in
      let release = try await world.release()
      try await world.start("a", release)
      #expect(try await world.isReady("a"))
      let port = try await world.publicPort()
      // A queue of one would leave most of these without an answer to their first packet.
      let clients = (0..<50).compactMap { _ in PlainClient(port: port) }
      #expect(clients.count == 50)
      for client in clients { client.send("GET", "/") }
      try await world.start("b", release, through: world.anotherDaemon([]))
      let answered = clients.count { (try? $0.receive().get()) != nil }
      #expect(answered == 50)
    }
  }

  @Test func `an instance that shuts the public socket down does not end the service`()
    async throws
  {
    // An address with a fixed port: the kernel takes a chosen one back at a shutdown.
    let port = try #require(LoopbackListener()).port
    try await inWorld(FleetWorld(address: "127.0.0.1:\(port)")) { world in
      let release = try await world.release()
      try await world.start("a", release)
      try await world.start("b", release, through: world.anotherDaemon(["--shutdown"]))
      let isRevived = try await eventually {
        try await world.fleet.details().listeners.first?.revivals == 1
      }
      #expect(isRevived)
      let client = try #require(PlainClient(port: port))
      client.send("GET", "/")
      #expect((try? client.receive().get())?.status == 200)
    }
  }

  @Test func `a shim without an instance comes back at the same address`() async throws {
    try await inWorld(FleetWorld()) { world in
      let port = try await world.publicPort()
      try await world.killShim()
      // One that nobody asked for the listeners must not forget them either.
      try await world.killShim()
      #expect(try await world.publicPort() == port)
    }
  }

  @Test func `a port that the kernel chose and somebody took meanwhile becomes another one`()
    async throws
  {
    try await inWorld(FleetWorld()) { world in
      let port = try await world.publicPort()
      try await world.killShim()
      let thief = try #require(LoopbackListener(port: port))
      #expect(try await world.publicPort() != thief.port)
    }
  }

  @Test func `two daemons that start a shim at the same time share one`() async throws {
    try await inWorld(FleetWorld()) { world in
      let daemons = [world.fleet] + (0..<3).map { _ in world.anotherDaemon() }
      let shims = try await withThrowingTaskGroup(of: Int32.self) { group in
        for daemon in daemons { group.addTask { try await daemon.details().shim } }
        return try await group.reduce(into: Set<Int32>()) { $0.insert($1) }
      }
      #expect(shims.count == 1)
    }
  }

  @Test func `a client of another protocol is told so`() async throws {
    try await inWorld(FleetWorld()) { world in
      _ = try await world.fleet.details()
      let reply = try #require(
        Sockets.ask(
          world.directory + "/state/shim.socket", "{\"protocol\":99,\"command\":\"read\"}\n"))
      #expect(reply.contains("\"code\":\"ShimProtocolDiffers\""))
    }
  }
}
