/// A roll that somebody else owns: Windlass says which release may come, and watches.
extension Stepper {
  /// What follows from what the owner of the roll did; nil when nothing does.
  ///
  /// Until the commit point the owner may take the target back, and that is respected: whatever led
  /// to it speaks against the release.
  mutating func heedOwner(_ run: Run) -> Move? {
    guard run.plan.workload == .signalled, !run.isCommitted else { return nil }
    if let move = keepGate(to: run.plan.target) { return move }
    guard let source = run.plan.source, let asOf = watch.fleet?.asOf else { return nil }
    let target = run.plan.target.version
    // One in doubt may be there.
    if record.instances.contains(where: { $0.isWanted && $0.release == target }) {
      record.run?.hasArrived = true
      watch.targetGoneSince = nil
      return nil
    }
    guard run.hasArrived == true, !wanted(source.version).isEmpty else {
      watch.targetGoneSince = nil
      return nil
    }
    let since = watch.targetGoneSince ?? asOf
    watch.targetGoneSince = since
    // One that is replaced is missing for a moment.
    guard asOf - since >= max(run.plan.rollout.stability, Bounds.takenBackAfter) else { return nil }
    turnBack(
      Block(
        code: "TakenBackByOwner",
        message: "whoever owns the roll of \(record.policy.service) took \(target) back to "
          + "\(source.version): see what it found. `windlass release` lets \(target) be tried "
          + "again"), blame: true, isDecided: true)
    return .again
  }

  /// Looks again as often as at rest: it may take hours. How long the owner takes to roll forward
  /// is no affair of Windlass; on the way back somebody has to know when nothing happens.
  mutating func awaitOwner(_ run: Run) -> Move {
    let coming = run.direction == .rollback ? run.plan.source : run.plan.target
    if let move = keepGate(to: coming) { return move }
    let (target, source) = (run.plan.target.version, run.plan.source?.version)
    let stray = strays(beside: target).first { $0.release != source }
    if let stray {
      standing = Block(
        code: "InstanceInDoubt", message: unasked(stray, beside: source ?? target))
    }
    guard run.direction == .rollback else { return .wait(until: idle) }
    let since = max(run.orderedAt ?? run.phaseSince, watch.since ?? now)
    if standing == nil, now - since > run.plan.rollout.progressDeadline + run.plan.rollout.stability
    {
      standing = Block(
        code: "NoProgress",
        message: "whoever owns the roll of \(record.policy.service) did not take \(target) back"
          + "\(source.map { " to \($0)" } ?? "") within \(run.plan.rollout.progressDeadline): "
          + "do it there; the run goes on when it is done")
    }
    return .wait(until: idle)
  }

  /// Sees to it that the gate to a release is open for as long as whoever owns the roll takes; nil
  /// when nothing is to be done, and where nobody asks the gate.
  ///
  /// The ledger is read again when what is known of it is old, the fence is taken where another
  /// daemon had it meanwhile, and a ledger that shuts the gate is told: its owner waits for the
  /// gate, and nobody would know why.
  mutating func keepGate(to release: Release?) -> Move? {
    guard shape == .signalled, let release else { return nil }
    guard let ledger = watch.ledger, !isOutdated(ledger) else { return .read(.inspect) }
    if ledger.epoch != record.epoch { return takeFenceIfNeeded() }
    let gate = StartGate(window: release.window, epoch: record.epoch)
    return gate.admits(ledger) ? nil : refuseStart(closed(gate, ledger, release), ledger)
  }

  /// Sees to it that the gate to the deployed release is open at rest, where another daemon or a
  /// restore had the fence meanwhile, or where whoever owns the roll has something to take back.
  /// Nil when there is nothing to do.
  mutating func holdGate(_ ledger: LedgerReading) -> Move? {
    guard shape == .signalled, let deployed = record.deployed,
      ledger.epoch != record.epoch || inTheWay(of: deployed.version, shape) != nil
    else { return nil }
    return keepGate(to: deployed)
  }

  /// Notes since when the gate is shut to the old release, which is never before the record that
  /// says so was made durable: the gate goes by that one.
  mutating func noteShutGate() {
    guard let run = record.run, run.plan.workload == .signalled, run.phase == .commit,
      watch.gateShutSince.map({ $0 < run.phaseSince }) ?? true
    else { return }
    watch.gateShutSince = now
  }

  /// Waits before the commit point until everything that the gate let start is there to be seen,
  /// and looks; nil when it was looked, and where nobody asks the gate.
  func awaitAdmitted(_ run: Run) -> Move? {
    guard run.plan.workload == .signalled else { return nil }
    guard let shut = watch.gateShutSince, shut >= run.phaseSince else { return look() }
    let due = shut + Bounds.admissionLag + Bounds.admissionLife
    guard now >= due else { return .wait(until: min(due, idle)) }
    guard let asOf = watch.fleet?.asOf, asOf >= due else { return .read(.observe) }
    return nil
  }

  /// An instance that the gate did not let start is not for Windlass to remove.
  func unasked(_ stray: InstanceRecord, beside version: Version) -> String {
    "Instance \(stray.id) of \(stray.release) was started although the gate was closed to it: have "
      + "whoever owns the roll take it back to \(version), and ask the gate first"
  }
}
