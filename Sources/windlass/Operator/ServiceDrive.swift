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

  /// What is done for the service.
  private enum Work: Sendable {
    case notBegun
    /// Something is wrong with its object, or it could not be driven.
    case refused
    case driven(DrivenService)
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
  private let work = Mutex<Work>(.notBegun)
  /// The standstill for which the run was to be given up last.
  private let givenUp = Mutex<StandStill.Place?>(nil)
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

  /// How the service is now, in figures.
  func figures(at now: Timestamp) -> ServiceFigures {
    switch work.withLock({ $0 }) {
    case .notBegun: ServiceFigures(key, .starting)
    case .refused: ServiceFigures(key, .notDriven)
    case .driven(let driven): driven.figures(key, assembly.turns, at: now)
    }
  }

  /// What drives the service now; nil while nothing does.
  var driven: DrivenService? {
    switch work.withLock({ $0 }) {
    case .notBegun, .refused: nil
    case .driven(let driven): driven
    }
  }

  /// What is to be done next.
  private enum Turn: Sendable {
    /// Nothing ever: the object is gone.
    case end
    /// Nothing until something changes.
    case rest
    /// With `isLast` the service is let go afterwards.
    case drive(Driving, isLast: Bool)
  }

  /// Drives the service until its object is gone, or the task is cancelled.
  func run() async {
    watch.reportRefusals { [news] in news.send() }
    await watch.join()
    await lookAfter()
    watch.leave()
    assembly.turns.leave(uid)
  }

  // What rests here for hours keeps no object and no state of the service: all of that is looked at
  // apart.

  private func lookAfter() async {
    var failures: Int64 = 0
    while !Task.isCancelled {
      let seen = news.count
      do {
        switch try await apart(take) {
        case .end: return
        case .rest: await news.wait(after: seen)
        case .drive(let driving, let isLast):
          try await drive(driving)
          guard isLast else { break }
          try await apart { try await self.letGo() }
          await news.wait(after: seen)
        }
        failures = 0
      } catch let error as ObjectError {
        // Nothing but another wish helps.
        await apart { await self.refuse(Block(code: "BadConfiguration", message: "\(error)")) }
        await news.wait(after: seen)
      } catch {
        guard !Task.isCancelled else { return }
        failures += 1
        let failure = CommandFailure(error)
        await apart { await self.refuse(Block(code: failure.code, message: failure.message)) }
        let delay = min(
          Self.failureDelay * (Int64(1) << min(failures - 1, 6)), Self.failureDelayMax)
        await news.wait(after: seen, orUntil: clock.now() + delay, clock)
      }
    }
  }

  /// Takes its turn among the services; what may have an open run does not wait for all that rest.
  private func take() async throws -> Turn {
    let isUnderWay = sight.withLock(\.object).map(ServiceNotice.isUnderWay) ?? false
    return try await assembly.beginnings.pass(isUrgent: isUnderWay, turn)
  }

  /// Looks at the object as it is now, and begins what there is to do for it.
  private func turn() async throws -> Turn {
    let sight = sight.withLock { $0 }
    guard let object = sight.object else { return .end }
    if object.isDeleting {
      guard object.finalizers.contains(ServiceNotice.finalizer) else {
        stepBack()
        return .rest
      }
    } else if let rival = sight.rival {
      stepBack()
      await tell(rival.block(ServiceName(object.name)), of: object)
      return .rest
    }
    if let driving = try await begin(object) { return .drive(driving, isLast: object.isDeleting) }
    try await letGo()
    return .rest
  }

  /// Gives the object up, which somebody deleted.
  private func letGo() async throws {
    guard let object = sight.withLock(\.object) else { return }
    try await notices.release(object)
    assembly.logger.notice("Service was let go", metadata: ["service": "\(key)"])
  }

  /// Does nothing more for the object as it is, and tells why.
  private func refuse(_ block: Block) async {
    stepBack()
    if let object = sight.withLock(\.object) { await tell(block, of: object) }
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
    work.withLock { $0 = .refused }
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

  /// A service as the journal and its object have it.
  private struct Found {
    var service: ManagedService
    var journal: any RunJournal
    var stored: (record: ServiceRecord, at: Timestamp)?
  }

  /// What drives a service, and keeps it and people in touch; by reference, since it is kept for as
  /// long as the service is driven.
  private final class Driving: Sendable {
    let service: DrivenService
    let exchange: DecisionExchange

    init(_ service: DrivenService, _ exchange: DecisionExchange) {
      self.service = service
      self.exchange = exchange
    }
  }

  /// Begins to drive the service; nil when nothing is to be driven.
  ///
  /// An open run goes by the wish that it was opened with; a new one is taken when it has ended.
  private func begin(_ object: KubernetesObject) async throws -> Driving? {
    guard let found = try await lookUp(object) else { return nil }
    if let rival = assembly.claims.begin(found.service) {
      throw StepFailure(rival.block(found.service.name), disposition: .wait)
    }
    do {
      return try await begin(found, object)
    } catch {
      giveBack(found.service)
      throw error
    }
  }

  private func giveBack(_ service: ManagedService) {
    assembly.claims.end(service)
    // Another one may have waited for what this one had.
    changed()
  }

  /// Drives a service until its wish changes, it is to be let go, or something fails.
  private func drive(_ driving: Driving) async throws {
    defer { giveBack(driving.service.service) }
    show(driving)
    defer { show(nil) }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await driving.service.operator.run()
        return true
      }
      group.addTask {
        await driving.service.feed.follow()
        return false
      }
      group.addTask {
        await driving.service.offers.run()
        return false
      }
      group.addTask {
        await self.supervise(driving)
        return false
      }
      defer { group.cancelAll() }
      while let hasEnded = try await group.next(), !hasEnded {}
    }
    // How it ended, before another wish is looked at.
    if !Task.isCancelled { await apart { await self.showEnd(of: driving) } }
  }

  private func showEnd(of driving: Driving) async {
    guard let object = sight.withLock(\.object) else { return }
    _ = await driving.exchange.turn(object)
  }

  /// Takes in what the figures of the service are about; nil while nothing is driven.
  private func show(_ driving: Driving?) {
    work.withLock { $0 = driving.map { .driven($0.service) } ?? .notBegun }
  }

  /// What is known of the service; nil when nothing is to be driven.
  private func lookUp(_ object: KubernetesObject) async throws -> Found? {
    let name = ServiceName(object.name)
    let namespace = object.namespace ?? "default"
    let journal = assembly.journal(namespace, assembly.client)
    let stored = try await ServiceOperator.recorded(in: journal, of: name)
    let isOpen = stored.map { $0.record.run != nil || $0.record.inFlight != nil } ?? false
    assembly.turns.declare(uid, isOpen: isOpen)
    guard isOpen || !object.isDeleting else { return nil }
    var wish: JSONValue?
    if let plan = stored?.record.run?.plan {
      wish = try await PinnedWish.find(for: plan, of: name, in: namespace, by: assembly.client)
    }
    return Found(
      service: try ManagedService(object, spec: wish), journal: journal, stored: stored)
  }

  /// Makes what drives the service, and takes in what people wrote before anything is begun: what
  /// the document pauses does not go on meanwhile.
  private func begin(_ found: Found, _ object: KubernetesObject) async throws -> Driving {
    if !object.isDeleting {
      try await notices.hold(object)
      // A thousand services of which nothing was told are not read for that.
      if hasTold.withLock({ $0 }) || ServiceNotice.isToldAmiss(object) {
        try await notices.begin(object)
      }
    }
    let driven = try assembly.drive(
      found.service, journal: found.journal, clock: FlooredClock(clock, floor: found.stored?.at),
      watch: watch, ends: ends)
    driven.pace.report { [news, steps = driven.steps] in
      // Comes to rest or goes on: what is made for steps is made anew for the next one.
      steps.forget()
      news.send()
    }
    driven.feed.report { [news] in news.send() }
    assembly.logger.notice(
      "Service is driven",
      metadata: ["service": "\(key)", "generation": "\(found.service.generation)"])
    let exchange = DecisionExchange(
      driven, assembly, journal: found.journal, stored: found.stored?.record, clock: clock)
    _ = await exchange.turn(object)
    return Driving(driven, exchange)
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
  private func supervise(_ driving: Driving) async {
    while !Task.isCancelled {
      let seen = news.count
      guard let next = await apart({ await self.look(at: driving) }) else { return }
      await news.wait(after: seen, orUntil: next, clock)
    }
  }

  /// Looks once.
  ///
  /// - Returns: When the next look is due; nil when the driving ends.
  private func look(at driving: Driving) async -> Timestamp? {
    let driven = driving.service
    let sight = sight.withLock { $0 }
    guard let object = sight.object else {
      driven.operator.stop()
      return nil
    }
    let due = await driving.exchange.turn(object)
    let state = driven.operator.snapshot
    // At rest no step is waited for, and there is no reading of the ledger that would do it.
    if driven.operator.isIdle { await watch.collectRefused(by: assembly.client) }
    // Before another wish is looked at, which may name another one.
    if state.record.deployed != nil { await pin(driven.service, object) }
    if object.isDeleting, driven.operator.isIdle, StandStill.isReached(state) {
      // Whoever is needed for it to go on wants it gone.
      driven.operator.stop()
      return nil
    }
    let isWishNew = (object.body["spec"] ?? .object([])) != driven.service.wish
    if isWishNew { giveUpRun(of: driven, state, for: object) }
    if object.isDeleting || isWishNew || sight.rival != nil {
      driven.operator.stopAtRest()
      assembly.turns.callAway(uid)
    }
    let now = clock.now()
    let last = now + driven.pace.tick
    return min(max(due ?? last, now + Self.turnInterval), last)
  }
}

extension ServiceDrive {
  /// Has a run that can't go on and has changed nothing make room for another wish, which may mend
  /// what it stands for: while it is open it goes by the wish that it was opened with.
  private func giveUpRun(
    of driven: DrivenService, _ state: ServiceState, for object: KubernetesObject
  ) {
    guard let place = StandStill.forAnotherWish(state), driven.service.isOtherwise(than: object)
    else { return }
    // Once for each attempt: the core gives up only what still stands when that has ended.
    let isNew = givenUp.withLock { last in
      defer { last = place }
      return last != place
    }
    guard isNew else { return }
    driven.operator.decide(
      Decision(
        choice: .giveUp, by: "spec of \(key)",
        reason: "it was changed, and \(place.run), which had changed nothing yet, stood"))
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
    return run.block != nil || state.record.isPaused || waitsForApproval || run.awaitsOwner
  }

  /// Where a run stands.
  struct Place: Hashable, Sendable {
    var run: RunID
    /// What is tried once more, if something is.
    var effect: EffectID?
    var attempts: Int
    var block: String?
  }

  /// Where a run stands for something that another wish may mend: not for its turn, and not for its
  /// approval. Nil for one that goes on, or has changed something.
  static func forAnotherWish(_ state: ServiceState) -> Place? {
    let record = state.record
    guard let run = record.run, run.phase.isBeforeExpansion, !run.hasBegun,
      record.unresolved == nil
    else { return nil }
    let retry = record.retry.flatMap { $0.failure.disposition == .wait ? $0 : nil }
    let unreadable = state.watch.unreadable
    let isBlind = unreadable?.disposition == .wait && unreadable?.code != RunTurns.waiting
    if let action = record.inFlight?.action.name, action != retry?.action { return nil }
    guard run.block != nil || retry != nil || isBlind else { return nil }
    return Place(
      run: run.plan.run, effect: record.inFlight?.id, attempts: retry?.attempts ?? 0,
      block: run.block?.code)
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
