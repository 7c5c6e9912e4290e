import Logging
import ReleaseFeeds
import ServiceLifecycle
import Synchronization
import WindlassCore
import WindlassEngine

/// Polls one service's manifest for ever, and hands what is trusted to the service's operator.
final class FeedLoop: Service {
  private let poller: ManifestPoller
  private let receiver: @Sendable (Offer) -> Void
  private let engine: String
  private let clock: any RunClock
  private let beat: PollBeat?
  private let logger: Logger
  private let last = Mutex(FeedCondition.pending)
  private let polls = Mutex(0)
  private let seen = Mutex(FeedSighting())
  /// Told when something is amiss that was not before, or no more.
  private let changed = Mutex<@Sendable () -> Void>({})

  /// - Parameters:
  ///   - receiver: Is handed what is trusted, and must return at once.
  ///   - beat: When polls begin, for those who are one of many.
  init(
    poller: ManifestPoller, receiver: @escaping @Sendable (Offer) -> Void, engine: String,
    clock: any RunClock, beat: PollBeat? = nil, logger: Logger
  ) {
    self.poller = poller
    self.receiver = receiver
    self.engine = engine
    self.clock = clock
    self.beat = beat
    self.logger = logger
  }

  /// How the last poll went.
  var condition: FeedCondition { last.withLock { $0 } }

  /// What the feed has brought.
  var sighting: FeedSighting { seen.withLock { $0 } }

  /// Polls that have ended since the daemon started.
  var pollCount: Int { polls.withLock { $0 } }

  /// Says who is told when polls begin to fail, fail otherwise, or succeed again.
  func report(to tell: @escaping @Sendable () -> Void) { changed.withLock { $0 = tell } }

  func run() async throws {
    await cancelWhenGracefulShutdown { await self.follow() }
  }

  /// Polls until the task is cancelled.
  func follow() async {
    await apart { await self.tellRemembered() }
    while !Task.isCancelled {
      let pause = await apart { await self.poll() }
      let now = clock.now()
      await clock.sleep(until: beat?.begin(after: pause, from: now) ?? now + pause)
    }
  }

  /// Polls once.
  ///
  /// - Returns: After what time the next poll is due.
  private func poll() async -> Interval {
    let result = await poller.poll()
    note(result)
    return result.nextPoll
  }

  /// The manifest that was trusted before a restart is as good as a new one, network or not.
  private func tellRemembered() async {
    do {
      if let manifest = try await poller.remembered() {
        take(manifest)
      }
    } catch {
      note(PollFailure(code: "\(error.code)", message: error.message))
    }
  }

  private func note(_ result: PollResult) {
    // Counted last, so that whoever sees the poll sees what it brought as well.
    defer { polls.withLock { $0 += 1 } }
    switch result.outcome {
    case .news(let manifest):
      logger.notice("Manifest was accepted", metadata: ["serial": "\(manifest.serial)"])
      take(manifest)
      fetched()
    case .unchanged: fetched()
    case .failure(let failure): note(failure)
    }
  }

  private func take(_ manifest: Manifest) {
    let offer = manifest.offer(engine: engine)
    seen.withLock { $0.expires = offer.expires }
    receiver(offer)
  }

  private func fetched() {
    let now = clock.now()
    seen.withLock { $0.fetchedAt = now }
    let wasAmiss = last.withLock { last in
      defer { last = FeedCondition(isFetched: true, code: "Fetched", message: "") }
      return !last.isFetched && last.code != FeedCondition.pending.code
    }
    if wasAmiss { changed.withLock { $0 }() }
  }

  private func note(_ failure: PollFailure) {
    let isNew = last.withLock { last -> Bool in
      defer {
        last = FeedCondition(isFetched: false, code: failure.code, message: failure.message)
      }
      return last.code != failure.code || last.message != failure.message
    }
    // The same failure again says nothing new; the condition shows it as long as it lasts.
    guard isNew else { return }
    logger.warning("Manifest was not fetched", metadata: ["failure": "\(failure)"])
    changed.withLock { $0 }()
  }
}

/// What a feed has brought since the daemon polls it.
struct FeedSighting: Hashable, Sendable {
  /// When a poll last brought what is trusted, or found it unchanged; nil before the first.
  var fetchedAt: Timestamp?
  /// When the newest manifest that is trusted expires; nil while there is none.
  var expires: Timestamp?
}
