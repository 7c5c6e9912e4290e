import CurlTransport
import Logging
import ProcessFleet
import ServiceLifecycle
import Synchronization
import UnixSignals
import WindlassCore
import WindlassEngine
import WindlassSchema
import WindlassWire

/// The daemon beside one replica of a service that has several.
///
/// It keeps its replica's slot. Of all sidecars of the service one leads: it drives the service as
/// a daemon on a machine does, with a journal in the service's database and the slots as its fleet.
final class Sidecar: Service {
  private let configuration: ServiceConfiguration
  private let state: StateDirectory
  private let database: SidecarDatabase
  private let transport: CurlTransport
  private let artifacts: ArtifactDirectory
  private let keeper: SlotKeeper
  private let lease: LeaseKeeper
  private let clock = SystemClock(floor: nil)
  private let logger: Logger
  private let standing = Mutex(Standing())

  private struct Standing {
    var isStopping = false
    /// What this sidecar leads; nil while another one does.
    var led: AgentService?
    /// Who led when it was looked at last.
    var leader = ""
    /// The last trouble, so that the same is not told again and again.
    var trouble = ""
  }

  /// Wires the sidecar; nothing is started yet.
  init(
    _ configuration: ServiceConfiguration, state: StateDirectory, launcher: LauncherPlace,
    logger: Logger
  ) throws {
    self.configuration = configuration
    self.state = state
    database = try SidecarDatabase(configuration)
    let replica = try ReplicaName.load(from: launcher.folder)
    transport = try CurlTransport()
    artifacts = ArtifactDirectory(path: state.artifacts, transport: transport)
    var logger = logger
    logger[metadataKey: "service"] = "\(configuration.name)"
    logger[metadataKey: "replica"] = "\(replica)"
    self.logger = logger
    let coordination = database.coordination()
    let name = "\(replica)/\(String(UInt64.random(in: .min ... .max), radix: 36))"
    lease = LeaseKeeper(coordination: coordination, clock: clock, holder: name)
    let fleets = FleetAssembly(
      state: state, clock: clock, transport: transport, artifacts: artifacts)
    keeper = SlotKeeper(
      replica, database.coordination(),
      fleet: try fleets.launcher(configuration, at: launcher), artifacts: artifacts)
  }

  /// Serves until SIGTERM or SIGINT.
  func serve() async throws -> ExitStatus {
    let control = try ControlServer(path: state.controlSocket) { await self.answer($0) }
    let members: [any Service] = [control, CodePages(clock: clock), self]
    var quiet = logger
    quiet.logLevel = .error
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: members.map { .init(service: $0, failureTerminationBehavior: .cancelGroup) },
        gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
    logger.notice("Sidecar started")
    try await group.run()
    logger.notice("Sidecar stopped")
    return .done
  }

  func run() async throws {
    await withGracefulShutdownHandler {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.keepSlot() }
        await self.stand()
        // Only now: what the leader still had in flight may have concerned this replica.
        group.cancelAll()
      }
      // The last word about what runs here.
      await beat()
    } onGracefulShutdown: {
      self.standing.withLock { $0.isStopping = true }
    }
  }

  private var isStopping: Bool { standing.withLock(\.isStopping) }

  // MARK: Slot

  private func keepSlot() async {
    while !Task.isCancelled {
      await beat()
      await clock.sleep(until: clock.now() + Bounds.slotBeatInterval)
    }
  }

  private func beat() async {
    do throws(StepFailure) {
      try await keeper.beat()
      tell(nil)
    } catch {
      tell(error)
    }
  }

  private func tell(_ failure: StepFailure?) {
    let text = failure?.description ?? ""
    let isNew = standing.withLock { standing -> Bool in
      defer { standing.trouble = text }
      return standing.trouble != text && !text.isEmpty
    }
    if isNew { logger.warning("Slot was not kept", metadata: ["failure": "\(text)"]) }
  }

  // MARK: Leading

  /// Leads whenever it may, until the sidecar stops.
  private func stand() async {
    while !isStopping, !Task.isCancelled {
      let won = await lease.win(
        while: { !self.isStopping },
        tell: { lease, failure in
          if let lease { self.standing.withLock { $0.leader = lease.holder } }
          if let failure { self.tell(failure) }
        })
      guard let won else { return }
      logger.notice("Leadership began", metadata: ["term": "\(won.term)"])
      await lead(with: won)
      logger.notice("Leadership ended", metadata: ["term": "\(won.term)"])
      // Somebody else's turn, where this one can't work.
      await clock.sleep(until: clock.now() + Bounds.leaseInterval)
    }
  }

  private enum Ending: Sendable {
    case work
    case right(Lease?)
  }

  private func lead(with lease: Lease) async {
    let held = await withTaskGroup(of: Ending.self, returning: Lease?.self) { group in
      group.addTask {
        await self.work(under: lease)
        return .work
      }
      group.addTask { Ending.right(await self.lease.renew(lease)) }
      let first = await group.next()
      // Cut short, if the right is gone: what an effect changes is guarded by lease and fence.
      group.cancelAll()
      var held: Lease?
      if case .right(let lease)? = first { held = lease }
      for await ending in group {
        if case .right(let lease) = ending { held = lease }
      }
      return held
    }
    // All guarded work has ended.
    if let held { await self.lease.release(held) }
  }

  /// Drives the service until its driver ends.
  private func work(under lease: Lease) async {
    do {
      let journal = try await database.journal(under: lease)
      let clock = SystemClock(floor: journal.newestTime)
      let slots = SlotFleet(database.coordination(), under: lease, clock: clock)
      let assembly = AgentAssembly(
        state: state, journal: journal, clock: clock, logger: logger, transport: transport,
        artifacts: artifacts, failpoint: Failpoints.fromEnvironment(), keeper: .slots(slots))
      let service = try assembly.service(configuration)
      try await fetch(what: ServiceOperator.recorded(in: journal, of: configuration.name)?.record)
      await service.sweep.perform()
      let mayBegin = standing.withLock { standing -> Bool in
        standing.led = service
        return !standing.isStopping
      }
      defer { standing.withLock { $0.led = nil } }
      guard mayBegin else { return }
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await service.feed.run() }
        defer { group.cancelAll() }
        try await service.operator.run()
      }
    } catch {
      logger.warning("Service was not driven", metadata: ["failure": "\(error)"])
    }
  }

  /// Gets what an open run needs of this pod's disk: who led when it was prepared had its own.
  private func fetch(what record: ServiceRecord?) async throws(StepFailure) {
    guard let plan = record?.run?.plan else { return }
    if let source = plan.source { try await artifacts.prepare(source) }
    try await artifacts.prepare(plan.target)
  }

  // MARK: Answers

  private func answer(_ request: ControlRequest) async -> ControlResponse {
    let (led, leader) = standing.withLock { ($0.led, $0.leader) }
    if let led { return await ControlAnswers(services: [led], clock: clock).answer(request) }
    let who = leader.split(separator: "/").first.map { "the one of \($0) does" } ?? "none does yet"
    return ControlResponse(
      status: .failed,
      message: "this sidecar of \(configuration.name) does not lead: \(who). Ask that one, in its "
        + "own pod", body: .null)
  }
}
