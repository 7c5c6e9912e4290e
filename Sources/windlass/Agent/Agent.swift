import CurlTransport
import Logging
import ProcessFleet
import SQLiteDriver
import ServiceLifecycle
import UnixSignals
import WindlassCore
import WindlassEngine
import WindlassJournal
import WindlassWire

/// The running daemon: its services, their feeds, and the control socket.
struct Agent {
  private let services: [AgentService]
  private let state: StateDirectory
  private let clock: any RunClock
  private let logger: Logger

  /// Opens the journal and wires every service; nothing is started yet.
  init(
    _ configurations: [ServiceConfiguration], state: StateDirectory,
    launcher: LauncherPlace? = nil, logger: Logger
  ) async throws {
    let journal = try await state.openJournal()
    let clock = SystemClock(floor: await journal.newestTime())
    let transport = try CurlTransport()
    let assembly = AgentAssembly(
      state: state, journal: journal, clock: clock, logger: logger, transport: transport,
      artifacts: ArtifactDirectory(path: state.artifacts, transport: transport),
      failpoint: Failpoints.fromEnvironment(),
      keeper: launcher.map { .launcher($0) } ?? .shim)
    services = try configurations.map { try assembly.service($0) }
    self.state = state
    self.clock = clock
    self.logger = logger
  }

  /// Serves until SIGTERM or SIGINT; the effect in flight is finished first.
  func run() async throws -> ExitStatus {
    await sweep()
    let answerer = ControlAnswers(services: services, clock: clock)
    let control = try ControlServer(path: state.controlSocket) { await answerer.answer($0) }
    let members =
      [control as any Service, CodePages(clock: clock)]
      + services.flatMap { [$0.operator, $0.feed] as [any Service] }
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: members.map { .init(service: $0, failureTerminationBehavior: .cancelGroup) },
        gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
    logger.notice("Agent started", metadata: ["services": "\(services.count)"])
    try await group.run()
    logger.notice("Agent stopped")
    return .done
  }

  /// Brings every service to rest once.
  func runOnce(_ output: Output) async throws -> ExitStatus {
    let services = services
    let clock = clock
    await sweep()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for service in services {
        group.addTask { try await service.operator.run() }
        group.addTask { try await service.feed.run() }
      }
      let bound = clock.now() + Bounds.onceDeadline
      while clock.now() < bound, !services.allSatisfy(Rest.isReached) {
        await clock.sleep(until: clock.now() + Bounds.fleetPollInterval)
      }
      for service in services { service.operator.stop() }
      group.cancelAll()
      // Cancelled loops end without an error; one that failed before must be heard.
      while let result = await group.nextResult() {
        if case .failure(let error) = result, !(error is CancellationError) { throw error }
      }
    }
    var worst = ExitStatus.done
    for service in services {
      let state = service.operator.snapshot
      output.object(StatusBody.service(state, feed: service.feed.condition, now: clock.now()))
      let verdict = Rest.verdict(state, feed: service.feed.condition)
      output.line(Span("\(state.record.policy.service): \(verdict.sentence)"))
      if verdict.status != .done { worst = verdict.status }
    }
    return worst
  }

  /// Takes away what a killed daemon left, before any service is driven.
  private func sweep() async {
    for service in services { await service.sweep.perform() }
  }

  /// The life cycle's own lines say nothing that ours do not.
  private var quiet: Logger {
    var quiet = logger
    quiet.logLevel = .error
    return quiet
  }
}

/// When `--once` is done, and how it ends.
enum Rest {
  /// Whether the service needs nothing, or nothing can be done for it now.
  static func isReached(_ service: AgentService) -> Bool {
    let state = service.operator.snapshot
    guard service.feed.pollCount > 0, service.operator.isIdle else { return false }
    let record = state.record
    if let run = record.run {
      let needsApproval = run.phase == .approve && record.policy.needsApproval
      return run.block != nil || needsApproval || record.isPaused
    }
    if record.block != nil || record.isPaused { return true }
    guard state.watch.fleet != nil, state.watch.ledger != nil, record.inFlight == nil else {
      return false
    }
    guard state.watch.offer != nil else { return !service.feed.condition.isFetched }
    let ready = record.instances.count { $0.isWanted && state.watch.readySince[$0.id] != nil }
    return record.deployed == nil || ready >= record.policy.rollout.replicas
  }

  /// How `--once` ends for one service, and why.
  static func verdict(
    _ state: ServiceState, feed: FeedCondition
  ) -> (status: ExitStatus, sentence: String) {
    let record = state.record
    if let run = record.run {
      guard let block = run.block else {
        return (.pending, "\(run.plan.run) waits in phase \(run.phase.rawValue)")
      }
      return (ExitStatus(of: block), "blocked: \(block)")
    }
    if let block = record.block { return (ExitStatus(of: block), "blocked: \(block)") }
    if !feed.isFetched { return (.failed, "the manifest was not fetched: \(feed.message)") }
    if let last = record.pastRuns.last, last.ending != .completed {
      let reason = last.reason ?? Block(code: "Unknown", message: "no reason was recorded")
      return (ExitStatus(of: reason), "\(last.run) ended \(last.ending.rawValue): \(reason)")
    }
    guard let deployed = record.deployed else { return (.pending, "no release is deployed") }
    return (.done, "\(deployed.version) is deployed and ready")
  }
}

extension ExitStatus {
  /// The exit code that a block stands for.
  fileprivate init(of block: Block) {
    self.init(of: StepFailure(code: block.code, disposition: .stop, message: block.message))
  }
}
