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
  mutating func next() -> Interval? {
    let rest = Interval(milliseconds: deadline.milliseconds - elapsed.milliseconds)
    guard rest > .zero else { return nil }
    let pause = Interval(milliseconds: Int64.random(in: 1...limit.milliseconds))
    limit = min(limit * 2, Bounds.lockRetryDelayMax)
    return min(pause, rest)
  }
}

extension Duration {
  /// The duration in whole milliseconds.
  var interval: Interval {
    let (seconds, attoseconds) = components
    return Interval(milliseconds: seconds * 1_000 + attoseconds / 1_000_000_000_000_000)
  }
}
