import SimulatedCluster
import Synchronization
import WindlassCore

/// A clock that runs so many times as fast as the machine's, for a cluster that takes its time.
///
/// It goes no faster than the work gets its turns: where a hundred tests share two threads, a limit
/// of minutes would otherwise be over before who keeps to it was asked even once.
struct FastClock: RunClock {
  private let start: Timestamp
  private let begun: Int64
  let rate: Int64

  init(rate: Int64 = 20) {
    self.rate = rate
    start = HostClock().now()
    begun = Turns.shared.milliseconds
  }

  func now() -> Timestamp { start + .milliseconds((Turns.shared.milliseconds - begun) * rate) }

  func sleep(until time: Timestamp) async {
    while !Task.isCancelled, now() < time {
      let rest = (time - now()).milliseconds / rate
      try? await Task.sleep(for: .milliseconds(max(1, rest)))
    }
  }
}

/// The time that passed, of which only so much counts at once as lies between two turns of a task
/// that has nothing to do.
private final class Turns: Sendable {
  static let shared = Turns()
  private static let turn = Duration.milliseconds(2)
  /// In milliseconds.
  private static let countedMost: Int64 = 6

  private let counted = Mutex<Int64>(0)

  var milliseconds: Int64 { counted.withLock { $0 } }

  private init() {
    Task.detached { [self] in
      let host = HostClock()
      var last = host.now()
      while true {
        try? await Task.sleep(for: Self.turn)
        let now = host.now()
        counted.withLock { $0 += min((now - last).milliseconds, Self.countedMost) }
        last = now
      }
    }
  }
}
