import Synchronization
import WindlassCore

/// A clock that a test moves, and on which nobody sleeps.
final class MovedClock: RunClock {
  private let time: Mutex<Timestamp>

  init(_ time: Timestamp) { self.time = Mutex(time) }

  func move(by interval: Interval) { time.withLock { $0 = $0 + interval } }

  func now() -> Timestamp { time.withLock { $0 } }

  func sleep(until time: Timestamp) async {}
}
