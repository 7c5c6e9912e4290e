import Glibc
package import WindlassCore
package import WindlassWire

/// The instances of one service as a launcher in another container of this pod keeps them.
///
/// The orders are in a file that both see, and count from the moment that they are durable: an
/// instance that is ordered may be alive, whether or not the launcher runs.
package actor LauncherFleet: Fleet, PublicListeners {
  private let settings: ProcessFleetSettings
  private let wake: LauncherWake
  private let folder: LauncherFolder
  private let artifacts: ArtifactDirectory
  private let transport: any HTTPTransport
  private let questions: InstanceQuestions
  private let prober: ProcessFleet.Prober
  private let now: @Sendable () -> Timestamp
  private let executor: BlockingExecutor

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes the sidecar's side of a fleet; nothing is written before it is asked for.
  ///
  /// - Parameters:
  ///   - settings: What is run, and how; its state directory is the folder that both share. Its
  ///     database is not told to instances: they have the launcher's environment.
  ///   - wake: How the launcher is told of orders.
  ///   - artifacts: Where prepared releases are, under a path that the launcher sees as well.
  package init(
    settings: ProcessFleetSettings, wake: LauncherWake, artifacts: ArtifactDirectory,
    transport: any HTTPTransport, prober: @escaping ProcessFleet.Prober,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.settings = settings
    self.wake = wake
    self.artifacts = artifacts
    self.transport = transport
    self.prober = prober
    self.now = now
    folder = LauncherFolder(path: settings.stateDirectory)
    questions = InstanceQuestions(settings: settings, transport: transport)
    executor = BlockingExecutor(label: "windlass.launcher")
  }

  // MARK: Reading

  /// Reads orders and report, asks every living instance, and reads both once more.
  package func observe() async throws(StepFailure) -> FleetReading {
    let asOf = now()
    let alive = try known().compactMap(\.instance).filter { $0.life == .alive }
    let answers = await questions.ask(alive)
    let readings = try known().map { $0.reading(answers[$0.id]) }
    return FleetReading(instances: readings, asOf: asOf)
  }

  /// An instance that was ordered or begun, and is not to be forgotten.
  private struct Known {
    var id: InstanceID
    var release: Version
    /// Whether it was told to end.
    var isStopped: Bool
    /// What is known of its process; nil while it has none.
    var instance: ShimInstance?
    /// What stands for the process while it has none.
    var life: InstanceLife
    var detail: String

    func reading(_ answer: InstanceAnswer?) -> InstanceReading {
      guard var instance else {
        return InstanceReading(id: id, release: release, life: life, detail: detail)
      }
      instance.isDraining = (instance.isDraining || isStopped) && instance.life != .dead
      return InstanceReading(instance, answer: answer)
    }
  }

  private func known() throws(StepFailure) -> [Known] {
    let orders = try folder.loadOrders()
    let report = try folder.loadReport()
    let sight = try LauncherSight(report, isServed: folder.isServed)
    var known: [Known] = []
    for order in orders.orders {
      let described = describe(order, report, sight)
      // What is forgotten and lives all the same is no less alive for it.
      if order.wish != .forget || described.instance?.life == .alive { known.append(described) }
    }
    // What a launcher runs without an order is there as well.
    for instance in report?.instances ?? [] where orders[instance.id] == nil {
      let seen = sight.see(instance)
      known.append(
        Known(
          id: seen.id, release: seen.release, isStopped: false, instance: seen, life: seen.life,
          detail: seen.detail))
    }
    return known
  }

  private func describe(
    _ order: LauncherOrder, _ report: LauncherReport?, _ sight: LauncherSight
  ) -> Known {
    var known = Known(
      id: order.id, release: order.release, isStopped: order.wish == .stop,
      instance: report?[order.id].map(sight.see), life: .unknown, detail: "")
    guard known.instance == nil else { return known }
    let isTaken = report.map { $0.sequence >= order.since } ?? false
    if let refusal = report?.refusals.first(where: { $0.id == order.id }) {
      (known.life, known.detail) = (.dead, refusal.failure.message)
    } else if order.wish == .stop, isTaken {
      (known.life, known.detail) = (.dead, "it was never begun")
    } else if sight.isServed {
      let trouble = report?.trouble ?? ""
      known.life = .alive
      known.detail = trouble.isEmpty ? "the launcher has not begun it yet" : trouble
    } else {
      known.detail = "no launcher runs that would tell whether it was begun"
    }
    return known
  }

  // MARK: Orders

  /// Verifies the program, writes the order, and waits for the launcher to take it, but not for
  /// ever: the order stands.
  package func start(_ order: StartOrder) async throws(StepFailure) {
    try folder.make()
    let orders = try folder.loadOrders()
    let reported = try folder.loadReport()?[order.id]
    guard orders[order.id] == nil, reported == nil else {
      return try await remind(orders, of: order.id)
    }
    try requireLauncher()
    let command = try await InstanceCommand.resolve(
      settings.command, for: order.release, artifacts: artifacts)
    let program = command.arguments[0]
    let digest: Digest
    do throws(SystemError) {
      digest = try FileDigest.digest(of: command.executable, program).digest
    } catch {
      throw error.failure(code: "ArtifactUnreadable", next: "make the artifact readable")
    }
    let patience = settings.drain + settings.grace
    let environment = settings.environment.sorted { $0.key < $1.key }.map {
      "\($0.key)=\($0.value)"
    }
    // Read again: the artifact took its time, and nobody else may have written meanwhile.
    let next = try folder.loadOrders().changed { orders in
      orders.listeners = settings.listeners
      orders.orders.append(
        LauncherOrder(
          id: order.id, release: order.release.version, program: program, digest: digest,
          arguments: command.arguments, directory: command.directory, isScript: command.isScript,
          environment: environment, patience: patience, since: orders.sequence))
    }
    try folder.save(next)
    try await remind(next, of: order.id)
  }

  private func requireLauncher() throws(StepFailure) {
    guard !folder.isServed else { return }
    throw StepFailure(
      code: "LauncherAbsent", disposition: .retry,
      message: "nothing was ordered: no launcher serves \(folder.path). See whether the main "
        + "container runs `windlass launch --folder \(folder.path)`, as this user")
  }

  /// Has the launcher bind the listeners for a run that has changed nothing yet; so a port that
  /// somebody else holds ends the run, where a start would wait for it.
  package func reserve() async throws(StepFailure) {
    try folder.make()
    try requireLauncher()
    var orders = try folder.loadOrders()
    if orders.listeners != settings.listeners {
      orders = orders.changed { $0.listeners = settings.listeners }
      try folder.save(orders)
    }
    guard try await acknowledged(orders) == nil else { return }
    let trouble = try folder.loadReport()?.trouble ?? ""
    throw StepFailure(
      code: "LauncherSilent", disposition: .stop,
      message: "the launcher of \(folder.path) did not take its orders within "
        + "\(Bounds.launcherPatience)" + (trouble.isEmpty ? "" : ": \(trouble)"))
  }

  /// Wakes the launcher up and waits until it has taken the orders about the instance, but not for
  /// ever: they stand.
  ///
  /// - Throws: why it refused to start the instance; the order is taken back then.
  private func remind(_ orders: LauncherOrders, of id: InstanceID) async throws(StepFailure) {
    let report = try await acknowledged(orders)
    guard let refusal = report?.refusals.first(where: { $0.id == id }) else { return }
    try folder.save(
      folder.loadOrders().changed { orders in orders.orders.removeAll { $0.id == id } })
    throw refusal.failure
  }

  /// The first report that takes the orders into account; nil when none came in time.
  private func acknowledged(
    _ orders: LauncherOrders
  ) async throws(StepFailure) -> LauncherReport? {
    var report = try folder.loadReport()
    if let report, report.sequence >= orders.sequence { return report }
    try await wake.tell(orders, report?.process, over: transport)
    let deadline = MonotonicClock.milliseconds() + Bounds.launcherPatience.milliseconds
    while MonotonicClock.milliseconds() < deadline, !Task.isCancelled {
      report = try folder.loadReport()
      if let report, report.sequence >= orders.sequence { return report }
      usleep(UInt32(Bounds.launcherLookInterval.milliseconds) * 1_000)
    }
    return nil
  }

  /// Orders SIGTERM, and SIGKILL after drain and grace.
  package func stop(_ id: InstanceID) async throws(StepFailure) {
    guard let known = try known().first(where: { $0.id == id }) else { return }
    let instance = known.instance
    guard known.life != .dead || instance != nil, instance?.life != .dead, !known.isStopped else {
      return
    }
    if let instance, instance.life == .unknown {
      throw StepFailure(
        code: "InstanceInDoubt", disposition: .wait,
        message: "\(id) can't be stopped, because nobody can tell whether it runs: "
          + "\(instance.detail). Make sure that it has ended, then confirm it (windlass "
          + "confirm-dead \(id))")
    }
    try await wish(.stop, for: id, known)
  }

  /// Drops an instance that is not alive from the records of both sides.
  package func forget(_ id: InstanceID) async throws(StepFailure) {
    guard let known = try known().first(where: { $0.id == id }) else { return }
    guard (known.instance?.life ?? known.life) != .alive else {
      throw StepFailure(
        code: "InstanceAlive", disposition: .stop,
        message: "\(id) still runs and can't be forgotten; stop it first")
    }
    try await wish(.forget, for: id, known)
  }

  private func wish(
    _ wish: LauncherOrder.Wish, for id: InstanceID, _ known: Known
  ) async throws(StepFailure) {
    let report = try folder.loadReport()
    let next = try folder.loadOrders().changed { orders in
      if orders[id] == nil {
        orders.orders.append(
          LauncherOrder(
            id: id, release: known.release, program: "", digest: Digest(""), arguments: [],
            directory: "", isScript: false, environment: [],
            patience: settings.drain + settings.grace, wish: wish, since: orders.sequence))
      }
      orders.wish(wish, for: id)
      // What the launcher has forgotten needs no word any more.
      orders.orders.removeAll { order in
        guard order.wish == .forget, order.since < orders.sequence, let report else { return false }
        return report.sequence >= order.since && report[order.id] == nil
      }
    }
    try folder.save(next)
    try await wake.tell(next, report?.process, over: transport)
  }

  /// Puts the probes to the instance through the prober.
  package func probe(
    _ id: InstanceID, with probes: [Probe]
  ) async throws(StepFailure) -> String? {
    guard let instance = try known().first(where: { $0.id == id })?.instance,
      instance.life == .alive
    else {
      return "the instance \(id) is not there to be asked"
    }
    return try await prober(probes, instance.baseURL)
  }
}

/// What a report is worth now: a launcher that runs tells of what it sees; one that does not may
/// have left anything behind.
private struct LauncherSight {
  let isServed: Bool
  private let isOtherBoot: Bool
  private let taken: Set<InstanceID>

  init(_ report: LauncherReport?, isServed: Bool) throws(StepFailure) {
    self.isServed = isServed
    taken = Set(report?.taken ?? [])
    do throws(SystemError) {
      let boot = try HostIdentity.current().bootID
      isOtherBoot = report.map { $0.process.host.bootID != boot } ?? false
    } catch {
      throw error.failure(code: "NoBootID", next: "the sidecar needs /proc")
    }
  }

  /// The instance as it is known now.
  func see(_ instance: ShimInstance) -> ShimInstance {
    var seen = instance
    // How it ended says nothing about its release: its container was taken away.
    if taken.contains(instance.id) { seen.exit = instance.exit.map { _ in ExitReport() } }
    guard instance.life == .alive, !isServed else { return seen }
    seen.life = isOtherBoot ? .dead : .unknown
    seen.detail = isOtherBoot ? "" : "its launcher does not run, and has not seen its end"
    return seen
  }
}
