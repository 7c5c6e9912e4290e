package import WindlassCore

/// What others suffer from while a backfill works, as far as a server tells it; nil is what it does
/// not tell, or not to this user.
package struct BackfillPressure: Hashable, Sendable {
  /// How far the slowest replica is behind.
  package var lag: Interval?
  /// What the slowest replica has still to take in, in bytes.
  package var bytesBehind: Int64?
  /// Sessions that wait for locks.
  package var waiting: Int64?
  /// Threads that work.
  package var running: Int64?

  package init(
    lag: Interval? = nil, bytesBehind: Int64? = nil, waiting: Int64? = nil, running: Int64? = nil
  ) {
    self.lag = lag
    self.bytesBehind = bytesBehind
    self.waiting = waiting
    self.running = running
  }

  /// Why the next batch has to wait, for a person; nil when it need not.
  package var reason: String? {
    if let lag, lag > Bounds.backfillLagMax {
      return "a replica is \(lag) behind, \(Bounds.backfillLagMax) are allowed"
    }
    if let bytesBehind, bytesBehind > Bounds.backfillBytesBehindMax {
      return "a replica is \(bytesBehind / 1_048_576) MiB behind,"
        + " \(Bounds.backfillBytesBehindMax / 1_048_576) are allowed"
    }
    if let waiting, waiting > Bounds.backfillWaitersMax {
      return "\(waiting) sessions wait for locks, \(Bounds.backfillWaitersMax) are allowed"
    }
    if let running, running > Bounds.backfillThreadsMax {
      return "\(running) threads work on the server, \(Bounds.backfillThreadsMax) are allowed"
    }
    return nil
  }
}
