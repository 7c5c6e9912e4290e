extension Oracle {
  /// Folds a reading that may be decided on; an older one is no ground for anything.
  mutating func fold(_ reading: FleetReading) {
    guard reading.asOf >= lastSettledAt else { return }
    // What was read before this daemon's first reading was read by another one, and tells nothing.
    if let first = firstReadingAt, reading.asOf < first { return }
    if firstReadingAt == nil { firstReadingAt = reading.asOf }
    let hasGap = lastReadingAt.map { reading.asOf - $0 > Bounds.readingGapMax } ?? true
    lastReadingAt = reading.asOf
    for index in instances.indices {
      guard let seen = reading.instances.first(where: { $0.id == instances[index].id }) else {
        continue
      }
      instances[index].life = seen.life
      // It was seen after somebody had said that it is dead.
      if seen.life == .alive, reading.asOf > instances[index].diedAt {
        instances[index].mayBeAlive = true
      }
      let isReady =
        seen.life == .alive && seen.isReady && !seen.isDraining
        && seen.reportedVersion == instances[index].versionText
      instances[index].isReady = isReady
      if !isReady {
        instances[index].readySince = nil
      } else if hasGap || instances[index].readySince == nil {
        instances[index].readySince = reading.asOf
      }
    }
  }

  /// An instance really began.
  mutating func start(_ id: InstanceID, _ version: Version, _ window: SchemaWindow) {
    let isTaken = instances.contains { $0.id == id }
    note(breach(.r6, unless: !isTaken, "\(id) was started twice"))
    note(
      breach(
        .r1, unless: !isDirty && window.contains(schema),
        "\(id) of \(version) works with \(window) and was started on "
          + "\(schema?.description ?? "nothing applied")\(isDirty ? ", dirty" : "")"))
    if isTaken { return }
    instances.append(
      Known(id: id, release: version, versionText: version.description, window: window))
    let alive = instances.filter(\.mayBeAlive)
    let ceiling = rollout.replicas + rollout.maxSurge
    note(
      breach(
        .r4, unless: alive.count <= ceiling, "\(alive.count) may be alive, \(ceiling) may be: \(id)"
      ))
    let versions = Set(alive.map(\.release))
    note(breach(.r9, unless: versions.count <= 2, "\(versions.count) versions may be alive: \(id)"))
    if run?.plan.target.version == version { run?.hasStartedTarget = true }
  }

  /// An instance is known to be dead.
  mutating func bury(_ id: InstanceID, _ at: Timestamp) {
    guard let index = instances.firstIndex(where: { $0.id == id }) else { return }
    if !instances[index].isStopped { disturb() }
    instances[index].mayBeAlive = false
    instances[index].diedAt = at
  }

  /// An instance was promoted: it counts as good (R5).
  mutating func promote(_ id: InstanceID) {
    guard let instance = instances.first(where: { $0.id == id }) else {
      return report(.r5, "\(id) was promoted and never started")
    }
    let stable =
      zip(instance.readySince, lastReadingAt).map { $1 - $0 } ?? Interval(milliseconds: -1)
    note(
      breach(
        .r5, unless: stable >= rollout.stability,
        "\(id) was promoted after \(stable) of readiness, \(rollout.stability) are wanted"))
    note(breach(.r5, unless: instance.passedProbes, "\(id) was promoted before its probes passed"))
    run?.promoted.insert(id)
  }

  /// Whether an instance may be started by this order.
  mutating func judge(start order: StartOrder, _ gate: StartGate) {
    note(
      breach(.k1, unless: isFresh, "\(order.id) is started on a reading older than the last effect")
    )
    note(
      breach(
        .f1, unless: gate.epoch == ownFence,
        "\(order.id) is started under epoch \(gate.epoch?.description ?? "none"), this daemon took "
          + "\(ownFence?.description ?? "none")"))
    guard let run, run.direction == .forward, !run.isCommitted,
      order.release.version == run.plan.target.version
    else { return }
    let wanted = instances.count {
      $0.release == order.release.version && $0.mayBeAlive && !$0.isStopped && $0.life != .unknown
    }
    let canary = min(max(run.plan.rollout.canary, 1), run.plan.rollout.replicas)
    note(
      breach(
        .r5, unless: wanted < canary || run.promoted.count >= canary,
        "\(order.id) is started beside \(wanted) of \(order.release.version) before the canary is "
          + "good"))
  }

  /// Whether an instance may be stopped, on the reading that the stop rests on (R4).
  mutating func judge(stop id: InstanceID) {
    note(breach(.k1, unless: isFresh, "\(id) is stopped on a reading older than the last effect"))
    defer { change(id) { $0.isStopped = true } }
    guard instances.first(where: { $0.id == id })?.isReady == true else { return }
    // A failed install has nothing to keep capacity with.
    if run?.plan.kind == .install && run?.direction == .rollback { return }
    if run == nil && deployed == nil { return }
    let left = instances.count { $0.isReady && !$0.isStopped && $0.id != id }
    let floor = rollout.replicas - rollout.maxUnavailable
    note(
      breach(.r4, unless: left >= floor, "stopping \(id) leaves \(left) ready, \(floor) must be"))
  }

  private var isFresh: Bool { lastReadingAt.map { $0 >= lastSettledAt } ?? false }
}

/// Both values, or nothing.
private func zip<A, B>(_ left: A?, _ right: B?) -> (A, B)? {
  guard let left, let right else { return nil }
  return (left, right)
}
