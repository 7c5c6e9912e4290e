import KubernetesFleet
import Logging
import Synchronization
import WindlassCore
import WindlassEngine
import WindlassWire

/// Looks after one ManagedService as long as this process leads and the object exists: drives it,
/// takes changes of its wish, and lets it go.
///
/// What goes wrong with one service is told on it, and is tried again; no other one is touched.
final class ServiceDrive: Sendable {
  /// What is known of the object.
  private struct Sight: Sendable {
    /// Nil once it is gone.
    var object: KubernetesObject?
    /// Another service that was there first, with the same workload or database.
    var rival: ServiceRival?
  }

  /// The shortest time between two looks that nobody asked for.
  private static let turnInterval = Interval.milliseconds(100)
  private static let failureDelay = Interval.seconds(1)
  private static let failureDelayMax = Interval.minutes(1)

  let key: ObjectKey
  let uid: String
  private let assembly: OperatorAssembly
  private let ends: any SeenEnds
  private let changed: @Sendable () -> Void
  private let clock: any RunClock
  private let watch: StepWatch
  private let sight: Mutex<Sight>
  /// Whether something was told on the object, which a copy may not show yet.
  private let hasTold = Mutex(false)
  private let news = Signal()

  /// - Parameters:
  ///   - watch: Knows the steps of the service.
  ///   - ends: Has seen the ends of the namespace's pods.
  ///   - changed: Is told when the service gave back what it had.
  init(
    _ object: KubernetesObject, _ assembly: OperatorAssembly, watch: StepWatch,
    ends: any SeenEnds, clock: any RunClock,
    changed: @escaping @Sendable () -> Void
  ) {
    key = object.key
    uid = object.uid
    self.assembly = assembly
    self.ends = ends
    self.changed = changed
    self.clock = clock
    self.watch = watch
    sight = Mutex(Sight(object: object))
  }

  /// Takes in how the object is now; nil when it is gone.
  func see(_ object: KubernetesObject?, rival: ServiceRival? = nil) {
    let isNews = sight.withLock { sight in
      let old = sight
      sight = Sight(object: object, rival: rival)
      // What the operator itself writes is no news: it would keep itself busy.
      return old.object?.generation != object?.generation
        || old.object?.decisionOrders != object?.decisionOrders
        || old.object?.isDeleting != object?.isDeleting || old.rival != rival
        || old.object?.isPinned != object?.isPinned
    }
    if isNews { news.send() }
  }

  /// Drives the service until its object is gone, or the task is cancelled.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.watch.run() }
      await self.lookAfter()
      self.assembly.turns.leave(self.uid)
      group.cancelAll()
    }
  }

  private func lookAfter() async {
    var failures: Int64 = 0
    while !Task.isCancelled {
      let seen = news.count
      let sight = sight.withLock { $0 }
      guard let object = sight.object else { return }
      do {
        if try await isOver(object, sight.rival) { await news.wait(after: seen) }
        failures = 0
      } catch let error as ObjectError {
        // Nothing but another wish helps.
        stepBack()
        await tell(Block(code: "BadConfiguration", message: "\(error)"), of: object)
        await news.wait(after: seen)
      } catch {
        guard !Task.isCancelled else { return }
        stepBack()
        failures += 1
        let failure = CommandFailure(error)
        await tell(Block(code: failure.code, message: failure.message), of: object)
        let delay = min(
          Self.failureDelay * (Int64(1) << min(failures - 1, 6)), Self.failureDelayMax)
        await news.wait(after: seen, orUntil: clock.now() + delay, clock)
      }
    }
  }

  /// Does for the object as it was seen what there is to do; false to look at once again.
  private func isOver(_ object: KubernetesObject, _ rival: ServiceRival?) async throws -> Bool {
    if object.isDeleting {
      guard object.finalizers.contains(ServiceNotice.finalizer) else {
        stepBack()
        return true
      }
      try await drive(object)
      try await notices.release(object)
      assembly.logger.notice("Service was let go", metadata: ["service": "\(key)"])
      return true
    }
    if let rival {
      stepBack()
      await tell(rival.block(ServiceName(object.name)), of: object)
      return true
    }
    try await drive(object)
    return false
  }

  /// Lets the others begin: nothing is done for this service now, whatever is the reason.
  private func stepBack() {
    assembly.turns.declare(uid, isOpen: false)
    assembly.turns.giveBack(uid)
  }

  private var notices: ServiceNotice { ServiceNotice(assembly.client) }

  /// Tells on the object and in the log what is wrong.
  private func tell(_ block: Block, of object: KubernetesObject) async {
    assembly.logger.error(
      "Service is not driven", metadata: ["service": "\(key)", "reason": "\(block)"])
    assembly.events.note(
      ClusterEvent(.warning, reason: block.code, action: "Drive", note: block.message),
      about: object)
    hasTold.withLock { $0 = true }
    do throws(APIError) {
      try await notices.tell(block, of: object)
    } catch {
      assembly.logger.warning(
        "Condition could not be written",
        metadata: ["service": "\(key)", "failure": "\(error)"])
    }
  }

  // MARK: - Driving

  /// Drives a service until its wish changes, it is to be let go, or something fails.
  ///
  /// An open run goes by the wish that it was opened with; a new one is taken when it has ended.
  private func drive(_ object: KubernetesObject) async throws {
    let name = ServiceName(object.name)
    let namespace = object.namespace ?? "default"
    let journal = assembly.journal(namespace, assembly.client)
    let stored = try await ServiceOperator.recorded(in: journal, of: name)
    let isOpen = stored.map { $0.record.run != nil || $0.record.inFlight != nil } ?? false
    assembly.turns.declare(uid, isOpen: isOpen)
    guard isOpen || !object.isDeleting else { return }
    var wish: JSONValue?
    if let plan = stored?.record.run?.plan {
      wish = try await PinnedWish.find(for: plan, of: name, in: namespace, by: assembly.client)
    }
    let service = try ManagedService(object, spec: wish)
    if let rival = assembly.claims.begin(service) {
      throw StepFailure(rival.block(name), disposition: .wait)
    }
    defer {
      assembly.claims.end(service)
      // Another one may have waited for what this one had.
      changed()
    }
    if !object.isDeleting {
      try await notices.hold(object)
      // A thousand services of which nothing was told are not read for that.
      if hasTold.withLock({ $0 }) || ServiceNotice.isToldAmiss(object) {
        try await notices.begin(object)
      }
    }
    let driven = try assembly.drive(
      service, journal: journal, clock: FlooredClock(clock, floor: stored?.at), watch: watch,
      ends: ends)
    driven.pace.report { [news] in news.send() }
    assembly.logger.notice(
      "Service is driven",
      metadata: ["service": "\(key)", "generation": "\(object.generation)"])
    let exchange = DecisionExchange(
      driven, assembly, journal: journal, stored: stored?.record, clock: clock)
    // Before anything is begun: what the document pauses does not go on meanwhile.
    _ = await exchange.turn(object)
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await driven.operator.run()
        return true
      }
      group.addTask {
        try await driven.feed.run()
        return false
      }
      group.addTask {
        await driven.offers.run()
        return false
      }
      group.addTask {
        await self.supervise(driven, exchange)
        return false
      }
      defer { group.cancelAll() }
      while let hasEnded = try await group.next(), !hasEnded {}
    }
    // How it ended, before another wish is looked at.
    if !Task.isCancelled, let last = sight.withLock(\.object) { _ = await exchange.turn(last) }
  }

  /// Gives up a run that can't begin, where another wish waits for it.
  private func giveUpStuckRun(of driver: ServiceOperator, isWishNew: Bool) {
    let decisions = StuckRun.decisions(driver.snapshot, isWishNew: isWishNew)
    guard !decisions.isEmpty else { return }
    assembly.logger.notice("Run was given up for another wish", metadata: ["service": "\(key)"])
    for decision in decisions { driver.decide(decision) }
  }

  /// Has it on the object which workload the service is about, from when it is adopted.
  private func pin(_ service: ManagedService, _ object: KubernetesObject) async {
    do throws(APIError) {
      try await notices.keep(service.workload, of: object)
    } catch {
      // It is tried again at the next turn.
      assembly.logger.warning(
        "Workload could not be noted",
        metadata: ["service": "\(key)", "failure": "\(error)"])
    }
  }

  /// Keeps the service and people in touch, and ends the driving when there is a reason, at a
  /// moment when it may end.
  private func supervise(_ driven: DrivenService, _ exchange: DecisionExchange) async {
    while !Task.isCancelled {
      let seen = news.count
      let sight = sight.withLock { $0 }
      guard let object = sight.object else { return driven.operator.stop() }
      let due = await exchange.turn(object)
      let state = driven.operator.snapshot
      // Before another wish is looked at, which may name another one.
      if state.record.deployed != nil { await pin(driven.service, object) }
      if object.isDeleting, driven.operator.isIdle, StandStill.isReached(state) {
        // Whoever is needed for it to go on wants it gone.
        return driven.operator.stop()
      }
      let isWishNew = (object.body["spec"] ?? .object([])) != driven.service.wish
      if driven.operator.isIdle { giveUpStuckRun(of: driven.operator, isWishNew: isWishNew) }
      if object.isDeleting || isWishNew || sight.rival != nil {
        driven.operator.stopAtRest()
        assembly.turns.callAway(uid)
      }
      let now = clock.now()
      let last = now + driven.pace.tick
      let next = min(max(due ?? last, now + Self.turnInterval), last)
      await news.wait(after: seen, orUntil: next, clock)
    }
  }
}

/// Whether a run waits for somebody, and it is known what became of all that was begun.
enum StandStill {
  static func isReached(_ state: ServiceState) -> Bool {
    guard state.record.inFlight == nil, state.record.unresolved == nil else { return false }
    guard let run = state.record.run else { return true }
    let waitsForApproval =
      run.phase == .approve && state.record.policy.needsApproval
      && state.record.approved != run.plan.target.version
    return run.block != nil || state.record.isPaused || waitsForApproval
  }
}

extension KubernetesObject {
  /// Whether a wish for another workload is refused.
  fileprivate var isPinned: Bool { annotations[AdoptedWorkload.annotation] != nil }
}

extension StepFailure {
  /// A block as what it does to whoever runs into it.
  fileprivate init(_ block: Block, disposition: Disposition) {
    self.init(code: block.code, disposition: disposition, message: block.message)
  }
}
