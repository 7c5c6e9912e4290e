import WindlassCore

/// Decides when a sidecar may try to lead, by a lease in the service's database.
///
/// Pure. What counts is how long, by one's own clock, the lease has not changed; no two clocks are
/// ever compared. With clocks of the same rate no two lead at once; with others they may, and then
/// lease and fence in the database let only the later one change anything.
struct Candidacy: Sendable {
  /// What is to be done.
  enum Move: Hashable, Sendable {
    /// To take the lease, or to take back one's own whose reply was lost.
    case take(Lease, after: Lease?)
    /// To look again later.
    case wait
  }

  /// The name of one process that lives: a name that is used again after a restart would take
  /// itself for its predecessor.
  let holder: String
  /// The lease as it was seen last, and since when it was seen so.
  private var seen: (lease: Lease, since: Timestamp)?

  init(holder: String) { self.holder = holder }

  /// Takes in what the lease is and says what to do.
  mutating func consider(_ lease: Lease?, at now: Timestamp) -> Move {
    guard let lease else {
      seen = nil
      return .take(Lease(holder: holder, term: 1), after: nil)
    }
    let since = seen.flatMap { $0.lease == lease ? $0.since : nil } ?? now
    seen = (lease, since)
    if lease.holder == holder { return .take(lease.renewed, after: lease) }
    guard lease.holder.isEmpty || now - since >= Bounds.leaseLength else { return .wait }
    return .take(Lease(holder: holder, term: lease.term + 1), after: lease)
  }
}

extension Lease {
  /// The same, after one more beat.
  var renewed: Lease {
    var renewed = self
    renewed.beat += 1
    return renewed
  }

  /// The same, given up.
  var released: Lease { Lease(holder: "", term: term, beat: beat + 1) }
}
