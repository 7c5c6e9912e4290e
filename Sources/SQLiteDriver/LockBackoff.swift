import WindlassCore

/// The pauses between attempts at a lock: full jitter under a doubling limit, until the deadline.
struct LockBackoff {
  private let deadline: Interval
  private let began = ContinuousClock.now
  private var limit = Bounds.lockRetryDelay

  /// Starts to count; all attempts together may take as long as `deadline`.
  init(deadline: Interval) { self.deadline = deadline }

  /// The time since the first attempt.
  var elapsed: Interval { (ContinuousClock.now - began).interval }

  /// The next pause; nil when the deadline leaves no room for another attempt.
  private mutating func next() -> Interval? {
    let rest = Interval(milliseconds: deadline.milliseconds - elapsed.milliseconds)
    guard rest > .zero else { return nil }
    let pause = Interval(milliseconds: Int64.random(in: 1...limit.milliseconds))
    limit = min(limit * 2, Bounds.lockRetryDelayMax)
    return min(pause, rest)
  }

  /// Waits before the next attempt, or throws: the failure itself when trying again can't help or
  /// the task was cancelled, `LockNotObtained` when the deadline is over.
  mutating func pause(after failure: StepFailure, path: String) async throws(StepFailure) {
    guard failure.disposition == .retry else { throw failure }
    guard let pause = next() else {
      throw failure.code == "DatabaseLocked"
        ? LockHolders.lockNotObtained(path: path, waited: elapsed) : failure
    }
    do {
      try await Task.sleep(for: .milliseconds(pause.milliseconds))
    } catch {
      throw failure
    }
  }

  /// Tries until the attempt succeeds, fails for good, or the deadline is over.
  static func retrying<Result>(
    deadline: Interval, path: String, _ attempt: () throws(StepFailure) -> Result
  ) async throws(StepFailure) -> Result {
    var backoff = LockBackoff(deadline: deadline)
    while true {
      do throws(StepFailure) {
        return try attempt()
      } catch {
        try await backoff.pause(after: error, path: path)
      }
    }
  }
}

extension Duration {
  /// The duration in whole milliseconds.
  var interval: Interval {
    let (seconds, attoseconds) = components
    return Interval(milliseconds: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
  }
}
