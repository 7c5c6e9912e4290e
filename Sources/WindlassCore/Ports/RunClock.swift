/// The time of a run.
public protocol RunClock: Sendable {
  /// The later of the host's clock and the latest journaled time, and from there by the monotonic
  /// clock: it never goes back.
  func now() -> Timestamp

  /// Returns at that time or later, and at once when it has passed or the task is cancelled.
  func sleep(until time: Timestamp) async
}
