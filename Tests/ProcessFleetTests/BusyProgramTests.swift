import CLinux
import Glibc
import Testing
import WindlassCore

@testable import ProcessFleet

/// A program can't be executed while anybody has it open for writing, and a child that was made
/// beside an unpacking has everything open that its parent had.
@Suite(.serialized) struct BusyProgramTests {
  /// The release's program, open for writing.
  private func writer(
    of release: Release, in world: FleetWorld
  ) throws -> Descriptor {
    let archive = try #require(release.artifact)
    let path = world.artifacts.directory(of: archive) + "/bin/testserver"
    try #require(chmod(path, 0o755) == 0)
    return try Descriptor.checked(open(path, O_RDWR | O_CLOEXEC), "open", path)
  }

  @Test func `a child that waits to be let go holds nothing of its parent's`() async throws {
    let directory = TemporaryDirectory.make()
    defer { TemporaryDirectory.remove(directory) }
    let path = directory + "/half-written"
    let held = try Descriptor.checked(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600), "open")
    let null = try Descriptor.checked(open("/dev/null", O_RDWR | O_CLOEXEC), "open")
    let child = try WaitingChild(
      SpawnOrder(
        executable: try Descriptor.checked(open("/bin/true", O_RDONLY | O_CLOEXEC), "open"),
        arguments: ["true"], environment: [], input: null, output: null, flags: []))
    let isClosed = await eventually {
      !ProcessTable.openFiles(of: child.pid).contains { $0.target == path }
    }
    #expect(isClosed, "\(ProcessTable.openFiles(of: child.pid))")
    // Standard input, output and error, the program, and what it waits and reports by.
    let isBare = await eventually { ProcessTable.openFiles(of: child.pid).count == 6 }
    #expect(isBare, "\(ProcessTable.openFiles(of: child.pid))")
    let running = try child.release()
    #expect(running.waitUntilReadable(milliseconds: 60_000))
    clinux_reap(child.pid)
    withExtendedLifetime(held) {}
  }

  @Test func `an instance starts once its program is no longer written to`() async throws {
    try await inWorld(FleetWorld()) { world in
      let release = try await world.release()
      var writer: Descriptor? = try writer(of: release, in: world)
      async let started: Void = world.start("a", release)
      // The log is opened just before the program is executed for the first time.
      let isTrying = await eventually { access(world.directory + "/state/logs/a.log", F_OK) == 0 }
      #expect(isTrying)
      withExtendedLifetime(writer) {}
      writer = nil
      try await started
      #expect(try await world.isReady("a"))
    }
  }

  @Test func `a program that stays busy is tried again later, and blames no release`() async throws
  {
    try await inWorld(FleetWorld()) { world in
      let release = try await world.release()
      let writer = try writer(of: release, in: world)
      let failure = await #expect(throws: StepFailure.self) { try await world.start("a", release) }
      #expect(failure?.code == "InstanceNotStarted")
      #expect(failure?.disposition == .retry)
      #expect(failure?.blamesRelease == false)
      #expect(failure?.message.contains("Text file busy") == true, "\(failure?.message ?? "")")
      withExtendedLifetime(writer) {}
      #expect(try await world.fleet.details().instances == [])
    }
  }
}
