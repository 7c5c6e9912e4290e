package import WindlassCore
package import WindlassWire

/// The instances of one service as processes of this machine, kept by a shim that outlives the
/// daemon.
package actor ProcessFleet: Fleet, PublicListeners {
  /// Puts a release's safe probes to one instance at a base URL; nil when all passed.
  package typealias Prober =
    @Sendable (
      _ probes: [Probe], _ baseURL: String
    ) async throws(StepFailure) -> String?

  private let settings: ProcessFleetSettings
  private let artifacts: ArtifactDirectory
  private let questions: InstanceQuestions
  private let prober: Prober
  private let now: @Sendable () -> Timestamp
  private let shim: ShimClient
  private let executor: BlockingExecutor

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes the daemon's side of a fleet; nothing is started or bound before it is asked for.
  ///
  /// - Parameters:
  ///   - artifacts: Where prepared releases are; their programs are verified at each start.
  ///   - transport: Carries readiness and version questions to private listeners.
  ///   - prober: Puts probes to an instance.
  ///   - now: The clock of readings.
  ///   - invocation: How the shim is started where none runs.
  package init(
    settings: ProcessFleetSettings, artifacts: ArtifactDirectory, transport: any HTTPTransport,
    prober: @escaping Prober, now: @escaping @Sendable () -> Timestamp,
    shim invocation: ShimInvocation = ShimInvocation()
  ) {
    self.settings = settings
    self.artifacts = artifacts
    self.prober = prober
    self.now = now
    questions = InstanceQuestions(settings: settings, transport: transport)
    shim = ShimClient(stateDirectory: settings.stateDirectory, command: invocation)
    executor = BlockingExecutor(label: "windlass.fleet")
  }

  /// Reads the shim, asks every living instance, and reads the shim once more.
  package func observe() async throws(StepFailure) -> FleetReading {
    let asOf = now()
    let before = try shim.ask(.read)
    let answers = await questions.ask(before.instances.filter { $0.life == .alive })
    // Read again: an answer of an instance that has ended since is worth nothing.
    let after = answers.isEmpty ? before : try shim.ask(.read)
    return FleetReading(
      instances: after.instances.map { InstanceReading($0, answer: answers[$0.id]) }, asOf: asOf)
  }

  /// Verifies the program, binds the listeners where they are not, and starts the instance.
  package func start(_ order: StartOrder) async throws(StepFailure) {
    let command = try await InstanceCommand.resolve(
      settings.command, for: order.release, artifacts: artifacts)
    let start = InstanceOrder(
      id: order.id, release: order.release.version, arguments: command.arguments,
      environment: InstanceEnvironment.entries(
        settings.environment, database: settings.database),
      directory: command.directory, isScript: command.isScript)
    try bindListeners()
    do {
      _ = try shim.ask(.start(start), with: command.executable)
    } catch  where error.code == ShimFleet.noListenerCode {
      // The shim was replaced between the two requests.
      try bindListeners()
      _ = try shim.ask(.start(start), with: command.executable)
    }
  }

  /// Sends SIGTERM; the shim sends SIGKILL after drain and grace, whether or not we still run.
  package func stop(_ id: InstanceID) async throws(StepFailure) {
    _ = try shim.ask(.stop(id, patience: settings.drain + settings.grace))
  }

  /// Puts the probes to the private listener through the prober.
  package func probe(
    _ id: InstanceID, with probes: [Probe]
  ) async throws(StepFailure) -> String? {
    guard let instance = try shim.ask(.read).instance(id), instance.life == .alive else {
      return "the instance \(id) is not there to be asked"
    }
    return try await prober(probes, instance.baseURL)
  }

  /// Drops the record of an instance that is not alive.
  package func forget(_ id: InstanceID) async throws(StepFailure) {
    _ = try shim.ask(.forget(id))
  }

  /// Binds the public listeners where they are not bound yet, so that a port in use shows before
  /// anything is changed. Every start does it too.
  @discardableResult
  package func bindListeners() throws(StepFailure) -> [ListenerReading] {
    try shim.ask(
      .configure(listeners: settings.listeners, backlog: Bounds.publicBacklog)
    ).listeners
  }

  /// Binds the public listeners for a run that has changed nothing yet; so a port that somebody
  /// else holds ends the run, where a start would wait for it.
  package func reserve() async throws(StepFailure) {
    do throws(StepFailure) {
      try bindListeners()
    } catch {
      var failure = error
      if failure.disposition == .wait { failure.disposition = .stop }
      throw failure
    }
  }

  /// What the shim knows, without asking the instances anything.
  package func details() throws(StepFailure) -> ShimReading {
    try shim.ask(.read)
  }

  /// Ends the shim and gives up the listeners; refused while an instance may be alive.
  package func leave() throws(StepFailure) {
    try shim.leave()
  }
}

extension ShimInstance {
  /// Where its private listener answers.
  package var baseURL: String { "http://\(privateAddress)" }
}

extension ShimInstance {
  /// How it ended, where anybody saw that; what ended together with its shim or its machine tells
  /// nothing about its release.
  fileprivate var seenExit: ExitReport? { exit.flatMap { $0 == ExitReport() ? nil : $0 } }
}

extension InstanceReading {
  /// Joins what the shim knows with what the instance answered.
  init(_ instance: ShimInstance, answer: InstanceAnswer?) {
    let isAlive = instance.life == .alive
    self.init(
      id: instance.id, release: instance.release, life: instance.life,
      isDraining: instance.isDraining, isReady: isAlive && answer?.isReady == true,
      reportedVersion: isAlive ? answer?.version : nil, exit: instance.seenExit,
      detail: isAlive ? answer?.detail ?? "it was started just now" : instance.detail)
  }
}
