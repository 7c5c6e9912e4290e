extension Oracle {
  // MARK: What is seen

  /// Folds a reading of a workload that may be decided on.
  mutating func fold(_ reading: WorkloadReading) {
    guard reading.asOf >= lastSettledAt else { return }
    if let first = firstReadingAt, reading.asOf < first { return }
    if firstReadingAt == nil { firstReadingAt = reading.asOf }
    if let before = workload, before.desired != reading.desired { disturb() }
    let hasGap = lastReadingAt.map { reading.asOf - $0 > Bounds.readingGapMax } ?? true
    lastReadingAt = reading.asOf
    workload = reading
    for index in instances.indices {
      let id = instances[index].id
      guard let seen = reading.instances.first(where: { $0.id == id }) else {
        instances[index].life = .unknown
        instances[index].isReady = false
        instances[index].readySince = nil
        continue
      }
      let isTrue = seen.reportedVersion.map { $0 == instances[index].versionText } ?? true
      let isReady = seen.life == .alive && seen.isReady && !seen.isLeaving && isTrue
      let isSame = instances[index].readinessMark == seen.readinessMark
      instances[index].life = seen.life
      if seen.life == .alive, reading.asOf > instances[index].diedAt {
        instances[index].mayBeAlive = true
      }
      instances[index].isStopped = seen.isLeaving
      instances[index].readinessMark = seen.readinessMark
      instances[index].isReady = isReady
      if !isReady {
        instances[index].readySince = nil
      } else if hasGap || !isSame || instances[index].readySince == nil {
        instances[index].readySince = reading.asOf
      }
    }
  }

  /// Somebody else had a hand on the workload.
  mutating func touch(_ isTouched: Bool) {
    disturb()
    self.isTouched = isTouched
  }

  /// A person may give free what somebody changed.
  mutating func judge(givingFree decision: Decision) {
    switch decision.choice {
    case .resume, .rollback, .adopt: isTouched = false
    case .pause, .approve, .giveUp, .quarantine, .release, .confirmDead: break
    }
  }

  /// The controller began an instance; what it begins is the doing of who wrote the template.
  mutating func appear(
    _ id: InstanceID, _ version: Version, _ window: SchemaWindow, byPerson: Bool
  ) {
    let isTaken = instances.contains { $0.id == id }
    note(breach(.r6, unless: !isTaken, "\(id) began twice"))
    if isTaken { return }
    var known = Known(id: id, release: version, versionText: version.description, window: window)
    known.isByPerson = byPerson
    known.isExcused = byPerson || schemaMeddledFrom != nil
    note(
      breach(
        .r0, unless: known.isExcused || window.contains(schema),
        "\(id) of \(version) works with \(window) and began on "
          + "\(schema?.description ?? "nothing applied")"))
    instances.append(known)
    let alive = instances.filter { $0.mayBeAlive && !$0.isByPerson }
    let versions = Set(alive.map(\.release))
    note(breach(.r9, unless: versions.count <= 2, "\(versions.count) versions may be alive: \(id)"))
    if run?.plan.target.version == version, !byPerson { run?.hasStartedTarget = true }
  }

  // MARK: Orders

  /// An order took effect.
  mutating func accept(_ order: WorkloadOrder, isLate: Bool) {
    let id = order.id
    note(
      breach(
        .f1, unless: markEpoch.map { $0 <= order.epoch } ?? true,
        "\(id) was accepted under epoch \(order.epoch), the workload knows "
          + "\(markEpoch?.description ?? "none")"))
    note(breach(.k4, unless: !isTouched, "\(id) was written over what somebody else changed"))
    if let mine = orders.firstIndex(of: id), let other = latestOrder.flatMap(orders.firstIndex) {
      note(breach(.j3, unless: mine > other, "\(id) took effect after a later order"))
    }
    markEpoch = order.epoch
    latestOrder = id
    guard order.aim != .hold, !isLate else { return }
    note(
      breach(
        .r1, unless: !isDirty && order.release.window.contains(schema),
        "\(id) starts \(order.release.version), which works with \(order.release.window), on "
          + "\(schema?.description ?? "nothing applied")\(isDirty ? ", dirty" : "")"))
  }

  /// Whether an order may be given, on the reading that it rests on.
  mutating func judge(_ order: WorkloadOrder, _ id: EffectID) {
    orders = (orders + [order.id]).suffix(Oracle.ordersFollowed)
    note(
      breach(
        .k1, unless: lastReadingAt.map { $0 >= lastSettledAt } ?? false,
        "\(id) rests on a reading older than the last effect"))
    note(
      breach(
        .f1, unless: order.epoch == ownFence,
        "\(id) goes under epoch \(order.epoch), this daemon took \(ownFence?.description ?? "none")"
      ))
    guard let workload else { return report(.k1, "\(id) rests on no reading of the workload") }
    note(
      breach(
        .k4, unless: order.token == workload.token,
        "\(id) names another state of the workload than was read"))
    if case .foreign(let who)? = workload.hold {
      report(.k4, "\(id) is written to a workload that \(who) paused")
    }
    judge(removing: order, workload, id)
    guard let run, run.direction == .forward, !run.isCommitted,
      order.release.version == run.plan.target.version
    else { return }
    switch order.aim {
    case .wave(let bound): judge(bound, run, workload, id)
    case .whole: judge(whole: id, run, workload)
    case .hold, .retreat: break
    }
  }

  /// How many orders back a late one is recognised.
  static let ordersFollowed = 16

  /// The canary comes first, and no wave before the one ahead of it is good (R5, R4).
  private mutating func judge(
    _ bound: WaveBound, _ run: Open, _ workload: WorkloadReading, _ id: EffectID
  ) {
    let rollout = run.plan.rollout
    let good = instances.count {
      $0.release == run.plan.target.version && seemsAlive($0) && run.promoted.contains($0.id)
    }
    note(
      breach(.r5, unless: bound.good <= good, "\(id) counts \(bound.good) as good, \(good) are"))
    let canary = max(rollout.canary, 1)
    note(
      breach(
        .r5, unless: bound.instances <= canary || good >= canary,
        "\(id) lets \(bound.instances) begin before the canary is good"))
    let replaces = run.plan.workload == .ordered || run.plan.workload == .byRemoval
    let surge = replaces ? 0 : max(rollout.maxSurge, rollout.maxUnavailable == 0 ? 1 : 0)
    let missing = replaces ? max(rollout.maxUnavailable, 1) : rollout.maxUnavailable
    note(breach(.r4, unless: bound.surge <= surge, "\(id) lets \(bound.surge) come beside"))
    note(
      breach(
        .r4, unless: bound.surge + bound.unavailable <= surge + missing,
        "\(id) lets \(bound.unavailable) be missing"))
  }

  /// Whether the instance lives as far as the last reading can tell: an order can't know of what
  /// died since.
  private func seemsAlive(_ instance: Known) -> Bool {
    instance.mayBeAlive || lastReadingAt.map { instance.diedAt > $0 } ?? false
  }

  /// Without a bound the controller goes to the end: everything must be good before (R5).
  private mutating func judge(whole id: EffectID, _ run: Open, _ workload: WorkloadReading) {
    guard run.plan.workload != .signalled else { return }
    // It has none any more.
    if let mark = workload.template.mark, mark.run == run.plan.run, mark.aim == .whole { return }
    let new = instances.filter {
      $0.release == run.plan.target.version && seemsAlive($0) && $0.life == .alive && !$0.isStopped
    }
    let good = new.count { run.promoted.contains($0.id) }
    note(
      breach(
        .r5, unless: good >= workload.desired && good > 0,
        "\(id) lifts the bound while \(good) of \(workload.desired) are good"))
  }

  /// What is removed leaves enough ready, and is what this run may take away (R4).
  private mutating func judge(
    removing order: WorkloadOrder, _ workload: WorkloadReading, _ id: EffectID
  ) {
    guard !order.removing.isEmpty else { return }
    let removed = Set(order.removing)
    let serving = instances.filter { $0.isReady && !$0.isStopped }
    guard serving.contains(where: { removed.contains($0.id) }) else { return }
    let left = serving.count { !removed.contains($0.id) }
    let floor = workload.desired - max(1, rollout.maxUnavailable)
    note(
      breach(.r4, unless: left >= floor, "\(id) removes all but \(left) ready, \(floor) must be"))
  }
}
