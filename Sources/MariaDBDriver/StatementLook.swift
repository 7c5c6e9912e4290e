import WindlassCore

/// When a running statement is looked at next.
struct LookPace: Hashable, Sendable {
  /// How long it may keep others out.
  var limit: Interval
  /// How long it may wait for one lock, where the server itself can't be told; nil where it can.
  var lockLimit: Interval?

  /// The pause before the next look, from 1 ms on.
  ///
  /// - Parameters:
  ///   - held: for how long it may have kept others out.
  ///   - isEnded: whether it was told to end, so that its answer is all that is waited for.
  func pause(held: Interval, isEnded: Bool) -> Interval {
    guard !isEnded else { return .milliseconds(100) }
    // Often enough to have seen it at work for half of its time when that is up.
    let step: Int64 = lockLimit.map { max(min($0, limit).milliseconds / 4, 5) } ?? 100
    return .milliseconds(max(1, min(step, limit.milliseconds - held.milliseconds)))
  }
}

/// What is known of the row lock for which one session waits, from InnoDB's list of transactions.
///
/// InnoDB makes that list anew only when nobody has read it for a tenth of a second. A question
/// that comes earlier is answered as the one before, and puts the next new list off; so the answer
/// is kept for a little longer than that, unless something is decided by this very look. Others may
/// read the list as well: one that is older than the question is not believed.
struct RowLockReading: Hashable, Sendable {
  /// What the server said.
  enum Answer: Hashable, Sendable {
    /// The session waits for the lock of that name.
    case waits(String)
    /// The session waits for no row.
    case waitsForNothing
    /// The list is older than the question, and nothing else tells.
    case old
    /// This user may not see the list, and so many sessions of the whole server wait for rows; nil
    /// where that is not told either.
    case hidden(waiting: Int64?)
  }

  /// For how long an answer is kept.
  static let age = Duration.milliseconds(110)

  private var asked: ContinuousClock.Instant?
  private var known = StatementRecord.Sight.nothing

  /// What an earlier question was answered, where a new one at that moment would tell no more; nil
  /// where the list has to be asked.
  ///
  /// - Parameter isLast: whether something is decided by this look.
  func kept(at moment: ContinuousClock.Instant, isLast: Bool) -> StatementRecord.Sight? {
    guard !isLast, let asked, moment - asked < Self.age else { return nil }
    return known
  }

  /// Takes an answer into account.
  ///
  /// - Parameters:
  ///   - asked: when the list was asked.
  ///   - isLast: whether something is decided by this look, for which the waits of the whole server
  ///     have to do where the session's own are hidden.
  mutating func note(
    _ answer: Answer, asked: ContinuousClock.Instant, isLast: Bool
  ) -> StatementRecord.Sight {
    self.asked = asked
    switch answer {
    case .waits(let lock): known = .waiting("row \(lock)")
    case .waitsForNothing: known = .working
    case .old: known = .nothing
    // Where nobody on the server waits, this session does not either.
    case .hidden(.some(0)): return .working
    // Who it is that waits is not told.
    case .hidden(let waiting): return isLast && waiting != nil ? .waiting("row") : .nothing
    }
    return known
  }
}

extension StatementRecord.Sight {
  /// What one look saw.
  ///
  /// - Parameters:
  ///   - state: what the server's list of sessions says that it does; nil where it is not told, and
  ///     then that it waits for no row is not enough to know that it works.
  ///   - row: what is known of the row for which it waits.
  init(state: String?, row: StatementRecord.Sight) {
    if let state, state.hasPrefix("Waiting for ") {
      self = .waiting(state)
    } else {
      self = state == nil && row == .working ? .nothing : row
    }
  }
}
