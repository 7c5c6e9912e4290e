import WindlassCore
import WindlassSchema

/// Remembers the longest time for which a statement kept others out.
final class HoldClock {
  /// The longest so far.
  private(set) var longest = Interval.zero

  /// Takes a statement into account that ran from that moment until now.
  func note(since begin: ContinuousClock.Instant) {
    longest = max(longest, (ContinuousClock.now - begin).interval)
  }
}
