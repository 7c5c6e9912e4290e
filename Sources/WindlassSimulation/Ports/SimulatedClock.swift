import Synchronization
package import WindlassCore

/// A clock that jumps to whatever it is asked to wait for, and goes on by a millisecond at each
/// look.
package final class SimulatedClock: RunClock {
  private let time: Mutex<Timestamp>

  /// Begins at the dawn of every simulated service, or where the journal ends if that is later.
  package init(floor: Timestamp? = nil) {
    time = Mutex(max(Scenario.dawn, floor ?? Scenario.dawn))
  }

  package func now() -> Timestamp {
    time.withLock { time in
      time = time + .milliseconds(1)
      return time
    }
  }

  package func sleep(until due: Timestamp) async {
    time.withLock { $0 = max($0, due) }
    await Task.yield()
  }
}
