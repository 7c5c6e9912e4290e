import Glibc
import Testing
import WindlassContracts
import WindlassCore

@testable import ProcessFleet

/// The contracts of the ports, with real processes and real archives.
@Suite(.serialized) struct FleetContractTests {
  @Test(arguments: FleetContract.clauses)
  func `a fleet of processes keeps its contract`(clause: FleetContract.Clause) async throws {
    try await clause.check(ProcessFleetSubject())
  }

  @Test(arguments: ArtifactStoreContract.clauses)
  func `a directory of artifacts keeps its contract`(
    clause: ArtifactStoreContract.Clause
  ) async throws {
    try await clause.check(ArtifactDirectorySubject())
  }
}

/// A fleet of fixture servers.
struct ProcessFleetSubject: FleetSubject {
  private let world: FleetWorld
  let probe = Probe(name: "probe", method: "GET", path: "/probe", isSafe: true)

  init() throws { world = try FleetWorld() }

  func connect(_ conduct: ServerConduct) -> any Fleet {
    switch conduct {
    case .good: world.anotherDaemon([])
    case .neverReady: world.anotherDaemon(["--never-ready"])
    case .endsAtOnce: world.anotherDaemon(["--exit", "7"])
    case .ignoresTerm: world.anotherDaemon(["--ignore-term"], drain: .milliseconds(200))
    case .lies: world.anotherDaemon(["--version", "9.9.9"])
    case .failsProbes: world.anotherDaemon(["--bad-probes"])
    }
  }

  func release() async throws -> Release { try await world.release() }

  func identity(of id: InstanceID) async throws -> String { "\(try await world.details(id).pid)" }

  func kill(_ id: InstanceID) async throws {
    Glibc.kill(try await world.details(id).pid, SIGKILL)
  }

  func end() async { await world.end() }
}

/// A directory of artifacts, with archives in files beside it.
final class ArtifactDirectorySubject: ArtifactStoreSubject {
  private let directory = TemporaryDirectory.make()

  deinit { TemporaryDirectory.remove(directory) }

  private var artifacts: ArtifactDirectory {
    ArtifactDirectory(path: directory + "/artifacts", transport: PlainTransport())
  }

  func connect() -> any ArtifactStore { artifacts }

  func publish() throws -> Release { try FleetWorld.release("1.0.0", in: directory) }

  private func archive(_ release: Release) throws -> ArchiveReference {
    try #require(release.artifact)
  }

  func replace(_ release: Release) throws {
    let other = try archive(FleetWorld.release("2.0.0", in: directory))
    Programs.run("/usr/bin/cp", [other.url, try archive(release).url])
  }

  func withdraw(_ release: Release) throws { unlink(try archive(release).url) }

  func tamper(_ release: Release) throws {
    let unpacked = artifacts.directory(of: try archive(release))
    Programs.run("/usr/bin/chmod", ["-R", "u+w", unpacked])
    try Records.write("another program", to: unpacked + "/bin/testserver")
  }
}
