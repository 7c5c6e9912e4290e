package import WindlassCore

/// How long to wait between polls: the interval, and after failures twice as long each time.
package struct PollPace: Hashable, Sendable {
  /// The wait after a poll that went well.
  package let interval: Interval
  /// Failures since then.
  package private(set) var failures = 0

  /// Starts without a failure.
  package init(interval: Interval) { self.interval = interval }

  /// Notes how a poll ended.
  package mutating func note(isFailure: Bool) {
    failures = isFailure ? min(failures + 1, 62) : 0
  }

  /// The wait before the next poll, up to 10 % shorter or longer, so that thousands of daemons
  /// that started together don't stay together. Failures never make it longer than
  /// `Bounds.pollBackoffMax`, unless the interval is.
  package func wait(using generator: inout some RandomNumberGenerator) -> Interval {
    let longest = max(interval, Bounds.pollBackoffMax)
    var base = interval
    // The first failure waits one interval: it is a poll missed, not yet a host that is down.
    for _ in 1..<max(failures, 1) where base < longest { base = min(base * 2, longest) }
    let tenth = base.milliseconds / 10
    let jitter = Int64.random(in: -tenth...tenth, using: &generator)
    let wait = Interval(milliseconds: base.milliseconds + jitter)
    return failures == 0 ? wait : min(wait, longest)
  }
}
