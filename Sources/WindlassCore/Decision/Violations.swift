/// The invariants of one managed service.
public enum Invariant: String, CaseIterable, Sendable {
  /// The schema lies in the window of every instance that may be alive.
  case r0 = "R0"
  /// An instance is started only on a clean ledger inside its window.
  case r1 = "R1"
  /// Nothing is expanded before the proof.
  case r2 = "R2"
  /// Nothing is contracted before the commit point, or under an instance that can't bear it.
  case r3 = "R3"
  /// No stop of ours leaves too few ready, no start of ours makes too many that may be alive.
  case r4 = "R4"
  /// Good means ready without interruption, of the right version, with its probes passed.
  case r5 = "R5"
  /// A name is given to one instance only.
  case r6 = "R6"
  /// Instances go back by themselves only before the commit point, and as far as was proven.
  case r8 = "R8"
  /// At most two versions may be alive.
  case r9 = "R9"
  /// No migration without a verified backup.
  case d1 = "D1"
  /// Each migration is committed at most once.
  case d2 = "D2"
  /// How a run ended is true.
  case d3 = "D3"
  /// Migrations are in order, and none is above the target.
  case d6 = "D6"
  /// No effect under an epoch that is not this daemon's newest.
  case f1 = "F1"
  /// No effect before its intent is durable.
  case j1 = "J1"
  /// A run turns at most once, and only back.
  case j2 = "J2"
  /// No effect while another's outcome is unknown.
  case j3 = "J3"
  /// No change of the fleet on a reading older than the last effect.
  case k1 = "K1"
  /// Nothing is written over what somebody else changed.
  case k4 = "K4"
  /// No run starts after the manifest expired.
  case t3 = "T3"
  /// A withdrawn or failed release goes no further.
  case t4 = "T4"
  /// A run follows its pinned plan.
  case t5 = "T5"
  /// At most one run is open.
  case u3 = "U3"
  /// A run needs few effects.
  case l4 = "L4"
}

/// A breach of one invariant.
public struct Violation: Hashable, Sendable, CustomStringConvertible {
  public var invariant: Invariant
  /// What breached it, for a person.
  public var message: String

  public init(_ invariant: Invariant, _ message: String) {
    self.invariant = invariant
    self.message = message
  }

  public var description: String { "\(invariant.rawValue): \(message)" }
}

/// Every breach of an invariant in what happened, and in what is now.
///
/// For a history that grows, keep an `Oracle` and fold each event as it comes.
public func violations(_ world: World, _ history: [HistoryEvent]) -> [Violation] {
  var oracle = Oracle(rollout: world.rollout)
  for event in history { oracle.fold(event) }
  return oracle.violations + oracle.judge(world)
}
