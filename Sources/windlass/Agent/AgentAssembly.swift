import CurlTransport
import Logging
import ProcessFleet
import ReleaseFeeds
import WindlassCore
import WindlassEngine
import WindlassJournal
import WindlassProof
import WindlassSchema
import WindlassWire

/// One service with everything that drives it.
struct AgentService: Sendable {
  let configuration: ServiceConfiguration
  let `operator`: ServiceOperator
  let feed: FeedLoop
  let sweep: RehearsalSweep
}

/// Wires configurations to drivers; the only place that knows all of them.
struct AgentAssembly {
  let state: StateDirectory
  let journal: any RunJournal
  let clock: any RunClock
  let logger: Logger
  let transport: any HTTPTransport
  /// One for all services: they share what was unpacked.
  let artifacts: ArtifactDirectory
  let failpoint: Failpoint
  /// Who runs the instances.
  let keeper: InstanceKeeper

  /// Makes everything that one service needs; nothing is started or touched yet.
  func service(_ configuration: ServiceConfiguration) throws -> AgentService {
    let database = try configuration.database.source.resolve()
    let folder = state.service(configuration.name)
    let clock = clock
    let now: @Sendable () -> Timestamp = { clock.now() }
    let drivers = try ServiceDrivers(
      configuration, url: database, folder: folder, locate: migrations(in: artifacts), now: now)
    let (fleet, listeners) = try fleet(configuration, database: database)
    let servers = IsolatedServers(
      settings: rehearsalSettings(configuration, drivers), artifacts: artifacts)
    let artifacts = artifacts
    let rehearsal = RehearsalRunner(
      scratch: drivers.scratch, servers: servers,
      queries: { queries async throws(StepFailure) in try await artifacts.bytes(of: queries) },
      transport: transport,
      configuration: RehearsalConfiguration(
        probes: probes(configuration), holdBudget: configuration.database.holdBudget,
        isolation: configuration.proof.isolation == .none ? .none : .network,
        requirement: configuration.proof.requirement),
      reports: ReportDirectory(path: folder + "/reports"))
    let ports = ServicePorts(
      database: drivers.database, backups: drivers.backups, rehearsal: rehearsal,
      fleet: .instances(fleet), listeners: listeners, artifacts: artifacts,
      backupsKept: configuration.backup.keep)
    let service = ServiceOperator(
      policy: policy(configuration), ports: ports, journal: journal, clock: clock,
      logger: logger.for(configuration.name), failpoint: failpoint)
    return AgentService(
      configuration: configuration, operator: service,
      feed: try feed(configuration, receiver: service, folder: folder, engine: drivers.engine),
      sweep: RehearsalSweep(
        servers: servers, scratch: drivers.scratch, logger: logger.for(configuration.name)))
  }

  /// The instances, and the listeners where this daemon can have them bound.
  private func fleet(
    _ configuration: ServiceConfiguration, database: Secret
  ) throws -> (any Fleet, (any PublicListeners)?) {
    let fleets = FleetAssembly(
      state: state, clock: clock, transport: transport, artifacts: artifacts)
    switch keeper {
    case .shim:
      let fleet = try fleets.shim(configuration, database: database)
      return (fleet, fleet)
    case .launcher(let place):
      let fleet = try fleets.launcher(configuration, at: place)
      return (fleet, fleet)
    case .slots(let fleet): return (fleet, nil)
    }
  }

  private func feed(
    _ configuration: ServiceConfiguration, receiver: ServiceOperator, folder: String,
    engine: String
  ) throws -> FeedLoop {
    let source = configuration.source
    guard let place = ReleaseFeeds.ManifestSource(source.url) else {
      throw CommandFailure(
        .usage, "BadConfiguration",
        "The manifest of \(configuration.name) can't be at \(source.url): write an https:, http: "
          + "or file: URL.")
    }
    let clock = clock
    let poller = ManifestPoller(
      source: place, service: ServiceName(source.service),
      keys: try TrustedKeys(source.publicKeys), interval: source.interval,
      store: FileTrustStore(path: folder + "/trust.json"), transport: transport,
      now: { clock.now() })
    return FeedLoop(
      poller: poller, receiver: { receiver.offer($0) }, engine: engine, clock: clock,
      logger: logger.for(configuration.name))
  }

  private func migrations(in artifacts: ArtifactDirectory) -> MigrationLocator {
    { archive throws(StepFailure) in artifacts.directory(of: archive) }
  }

  private func probes(_ configuration: ServiceConfiguration) -> ProbeConfiguration {
    ProbeConfiguration(readinessPath: configuration.fleet.readinessPath)
  }

  private func rehearsalSettings(
    _ configuration: ServiceConfiguration, _ drivers: ServiceDrivers
  ) -> RehearsalServerSettings {
    let fleet = configuration.fleet
    return RehearsalServerSettings(
      command: fleet.command,
      environment: fleet.environment.merging(configuration.proof.environment) { _, new in new },
      databaseVariable: configuration.database.injection?.environmentVariable,
      listenerNames: fleet.listeners.map(\.name), productionFiles: drivers.productionFiles,
      databaseWatch: drivers.watch,
      usesOwnNetwork: configuration.proof.isolation == .network,
      workDirectory: state.service(configuration.name) + "/rehearsal")
  }

  private func policy(_ configuration: ServiceConfiguration) -> ServicePolicy {
    ServicePolicy(
      service: configuration.name, channel: configuration.channel,
      versions: configuration.versions, minimumAge: configuration.minimumAge,
      needsApproval: configuration.policy.approval == .always, rollout: configuration.rollout)
  }
}

extension Logger {
  /// The logger of one service.
  fileprivate func `for`(_ service: ServiceName) -> Logger {
    var logger = self
    logger[metadataKey: "service"] = "\(service)"
    return logger
  }
}
