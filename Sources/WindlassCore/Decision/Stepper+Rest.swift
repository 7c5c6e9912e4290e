extension Stepper {
  /// Looks after a service without an open run, and opens the next one when there is one to open.
  mutating func rest() -> Move {
    guard freshFleet(age: Bounds.fleetIdleInterval) != nil else { return .read(.observe) }
    guard let ledger = watch.ledger else { return .read(.inspect) }
    if let block = record.block {
      guard isPassing(block) else { return .wait(until: idle) }
      // What stands for the ledger's sake is looked at again; reading it is no write.
      guard !isOutdated(ledger) else { return .read(.inspect) }
    }
    refreshWindow()
    if shape == nil {
      if let move = ifDue(keep()) { return move }
      if let move = ifDue(forgetDead()) { return move }
    } else {
      if let move = ifDue(keepWorkload()) { return move }
      if standing == nil, let move = ifDue(holdGate(ledger)) { return move }
      guard standing == nil else { return .wait(until: idle) }
    }
    guard !record.isPaused else { return .wait(until: idle) }
    switch nextRun(ledger) {
    case .upToDate:
      standing = standing ?? leftBehind()
      return .wait(until: idle)
    case .wait(let until):
      standing = standing ?? leftBehind()
      return .wait(until: until.map { min($0, idle) } ?? idle)
    case .blocked(let block):
      standing = standing ?? leftBehind() ?? block
      return .wait(until: idle)
    case .open(let plan):
      if let block = obstacle(to: plan) {
        standing = block
        return .wait(until: idle)
      }
      if let workload = watch.workload, !workload.isTakenIn { return look() }
      // A plan rests on a ledger read after everything that Windlass did.
      guard freshLedger() != nil, !isOutdated(ledger) else {
        return .read(.inspect)
      }
      open(plan)
      return .again
    }
  }

  /// An instance of another release that stays where the deployed one is wanted until a person
  /// removes it; told even when nothing else is to be done.
  private func leftBehind() -> Block? {
    record.deployed.flatMap { inTheWay(of: $0.version, shape) }.map {
      Block(code: "InstanceInDoubt", message: $0)
    }
  }

  /// Keeps the deployed release's instances, and takes others away.
  private mutating func keep() -> Move? {
    if record.deployed == nil, record.pastRuns.isEmpty { adoptWhatServes() }
    if let deployed = record.deployed { return maintain(deployed, record.policy.rollout) }
    // Only what a failed install left behind is taken away.
    guard !record.pastRuns.isEmpty else { return nil }
    return strays(beside: nil).first.map { .perform(.stop($0.id)) }
  }

  /// First contact: the deployed release is what every living instance reports.
  private mutating func adoptWhatServes() {
    let living = record.instances.filter(\.mayBeAlive)
    let reported = Set(
      living.map { instance in
        watch.fleet?.instances.first { $0.id == instance.id }?.reportedVersion
      })
    guard reported.count == 1, let text = reported.first ?? nil else { return }
    record.deployed = watch.offer?.releases.first { $0.version.description == text }
  }

  /// Windows come from the newest verified manifest.
  private mutating func refreshWindow() {
    guard let deployed = record.deployed,
      let known = watch.offer?.releases.first(where: { $0.version == deployed.version }),
      known.build == deployed.build, known.window != deployed.window
    else { return }
    record.deployed?.window = known.window
  }

  private mutating func open(_ plan: Plan) {
    record.runCount += 1
    record.block = nil
    record.run = Run(plan: plan, openedAt: now)
  }

  private func nextRun(_ ledger: LedgerReading) -> Resolution {
    guard let offer = watch.offer else { return .upToDate }
    return resolve(record, offer, ledger, now: now)
  }
}
