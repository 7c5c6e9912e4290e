extension Stepper {
  /// Folds in what a person decided.
  mutating func absorb(_ decision: Decision) {
    switch decision.choice {
    case .pause: record.isPaused = true
    case .resume: goOn()
    case .approve(let version): record.approved = version
    case .rollback: turnBack(by: decision)
    case .giveUp: giveUp(by: decision)
    case .quarantine(let version):
      let build = watch.offer?.releases.first { $0.version == version }?.build ?? ""
      quarantine(version, build: build, for: Block(code: "ByPerson", message: note(decision)))
    case .release(let version): record.quarantine.removeAll { $0.version == version }
    case .confirmDead(let id): bury(id)
    case .adopt(let version): adopt(version)
    }
  }

  /// Whatever stands goes on, and looks at everything anew.
  private mutating func goOn() {
    let now = now
    if let run = record.run, run.block != nil {
      if run.isCommitted, Block.withdrawing.contains(run.block?.code ?? "") {
        record.run?.keepsWithdrawn = true
      }
      // The counts of a roll back that stood still begin anew.
      if run.phase == .rollBack { record.run?.phaseSince = now }
    }
    record.isPaused = false
    letWorkloadStand()
    record.block = nil
    record.run?.block = nil
    record.retry = nil
    record.refusedUntil = nil
    record.restarts = []
    watch.ledger = nil
    watch.targetGoneSince = nil
  }

  /// Takes a person's word that an instance is dead, unless it was just seen alive.
  private mutating func bury(_ id: InstanceID) {
    let reading = watch.fleet?.instances.first { $0.id == id }
    guard reading?.life != .alive else { return }
    let now = now
    change(id) { instance in
      guard !instance.isDead else { return }
      instance.isDead = true
      instance.diedAt = now
      if instance.stoppedAt == nil { instance.stoppedAt = now }
    }
  }

  private mutating func turnBack(by decision: Decision) {
    guard let run = record.run, !run.isCommitted || !rules.staysForwardAfterCommit else { return }
    let reason = Block(code: "ByPerson", message: note(decision))
    quarantine(run.plan.target.version, build: run.plan.target.build, for: reason)
    letWorkloadStand()
    record.run?.block = nil
    if hasChangedNothing(run) {
      end(.refused, reason)
    } else {
      turnBack(reason, blame: false, isDecided: true)
    }
  }

  /// Ends a run that stands before it has changed anything; the next one may begin at once.
  private mutating func giveUp(by decision: Decision) {
    guard let run = record.run, run.phase.isBeforeExpansion, hasChangedNothing(run), isSettled,
      mayStandLong(run)
    else { return }
    end(.refused, Block(code: "GivenUp", message: note(decision)))
    record.refusals = 0
    record.refusedUntil = nil
  }

  /// Whether nothing but somebody from outside, or another wish, has the run go on.
  private func mayStandLong(_ run: Run) -> Bool {
    run.block != nil || record.retry?.failure.disposition == .wait
      || watch.unreadable?.disposition == .wait
  }

  /// Takes a person's word for what is deployed, unless it can't be true of this schema.
  private mutating func adopt(_ version: Version) {
    guard state.objection(toAdopting: version) == nil,
      let release = watch.offer?.releases.first(where: { $0.version == version })
    else { return }
    record.deployed = release
    letWorkloadStand()
    record.block = nil
  }

  private func note(_ decision: Decision) -> String {
    decision.reason.isEmpty ? "\(decision.by) said so" : "\(decision.by): \(decision.reason)"
  }
}
