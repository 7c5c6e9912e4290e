import ArgumentParser
package import WindlassCore
import WindlassSimulation

/// How late it is told that an address is ready no more, drawn anew each time.
package struct EndpointLag: Sendable {
  /// The most that a lag may be.
  static let max = Interval.minutes(1)

  private let bounds: ClosedRange<Interval>
  private var generator: SeededGenerator

  /// Lags from the one length of time to the other, each as likely as another; the same ones for
  /// the same seed.
  package init(_ bounds: ClosedRange<Interval>, seed: UInt64) {
    self.bounds = bounds
    generator = SeededGenerator(seed: seed)
  }

  /// The same lag each time.
  package init(_ lag: Interval) { self.init(lag...lag, seed: 0) }

  /// The next lag.
  package mutating func next() -> Interval {
    generator.interval(
      Int(bounds.lowerBound.milliseconds)...Int(bounds.upperBound.milliseconds))
  }
}

/// The bounds of a lag as the command line has them: `2s`, or `0s-5s`.
struct EndpointLagBounds: ExpressibleByArgument {
  let bounds: ClosedRange<Interval>

  init?(argument: String) {
    let ends = argument.split(separator: "-", omittingEmptySubsequences: false)
      .map { Interval(String($0)) }
    guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
      first <= last, last <= EndpointLag.max
    else { return nil }
    bounds = first...last
  }
}
