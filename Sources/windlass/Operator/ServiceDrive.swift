import KubernetesFleet
import Logging
import Synchronization
import WindlassCore
import WindlassEngine
import WindlassWire

/// Looks after one ManagedService as long as this process leads, the object exists and is of its
/// shard: drives it, takes changes of its wish, and lets it go.
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
  /// How often it is looked at whether another shard's run has ended, when nothing tells.
  private static let othersInterval = Interval.minutes(1)
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
        || old.object?.isPinned != object?.isPinned || duty(old.object) != duty(object)
        || mayDrive(old.object) != mayDrive(object)
    }
    if isNews { news.send() }
  }

  private var shard: ServiceShard { assembly.settings.shard }

  private func duty(_ object: KubernetesObject?) -> ServiceShard.Duty {
    object.map { shard.duty(for: $0) } ?? .nothing
  }

  private func mayDrive(_ object: KubernetesObject?) -> Bool {
    object.map { shard.mayDrive($0) } ?? false
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
    /// Nothing ever: the object is gone, or another shard's.
    case end
    /// Nothing until something changes, or until then.
    case rest(until: Timestamp? = nil)
    /// With `isLast` the service is let go afterwards.
    case drive(Driving, isLast: Bool)
  }

  /// Drives the service until its object is gone or another shard's, or the task is cancelled.
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
        case .rest(nil): await news.wait(after: seen)
        case .rest(let moment?): await news.wait(after: seen, orUntil: moment, clock)
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
    guard duty(object) != .nothing else {
      stepBack()
      return .end
    }
    if object.isDeleting {
      guard object.finalizers.contains(ServiceNotice.finalizer) else {
        stepBack()
        return .rest()
      }
    } else if let rival = sight.rival {
      stepBack()
      await tell(rival.block(ServiceName(object.name)), of: object)
      return .rest()
    }
    switch try await begin(object) {
    case .driven(let driving): return .drive(driving, isLast: object.isDeleting)
    case .nothing:
      if object.isDeleting, duty(object) == .all { try await letGo() }
      return .rest()
    case .others:
      stepBack()
      return .rest(until: clock.now() + Self.othersInterval)
    }
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
    /// Whether a run is open, or something is under way.
    var isOpen: Bool
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

  /// What a beginning came to.
  private enum Beginning {
    case driven(Driving)
    /// There is nothing to drive.
    case nothing
    /// Another shard brings its run to an end first.
    case others
  }

  /// Begins to drive the service, if there is something to drive.
  ///
  /// An open run goes by the wish that it was opened with; a new one is taken when it has ended.
  private func begin(_ object: KubernetesObject) async throws -> Beginning {
    guard let found = try await lookUp(object) else { return .nothing }
    guard shard.mayDrive(object, isOpen: found.isOpen) else { return .others }
    if let rival = assembly.claims.begin(found.service) {
      throw StepFailure(rival.block(found.service.name), disposition: .wait)
    }
    do {
      return .driven(try await begin(found, object))
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
    while let object = sight.withLock(\.object), !Task.isCancelled {
      let due = await driving.exchange.turn(object)
      // Whoever goes on with it shows the rest; another shard does not until all of it is shown.
      guard let due, duty(object) == .openRun else { return }
      await clock.sleep(until: due)
    }
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
    guard isOpen || !object.isDeleting && duty(object) == .all else { return nil }
    var wish: JSONValue?
    if let plan = stored?.record.run?.plan {
      wish = try await PinnedWish.find(for: plan, of: name, in: namespace, by: assembly.client)
    }
    return Found(
      service: try ManagedService(object, spec: wish), journal: journal, stored: stored,
      isOpen: isOpen)
  }

  /// Makes what drives the service, and takes in what people wrote before anything is begun: what
  /// the document pauses does not go on meanwhile.
  private func begin(_ found: Found, _ object: KubernetesObject) async throws -> Driving {
    if !object.isDeleting {
      try await notices.hold(object, by: shard)
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
    let duty = duty(object)
    guard duty != .nothing else {
      // Somebody gave the open run to another shard.
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
    if object.isDeleting || isWishNew || sight.rival != nil || duty != .all {
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
