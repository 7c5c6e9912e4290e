/// Something that changes the world, or costs enough to be journaled.
public enum Action: Hashable, Codable, Sendable {
  /// Set the fence from `current` to its next number.
  case takeFence(after: Epoch?)
  case preflight
  /// Fetch and verify the target's artifact and migrations.
  case prepare
  case backUp(BackupID, BackupPurpose)
  case verify(BackupID)
  case rehearse(BackupID)
  /// Apply one migration; the backup's digest is checked again first where one is named.
  case apply(MigrationOrder, checking: BackupID?)
  /// Start an instance, when the ledger still says what the gate wants.
  case start(StartOrder, gate: StartGate)
  case stop(InstanceID)
  /// Put the release's safe probes to a live instance.
  case probe(InstanceID)
  /// Make the workload say what the order says, when the ledger still says what the gate wants;
  /// no gate where nothing is started for it.
  case order(WorkloadOrder, gate: StartGate?)
  /// Ask a wave of instances for their version, and put the release's safe probes to them.
  case probeWave([InstanceID])
  case recordCommitPoint(RunID, epoch: Epoch)
  /// Drop the records of a dead instance.
  case forget(InstanceID)
  /// Delete backups beyond those that are kept.
  case prune

  /// A bounded word for ids, metrics and people.
  public var name: String {
    switch self {
    case .takeFence: "fence"
    case .preflight: "preflight"
    case .prepare: "prepare"
    case .backUp: "back-up"
    case .verify: "verify"
    case .rehearse: "rehearse"
    case .apply(let order, _): order.migration.phase.rawValue
    case .start: "start"
    case .stop: "stop"
    case .probe, .probeWave: "probe"
    case .order(let order, _): order.aim.name
    case .recordCommitPoint: "commit"
    case .forget: "forget"
    case .prune: "prune"
    }
  }

  /// Whether a lost outcome is found out by looking, rather than by doing it again.
  ///
  /// The others change nothing that a second attempt could do twice.
  public var hasLastingEffect: Bool {
    switch self {
    case .backUp, .apply, .start, .stop, .order, .recordCommitPoint, .forget: true
    case .takeFence, .preflight, .prepare, .verify, .rehearse, .probe, .probeWave, .prune: false
    }
  }
}

extension Action {
  /// Whether the fence's number travels with it as a precondition in the database.
  public var isGuarded: Bool {
    switch self {
    case .apply, .recordCommitPoint: true
    case .takeFence, .preflight, .prepare, .backUp, .verify, .rehearse, .start, .stop, .probe,
      .order, .probeWave, .forget, .prune:
      false
    }
  }
}

/// What must be true in the database at the moment of a start (invariant R1).
public struct StartGate: Hashable, Codable, Sendable {
  public var window: SchemaWindow
  public var epoch: Epoch?

  public init(window: SchemaWindow, epoch: Epoch?) {
    self.window = window
    self.epoch = epoch
  }

  /// Whether a reading opens the gate: there is one, begun when everything done before had ended.
  public func admits(_ ledger: LedgerReading?, notBefore: Timestamp) -> Bool {
    guard let ledger, ledger.asOf >= notBefore else { return false }
    return admits(ledger)
  }

  /// Whether the reading opens the gate: clean, inside the window, under the same epoch.
  public func admits(_ ledger: LedgerReading) -> Bool {
    !ledger.isDirty && window.contains(ledger.version) && ledger.epoch == epoch
  }
}

/// What the shell is asked to do next; at most one at a time.
public enum Effect: Hashable, Sendable {
  /// Read ledger, fence and history.
  case inspect
  /// Read the fleet.
  case observe
  /// Find out what became of an action whose outcome is not known.
  case readBack(EffectID, Action)
  /// Carry out an action whose intent is durable.
  case perform(EffectID, Action)
}

/// What a finished action brought.
public enum Outcome: Hashable, Codable, Sendable {
  case done
  /// A backfill went some way and left what it did in place; it goes on when it is applied again.
  case advanced(BackfillProgress)
  case fenced(Epoch)
  case backedUp(BackupReceipt)
  case judged(Verdict)
  /// What a live probe found wrong; nil when all passed.
  case probed(failure: String?)
  /// What the instances of a wave said, those of them that could be asked.
  case answered([ProbeAnswer])
}

/// What the shell has to tell of the action in flight.
public enum Report: Hashable, Sendable {
  case finished(EffectID, Outcome)
  case failed(EffectID, StepFailure)
  /// Reading back showed that the action never took place.
  case neverHappened(EffectID)
  /// Nobody knows: the process that asked is gone, or the reply was lost.
  case lost(EffectID)
  /// A read itself failed, so nothing is known.
  case unreadable(StepFailure)
}
