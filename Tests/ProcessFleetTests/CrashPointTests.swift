import Glibc
import ProcessFleet
import Testing
import WindlassCore

/// The shim ends, or a call of it fails, at each call that it makes while it starts an instance.
@Suite(.serialized, .enabled(if: access(Programs.strace, X_OK) == 0))
struct CrashPointTests {
  /// A shim under strace, which injects something at certain calls.
  private func shim(injecting injection: String) -> ShimInvocation {
    ShimInvocation(
      executable: Programs.strace,
      arguments: ["-qq", "-o", "/dev/null", "-e", "inject=" + injection, Programs.windlass, "shim"])
  }

  /// The fixture servers of this world that run.
  private func running(in world: FleetWorld) -> Int {
    let path = world.directory + "/running"
    // An instance's argument vector names this world's directory and nobody else's; each file is
    // looked at by itself, for not everybody's arguments have an end.
    Programs.run(
      "/bin/sh",
      [
        "-c",
        "grep -laz '^\(world.artifacts.path).*/bin/testserver$' /proc/[0-9]*/cmdline "
          + "2>/dev/null > \(path); true",
      ])
    return (String(contentsOfFile: path) ?? "").split(separator: "\n").count
  }

  @Test(arguments: ["clone", "fsync", "write"])
  func `a shim killed at any call of a start leaves no unknown instance`(
    _ call: String
  ) async throws {
    var wasKilled = true
    var occurrence = 0
    // Until a start goes through without reaching the occurrence.
    while wasKilled {
      occurrence += 1
      try #require(occurrence < 100)
      try await inWorld(FleetWorld()) { world in
        let release = try await world.release()
        let doomed = world.anotherDaemon(
          shim: shim(injecting: "\(call):signal=SIGKILL:when=\(occurrence)"))
        let shimBefore = try? await doomed.details().shim
        try? await doomed.start(StartOrder(id: "a", release: release))
        // Whatever was recorded, the records and the processes agree, and a start works.
        var found = ""
        let isConsistent = try await eventually {
          let known = try await world.fleet.details().instances
          let running = running(in: world)
          found = "\(running) run, known are \(known)"
          return known.count { $0.life == .alive } == running
        }
        #expect(isConsistent, "\(call) \(occurrence): \(found)")
        try await world.start("b", release)
        #expect(try await world.isReady("b"), "\(call) \(occurrence)")
        let shimAfter = try await world.fleet.details().shim
        wasKilled = shimBefore != shimAfter
      }
    }
    #expect(occurrence > 1)
  }

  @Test func `sockets that can't be taken back are an error that says what to allow`()
    async throws
  {
    try await inWorld(FleetWorld()) { world in
      let release = try await world.release()
      try await world.start("a", release)
      #expect(try await world.isReady("a"))
      try await world.killShim()
      let forbidden = world.anotherDaemon(shim: shim(injecting: "pidfd_getfd:error=EPERM"))
      _ = try await forbidden.details()
      let failure = await #expect(throws: StepFailure.self) {
        try await forbidden.start(StartOrder(id: "b", release: release))
      }
      #expect(failure?.code == "ListenerLost")
      #expect(failure?.message.contains("kernel.yama.ptrace_scope") == true)
    }
  }

  @Test(arguments: [
    ("clone:error=EAGAIN:when=1", "InstanceNotStarted"),
    ("fsync:error=ENOSPC:when=5+", "DiskFull"),
    ("fsync:error=EIO:when=5+", "InstanceNotStarted"),
    ("pipe2:error=EMFILE:when=1", "InstanceNotStarted"),
  ])
  func `a start that the machine refuses leaves nothing and may be tried again`(
    _ injection: String, _ code: String
  ) async throws {
    try await inWorld(FleetWorld()) { world in
      let release = try await world.release()
      let unlucky = world.anotherDaemon(shim: shim(injecting: injection))
      try await unlucky.bindListeners()
      let failure = await #expect(throws: StepFailure.self) {
        try await unlucky.start(StartOrder(id: "a", release: release))
      }
      #expect(failure?.code == code)
      #expect(failure?.disposition == .retry)
      #expect(try await unlucky.details().instances == [])
      #expect(running(in: world) == 0)
    }
  }
}
