package import WindlassCore

/// How long the times of a wish may be, in a cluster as on one machine.
///
/// A definition's pattern tells a time from other text and not how long it is. One that is too
/// short has a server asked without a pause; one that is too long runs over the end of all clocks.
package enum WishBounds {
  /// How long a release must have been published.
  package static let minimumAge = Interval.zero ... .hours(24 * 365)
  /// The pause between two polls of a manifest.
  package static let pollInterval = Interval.seconds(1) ... .hours(24)
  /// The wait for a lock that blocks others, and the hold of one.
  package static let lockBudget = Interval.milliseconds(1) ... .minutes(10)
  /// How long instances are watched, must stay ready, and can still be turned back.
  package static let rolloutTime = Interval.zero ... .hours(24 * 30)
  /// The time for one instance to become good.
  package static let progressDeadline = Interval.seconds(1) ... .hours(24)
}
