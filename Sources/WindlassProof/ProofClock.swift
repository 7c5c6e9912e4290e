package import WindlassCore

/// Time as the proof uses it: it measures and waits, and never asks what day it is.
package struct ProofClock: Sendable {
  /// The time since the clock was made.
  package let elapsed: @Sendable () -> Interval
  /// Waits that long; throws when the task is cancelled.
  package let sleep: @Sendable (Interval) async throws -> Void

  package init(_ clock: some Clock<Duration>) {
    let start = clock.now
    elapsed = { Interval(start.duration(to: clock.now)) }
    sleep = { try await clock.sleep(for: .milliseconds($0.milliseconds)) }
  }
}

extension Interval {
  /// The duration in whole milliseconds, rounded down.
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self.init(milliseconds: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
  }
}

extension ProofClock {
  /// The time since an earlier reading of `elapsed`.
  func elapsed(since start: Interval) -> Interval {
    Interval(milliseconds: elapsed().milliseconds - start.milliseconds)
  }
}
