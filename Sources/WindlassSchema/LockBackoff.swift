package import WindlassCore

/// The pauses between attempts at a lock: full jitter under a doubling limit, until the deadline.
package struct LockBackoff {
  private let deadline: Interval
  private let began = ContinuousClock.now
  private var limit = Bounds.lockRetryDelay

  /// Starts to count; all attempts together may take as long as `deadline`.
  package init(deadline: Interval) { self.deadline = deadline }

  /// The time since the first attempt.
  package var elapsed: Interval { (ContinuousClock.now - began).interval }

  /// The next pause; nil when the deadline leaves no room for another attempt.
  package mutating func next() -> Interval? {
    let rest = Interval(milliseconds: deadline.milliseconds - elapsed.milliseconds)
    guard rest > .zero else { return nil }
    let pause = Interval(milliseconds: Int64.random(in: 1...limit.milliseconds))
    limit = min(limit * 2, Bounds.lockRetryDelayMax)
    return min(pause, rest)
  }

  /// Waits before the next attempt, or throws: the failure itself when trying again can't help or
  /// the task was cancelled; what `overdue` makes of it when the deadline is over.
  ///
  /// - Parameter overdue: told the failure and the time since the first attempt.
  package mutating func pause(
    after failure: StepFailure, overdue: (StepFailure, Interval) -> StepFailure
  ) async throws(StepFailure) {
    guard failure.disposition == .retry else { throw failure }
    guard let pause = next() else { throw overdue(failure, elapsed) }
    do {
      try await Task.sleep(for: .milliseconds(pause.milliseconds))
    } catch {
      throw failure
    }
  }

  /// Tries until the attempt succeeds, fails for good, or the deadline is over.
  ///
  /// - Parameter overdue: makes the last failure from the last attempt's and the time since the
  ///   first one.
  package static func retrying<Result>(
    deadline: Interval, overdue: (StepFailure, Interval) -> StepFailure,
    _ attempt: () async throws(StepFailure) -> Result
  ) async throws(StepFailure) -> Result {
    var backoff = LockBackoff(deadline: deadline)
    while true {
      do throws(StepFailure) {
        return try await attempt()
      } catch {
        try await backoff.pause(after: error, overdue: overdue)
      }
    }
  }
}

extension Duration {
  /// The duration in whole milliseconds.
  package var interval: Interval {
    let (seconds, attoseconds) = components
    return Interval(milliseconds: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
  }
}
