import KubernetesFleet
import Synchronization
import WindlassCore
import WindlassEngine

/// When one service's operator looks again: as the core says while there is something to do, and
/// at rest only when something changed, or after a long while.
///
/// The operator asks for a pause exactly when it has nothing to do, so that this is also where a
/// service at rest gives back its turn. A wish, a manifest and a decision end each pause at once:
/// they ring the operator's bell.
final class ServicePace: RunClock {
  /// How long a service at rest is not looked at, at most: what a watch missed is found then.
  static let restMax = Interval.minutes(10)
  /// How often it is looked at whether the driving is to end, and at what is to be shown.
  private static let tickAtWork = Interval.seconds(2)

  private struct State: Sendable {
    /// How often the workload had changed when it was read last.
    var seen = 0
    var isResting = false
    /// Whether the turn is wanted for something that the operator was not handed yet.
    var holdsTurn = false
    var look: @Sendable () -> ServiceState? = { nil }
    var tell: @Sendable () -> Void = {}
  }

  private let service: String
  private let clock: any RunClock
  private let news: Signal
  private let turns: RunTurns
  private let state = Mutex(State())

  /// - Parameters:
  ///   - service: The uid by which it takes turns.
  ///   - news: Tells when the workload changed.
  init(_ service: String, clock: any RunClock, news: Signal, turns: RunTurns) {
    self.service = service
    self.clock = clock
    self.news = news
    self.turns = turns
  }

  /// Says where to see how the service is, nil while it has not taken in all that it was handed;
  /// before, it is never at rest.
  func follow(_ look: @escaping @Sendable () -> ServiceState?) {
    state.withLock { $0.look = look }
  }

  /// Says who is to be told when the service comes to rest and when it goes on.
  func report(to tell: @escaping @Sendable () -> Void) {
    state.withLock { $0.tell = tell }
  }

  /// How long whoever watches over the operator may look away.
  var tick: Interval { state.withLock(\.isResting) ? Self.restMax : Self.tickAtWork }

  /// Notes that the workload is about to be read: what changes from now on is news.
  func workloadIsRead() {
    let count = news.count
    state.withLock { $0.seen = count }
  }

  /// Says whether the turn is kept although nothing is to be done yet.
  func holdTurn(_ holds: Bool) {
    state.withLock { $0.holdsTurn = holds }
  }

  // MARK: - The clock

  func now() -> Timestamp { clock.now() }

  /// What a service does when it sleeps.
  private enum Rest { case atWork, standing, content }

  func sleep(until time: Timestamp) async {
    let seen = state.withLock(\.seen)
    let rest = look()
    guard rest != .atWork else { return await clock.sleep(until: time) }
    if rest == .content {
      set(isResting: true)
      await news.wait(after: seen, orUntil: clock.now() + restInterval, clock)
      set(isResting: false)
    }
    // No sooner than the core would: a pod that never comes to rest is looked at as often as that.
    await clock.sleep(until: time)
  }

  /// How the service is; the turn is given back when it stands still. Apart from the sleep, which
  /// would keep all of the service's state for as long as it lasts.
  @inline(never) private func look() -> Rest {
    let (look, holdsTurn) = state.withLock { ($0.look, $0.holdsTurn) }
    guard let service = look(), StandStill.isReached(service) else { return .atWork }
    // Who was called away from the queue comes back to it.
    if !holdsTurn, service.watch.unreadable?.code != RunTurns.waiting {
      turns.giveBack(self.service)
    }
    return service.isContent ? .content : .standing
  }

  /// Up to a tenth less than the bound, by the service, so that a thousand do not come at once.
  private var restInterval: Interval {
    let sum = service.utf8.reduce(UInt64(5_381)) { $0 &* 33 &+ UInt64($1) }
    let tenth = Self.restMax.milliseconds / 10
    return .milliseconds(Self.restMax.milliseconds - Int64(sum % UInt64(tenth)))
  }

  private func set(isResting: Bool) {
    let tell = state.withLock { state in
      state.isResting = isResting
      return state.tell
    }
    tell()
  }
}

extension ServiceState {
  /// Whether nothing is to be done, and nothing becomes due with time alone.
  fileprivate var isContent: Bool {
    guard record.run == nil, record.block == nil, record.retry == nil, watch.unreadable == nil,
      watch.fleet != nil, watch.ledger != nil, let deployed = record.deployed,
      let offer = watch.offer
    else { return false }
    return offer.releases.allSatisfy { $0.version <= deployed.version }
  }
}
