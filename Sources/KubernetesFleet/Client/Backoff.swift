package import WindlassCore

/// Chance from outside, so that a test can decide it.
package protocol RandomSource: Sendable {
  /// A number from 0 up to, and without, 1.
  func fraction() -> Double
}

/// The machine's own chance.
package struct SystemRandom: RandomSource {
  package init() {}

  package func fraction() -> Double { Double.random(in: 0..<1) }
}

/// How long to wait before the next attempt: between nothing and a limit that doubles each time, so
/// that many who failed at once do not come back at once.
package struct Backoff: Hashable, Sendable {
  package var first: Interval
  package var longest: Interval

  package init(
    first: Interval = ClientBounds.retryDelay, longest: Interval = ClientBounds.retryDelayMax
  ) {
    self.first = first
    self.longest = longest
  }

  /// The limit after so many failures; at least 1.
  package func limit(afterFailures count: Int) -> Interval {
    let shift = min(max(count, 1) - 1, 40)
    let (product, overflow) = first.milliseconds.multipliedReportingOverflow(by: 1 << shift)
    return overflow ? longest : min(longest, .milliseconds(product))
  }

  /// The pause after so many failures: a part of the limit, and at least what a server asked for.
  package func delay(
    afterFailures count: Int, atLeast wanted: Interval?, fraction: Double
  ) -> Interval {
    let limit = limit(afterFailures: count)
    let jitter = Interval.milliseconds(Int64(Double(limit.milliseconds) * fraction))
    guard let wanted else { return max(jitter, .milliseconds(1)) }
    return wanted + jitter
  }
}
