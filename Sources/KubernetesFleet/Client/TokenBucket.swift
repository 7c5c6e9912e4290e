package import WindlassCore

/// Lets so many things pass per second in the long run, and so many at once; counts in whole
/// numbers, so that nothing is lost to rounding.
package struct TokenBucket: Hashable, Sendable {
  private let perSecond: Int64
  private let burst: Int64
  /// Thousandths of tokens that are there; negative when they are promised already.
  private var level: Int64
  private var last: Timestamp?

  /// A full bucket.
  package init(perSecond: Int, burst: Int) {
    self.perSecond = Int64(max(1, perSecond))
    self.burst = Int64(max(1, burst))
    level = self.burst * 1_000
  }

  /// Takes one token, now or as a promise.
  ///
  /// - Returns: how long to wait until it is there.
  package mutating func take(at now: Timestamp) -> Interval {
    if let last, now > last {
      // No more than what fills it, so that a long rest overflows nothing.
      let passed = min((now - last).milliseconds, burst * 1_000 / perSecond + 1)
      level = min(burst * 1_000, level + passed * perSecond)
    }
    last = max(last ?? now, now)
    level -= 1_000
    guard level < 0 else { return .zero }
    return .milliseconds((-level + perSecond - 1) / perSecond)
  }
}
