import WindlassCore
import WindlassSchema

/// Since when a statement may have kept others out, and since when it surely has.
struct StatementHold {
  /// The earliest moment at which it may have had its lock.
  var possible: ContinuousClock.Instant
  /// A moment at which it was seen to have it.
  var known: ContinuousClock.Instant

  /// Whether it is known to have kept others out for at least half of that time.
  func isKnown(for limit: Interval) -> Bool {
    (ContinuousClock.now - known).interval.milliseconds * 2 >= limit.milliseconds
  }
}

/// What is known of a statement while it runs: which lock it waits for, since when it may have kept
/// others out, and since when it surely does.
///
/// Looks may come late, when the machine has no time for this process. What happened between two of
/// them nobody knows, so that a statement is blamed only for what a look saw.
struct StatementRecord {
  /// What one look saw.
  enum Sight: Hashable, Sendable {
    /// It waits for the lock of that name, which tells it from others.
    case waiting(String)
    /// It waits for no lock.
    case working
    /// Nobody could look.
    case nothing
  }

  /// What follows from a look.
  enum Judgement: Hashable, Sendable {
    case goesOn
    /// It was seen at work for so long that it kept others out for longer than it may.
    case overdue
    case waitedForLock
    /// It may have kept others out for longer than it may, and nobody saw it.
    case unseen
  }

  let limit: Interval
  /// How long it may wait for one lock; nil for one that waits for none.
  let lockLimit: Interval?
  /// Whether the transaction holds locks already, so that others wait while this one waits.
  let holdsLocks: Bool
  private let began: ContinuousClock.Instant
  /// The moment from which it may have kept others out: what it waited for its first lock is not
  /// counted.
  private(set) var heldSince: ContinuousClock.Instant
  /// The moment from which it was seen to wait for nothing; nil where nobody saw that.
  private var workingSince: ContinuousClock.Instant?
  private var lastLook: ContinuousClock.Instant
  private var wait: (lock: String, since: ContinuousClock.Instant)?

  /// Begins the record of a statement that is sent at that moment.
  init(
    limit: Interval, lockLimit: Interval?, holdsLocks: Bool, at moment: ContinuousClock.Instant
  ) {
    self.limit = limit
    self.lockLimit = lockLimit
    self.holdsLocks = holdsLocks
    began = moment
    heldSince = moment
    lastLook = moment
    // Without a lock to wait for it works from its first moment on.
    workingSince = lockLimit == nil ? moment : nil
  }

  /// Whether it may have kept others out for as long as it may.
  func isDue(at moment: ContinuousClock.Instant) -> Bool {
    (moment - heldSince).interval >= limit
  }

  /// Whether it was seen at work for at least half of the time for which it may keep others out:
  /// no more is asked, because the first look comes a moment after its beginning.
  func isKnownToHold(at moment: ContinuousClock.Instant) -> Bool {
    guard let workingSince else { return false }
    return (moment - workingSince).interval.milliseconds * 2 >= limit.milliseconds
  }

  /// What it holds behind its end, which was heard of at that moment.
  func hold(endedBy moment: ContinuousClock.Instant) -> StatementHold {
    StatementHold(possible: heldSince, known: workingSince ?? moment)
  }

  /// Takes a look into account.
  ///
  /// - Parameters:
  ///   - asked: when the look began.
  ///   - answered: when its answer was there; what it saw was true in between.
  mutating func note(
    _ sight: Sight, asked: ContinuousClock.Instant, answered: ContinuousClock.Instant
  ) -> Judgement {
    let isDue = isDue(at: asked)
    switch sight {
    case .waiting(let lock):
      // It may have begun to wait at any time since the look before.
      if lock != wait?.lock { wait = (lock, lastLook) }
      workingSince = nil
      lastLook = asked
      // Until it has waited for its first lock it holds none.
      if let wait, wait.since == began, !holdsLocks { heldSince = asked }
    case .working:
      wait = nil
      if workingSince == nil { workingSince = answered }
      lastLook = asked
    case .nothing: break
    }
    if isDue { return judgement(at: answered) }
    guard case .waiting = sight, let wait, let lockLimit else { return .goesOn }
    return (asked - wait.since).interval >= lockLimit ? .waitedForLock : .goesOn
  }

  /// Why it is ended when its time is up.
  private func judgement(at moment: ContinuousClock.Instant) -> Judgement {
    if wait != nil { return .waitedForLock }
    return isKnownToHold(at: moment) ? .overdue : .unseen
  }
}
