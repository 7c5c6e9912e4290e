import WindlassContracts
import WindlassCore
import WindlassSimulation
import WindlassWire

/// The simulation's database, behind a port that a test may let stray.
struct SimulatedDatabaseSubject: ServiceDatabaseSubject {
  let service = SimulatedService(clock: SimulatedClock())
  /// What stands between the clause and the service.
  var port: @Sendable (SimulatedService) -> any ServiceDatabase = { $0 }
  /// Effects that the port had beside the service's own.
  var stray: @Sendable (SchemaVersion) async -> Int = { _ in 0 }

  func connect() async -> any ServiceDatabase {
    await service.breakMigration(4)
    return port(service)
  }

  func effects(of version: SchemaVersion) async -> Int {
    let strayed = await stray(version)
    return await service.effects(of: version) + strayed
  }

  func writeLedger(_ version: SchemaVersion, isDirty: Bool) async {
    await service.writeLedger(version, isDirty: isDirty)
  }

  func whileLocked(_ body: (any ServiceDatabase) async throws -> Void) async throws {
    await service.setLocked(true)
    try await body(port(service))
    await service.setLocked(false)
  }
}

/// The simulation's backups.
struct SimulatedBackupSubject: BackupStoreSubject {
  let service: SimulatedService
  /// What stands between the clause and the service.
  let port: any BackupStore

  init(_ port: (SimulatedService) -> any BackupStore = { $0 }) async throws {
    service = SimulatedService(clock: SimulatedClock())
    _ = try await service.takeFence(after: nil, run: "run")
    await service.writeLedger(3, isDirty: false)
    self.port = port(service)
  }

  func connect() -> any BackupStore { port }
  func ledger() async throws -> LedgerReading { try await service.inspect() }
  // No two backups of the simulation are the same bytes anyway.
  func write() {}

  func damage(_ id: BackupID, isRecorded: Bool) async {
    await service.damage(id, isRecorded: isRecorded)
  }
}

/// The simulation's fleet.
struct SimulatedFleetSubject: FleetSubject {
  let service = SimulatedService(clock: SimulatedClock())
  /// What stands between the clause and the service.
  var port: @Sendable (SimulatedService) -> any Fleet = { $0 }
  let probe = Probe(name: "probe", method: "GET", path: "/probe", isSafe: true)

  func connect(_ conduct: ServerConduct) async -> any Fleet {
    switch conduct {
    case .good: await service.behave(.good)
    case .neverReady: await service.behave(.neverReady)
    case .endsAtOnce: await service.behave(.crashes(after: .zero))
    case .ignoresTerm: await service.behave(.good, ignoresTerm: true)
    case .lies: await service.behave(.lies)
    case .failsProbes: await service.behave(.failsProbes)
    }
    return port(service)
  }

  func release() -> Release { Release(version: Version(1, 0, 0), window: SchemaWindow(at: 1)) }

  func identity(of id: InstanceID) async -> String { "\(await service.identity(of: id) ?? 0)" }
  func kill(_ id: InstanceID) async { await service.kill(id) }
  func end() {}
}

/// The simulation's journal, which outlives the daemons that open it.
struct SimulatedJournalSubject: RunJournalSubject {
  let journal = SimulatedJournal()
  /// What stands between the clause and the journal.
  var port: @Sendable (SimulatedJournal) -> any RunJournal = { $0 }

  func open() -> any RunJournal { port(journal) }
  func breakDisk() { journal.fill() }
}

/// What the simulation's sidecars share.
struct SimulatedCoordinationSubject: CoordinationSubject {
  private let coordination = SimulatedCoordination()
  /// How it strays; nil where it does not.
  var stray: StrayCoordination.Way?

  func connect() -> any Coordination {
    guard let stray else { return coordination }
    return StrayCoordination(coordination: coordination, way: stray)
  }

  func journal(under lease: Lease) -> any RunJournal {
    let journal = coordination.journal(under: lease)
    guard let stray else { return journal }
    return StrayMemory(journal: journal, way: stray)
  }
}

/// The simulation's clock.
struct SimulatedClockSubject: RunClockSubject {
  func start(after floor: Timestamp?) -> any RunClock { SimulatedClock(floor: floor) }
}

/// The simulation's artifacts.
struct SimulatedArtifactSubject: ArtifactStoreSubject {
  let service = SimulatedService(clock: SimulatedClock())
  /// What stands between the clause and the service.
  var port: @Sendable (SimulatedService) -> any ArtifactStore = { $0 }
  private let archive = ArchiveReference(url: "https://a.example/a", digest: "aa", size: 1)

  func connect() -> any ArtifactStore { port(service) }

  func publish() async -> Release {
    await service.publish(archive.url, archive.digest)
    return Release(
      version: Version(1, 0, 0), artifact: archive, window: SchemaWindow(at: 1))
  }

  func replace(_ release: Release) async { await service.publish(archive.url, "bb") }
  func withdraw(_ release: Release) async { await service.publish(archive.url, nil) }
  func tamper(_ release: Release) async { await service.tamper(archive.digest) }
}

/// The simulation's network.
struct SimulatedTransportSubject: HTTPTransportSubject {
  private let network: SimulatedTransport
  let transport: any HTTPTransport

  init(_ port: (SimulatedTransport) -> any HTTPTransport = { $0 }) {
    network = SimulatedTransport()
    transport = port(network)
  }

  func url(_ path: String) -> String { "http://peer.example" + path }
  let deserted = "http://nobody.example/x"

  func serve(_ path: String, _ conduct: PeerConduct) {
    let peer: SimulatedPeer =
      switch conduct {
      case .replies(let reply): .replies(reply)
      case .breaksOff(let reply, let end): .breaksOff(reply, after: end)
      case .goesOn: .goesOn
      case .staysSilent: .staysSilent
      }
    network.serve(url(path), peer)
  }

  var received: [String] {
    network.requests.map { "\($0.method) \($0.url.dropFirst("http://peer.example".count))" }
  }

  func end() {}
}
