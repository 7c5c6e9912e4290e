/// What the gate says of one version: whether somebody who owns a roll may start an instance of it.
///
/// An answer may be acted on for `Bounds.admissionLife`.
public enum Admission: Hashable, Sendable {
  case open
  /// Not now; the gate may open later.
  case closed(Block)
  /// Not at all, and what runs of it is to be taken back.
  case recalled(Block)
}

extension ServiceState {
  /// Whether an instance of the version may be started now (invariant R1).
  ///
  /// Pure, and closed wherever something is not known: a start is let only where the version is
  /// wanted, its instances were just looked at, and the schema was seen to be one that it works
  /// with, with no change under way to one that it does not.
  public func admission(of version: Version, at now: Timestamp) -> Admission {
    if let reason = recall(of: version) { return .recalled(reason) }
    guard let release = wanted(version) else { return .closed(unwanted(version)) }
    let reason =
      blindness(at: now) ?? schemaBar(to: release, at: now)
      ?? record.run.map { phaseBar(to: release, $0) } ?? restBar
    return reason.map { .closed($0) } ?? .open
  }

  /// The release that may be started at all: of an open run both, and else the deployed one.
  private func wanted(_ version: Version) -> Release? {
    let releases = record.run.map { [$0.plan.target, $0.plan.source] } ?? [record.deployed]
    return releases.compactMap { $0 }.first { $0.version == version }
  }

  private func unwanted(_ version: Version) -> Block {
    let standing =
      record.run.map { "\($0.plan.run) leads to \($0.plan.target.version)" }
      ?? record.deployed.map { "\($0.version) is deployed and no run is open" }
      ?? "no release is known to be deployed"
    return Block(code: "NotWanted", message: "no instance of \(version) may start: \(standing)")
  }

  // MARK: The way back

  /// Why instances of the version are to be taken away; nil while they are not.
  private func recall(of version: Version) -> Block? {
    let source = record.run.map(\.plan.source) ?? record.deployed
    guard version != source?.version else { return nil }
    let target = record.run?.plan.target
    if let run = record.run, version == target?.version {
      if run.isCommitted { return nil }
      if run.direction == .rollback {
        return takenBack(version, run.turnedBackFor?.message ?? "its run goes back")
      }
    }
    let known = watch.offer?.releases.first { $0.version == version }
    let release = target?.version == version ? target : known
    let quarantine = record.quarantine.first { entry in
      release.map(entry.bars) ?? (entry.version == version)
    }
    return quarantine.map { takenBack(version, $0.reason.message) }
  }

  private func takenBack(_ version: Version, _ reason: String) -> Block {
    Block(code: "TakenBack", message: "\(version) is to be taken back: \(reason)")
  }

  // MARK: What is known

  /// What is not known well enough; nil when all is.
  private func blindness(at now: Timestamp) -> Block? {
    if let failure = watch.unreadable { return unknown("the last look failed (\(failure.code))") }
    guard let fleet = watch.fleet, watch.began.map({ $0 <= fleet.asOf }) ?? false else {
      return unknown("the instances were not read yet")
    }
    let ageMax =
      record.run == nil
      ? Bounds.admissionSightMax : Bounds.admissionSightInRun + watch.fleetTook
    guard now - fleet.asOf <= ageMax else {
      return unknown("the instances were not read for \(now - fleet.asOf)")
    }
    return nil
  }

  private func unknown(_ what: String) -> Block { Block(code: "NotKnown", message: what) }

  /// What of the schema keeps the release from starting; nil when nothing does.
  private func schemaBar(to release: Release, at now: Timestamp) -> Block? {
    guard let ledger = watch.ledger else { return unknown("the ledger was not read yet") }
    let gate = StartGate(window: release.window, epoch: record.epoch)
    let version = ledger.version?.description ?? "nothing applied"
    guard gate.admits(ledger) else {
      if ledger.isDirty {
        return Block(code: "DirtyLedger", message: "the ledger is dirty at \(version)")
      }
      guard ledger.epoch == record.epoch else {
        return unknown("another daemon holds the fence of the database")
      }
      return Block(
        code: "SchemaOutsideWindow",
        message: "\(release.version) works with schema \(release.window), and the ledger is at "
          + version)
    }
    let ageMax = Bounds.ledgerUseMax + Bounds.admissionSightInRun + watch.ledgerTook
    guard record.run == nil || now - ledger.asOf <= ageMax else {
      return unknown("the ledger was not read for \(now - ledger.asOf)")
    }
    return migrationBar(to: release)
  }

  /// A migration that may be under way is as good as done.
  private func migrationBar(to release: Release) -> Block? {
    for begun in [record.inFlight, record.unresolved].compactMap({ $0 }) {
      guard case .apply(let order, _) = begun.action,
        !release.window.contains(order.migration.version)
      else { continue }
      return Block(
        code: "MigrationUnderWay",
        message: "\(release.version) works with schema \(release.window), and migration "
          + "\(order.migration.version) is under way")
    }
    return nil
  }

  // MARK: Where the run stands

  /// What a service at rest stands for until a person mends it.
  private var restBar: Block? {
    record.block.flatMap { Block.passingAtRest.contains($0.code) ? nil : $0 }
  }

  /// What of the open run keeps the release from starting; nil when nothing does.
  private func phaseBar(to release: Release, _ run: Run) -> Block? {
    guard release.version == run.plan.target.version else { return sourceBar(release, run) }
    if run.phase.isBeforeRoll { return notYet(release, run) }
    guard !run.isCommitted else { return nil }
    if record.pending.contains(where: { $0.choice == .rollback }) {
      return Block(code: "ByPerson", message: "\(run.plan.run) is to be turned back")
    }
    if record.isPaused {
      return Block(code: "Paused", message: "\(run.plan.run) stands until somebody resumes it")
    }
    if let block = run.block, !Block.bearable.contains(block.code) { return block }
    guard isOrdered(run) else { return notYet(release, run) }
    return nil
  }

  /// The old release may start until the run is about to commit, after which its schema goes, and
  /// only where it was shown to work on what the new one wrote (invariant R8).
  private func sourceBar(_ source: Release, _ run: Run) -> Block? {
    if run.isCommitted || run.phase.isClosing {
      return Block(
        code: "PastCommitPoint",
        message: "\(run.plan.run) is past the point from which \(source.version) may come back")
    }
    if run.direction == .rollback {
      return run.block.flatMap { Block.bearable.contains($0.code) ? nil : $0 }
    }
    guard run.orderedAt != nil, run.verdict.map({ !$0.coversRollback }) ?? false else { return nil }
    return Block(
      code: "RollbackUnproven",
      message: "the proof did not show that \(source.version) works on what "
        + "\(run.plan.target.version) wrote: `windlass rollback` decides it")
  }

  private func notYet(_ release: Release, _ run: Run) -> Block {
    Block(
      code: "NotYet",
      message: "\(run.plan.run) is in phase \(run.phase.rawValue): \(release.version) may start "
        + "once the schema is expanded, the old instances were watched on it and the roll begins")
  }

  /// Whether the workload says that new instances are of the run's target.
  private func isOrdered(_ run: Run) -> Bool {
    guard run.plan.workload != nil else { return true }
    guard let workload = watch.workload, workload.hold == nil, let mark = workload.template.mark,
      mark.run == run.plan.run, workload.template.build == run.plan.target.imageDigest
    else { return false }
    switch mark.aim {
    case .wave, .whole: return true
    case .hold, .retreat: return false
    }
  }
}

extension RunPhase {
  /// Whether no instance of the target may have been started yet.
  fileprivate var isBeforeRoll: Bool {
    switch self {
    case .prepare, .preflight, .backUp, .verify, .prove, .approve, .expand, .observe: true
    case .roll, .soak, .commit, .contractBackUp, .contractVerify, .contract, .finish, .rollBack:
      false
    }
  }

  /// Whether there is no way back from here on.
  fileprivate var isClosing: Bool {
    switch self {
    case .commit, .contractBackUp, .contractVerify, .contract, .finish: true
    case .prepare, .preflight, .backUp, .verify, .prove, .approve, .expand, .observe, .roll, .soak,
      .rollBack:
      false
    }
  }
}
