import WindlassCore

/// What the controller of a workload does by itself, one turn at a time.
extension Simulation {
  func turnController() {
    guard var workload else { return }
    if let at = workload.seesAt, at <= now {
      workload.seen = workload.says
      workload.seenHold = workload.hold != nil
      workload.seenDesired = workload.desired
      workload.seenGeneration = workload.generation
      workload.seesAt = nil
    }
    self.workload = workload
    let before = (tally.starts, tally.stops)
    sendAwayFromLost()
    switch workload.shape {
    case .surging, .signalled: keepSets()
    case .ordered: keepPlaces(replaces: true)
    case .byRemoval: keepPlaces(replaces: false)
    }
    let isBusy = before != (tally.starts, tally.stops) || self.workload?.seesAt != nil
    pace(isBusy: isBusy)
  }

  /// Looks again soon where something happens, and seldom where nothing does.
  private func pace(isBusy: Bool) {
    guard var workload else { return }
    workload.pause =
      isBusy
      ? SimulatedWorkload.pauseMin : min(workload.pause * 2, SimulatedWorkload.pauseMax)
    let crash = fleet.instances.compactMap { $0.isKept ? $0.post?.crashesAt : nil }.min()
    workload.turnsAt = min(now + workload.pause, crash ?? now + workload.pause)
    self.workload = workload
  }

  private var kept: [SimulatedInstance] { fleet.instances.filter(\.isKept) }

  private func isServing(_ instance: SimulatedInstance) -> Bool {
    guard let post = instance.post, workload?.machines[post.machine].isUp == true else {
      return false
    }
    return instance.isReady(at: now)
  }

  // MARK: Instances

  /// The controller makes an instance; false when it may not or there is no machine.
  @discardableResult
  private func make(_ version: Version, slot: Int) -> Bool {
    guard var workload else { return false }
    if let until = workload.refusedUntil {
      guard until <= now else { return false }
      workload.refusedUntil = nil
    }
    if dice.strikes(scenario.hazards.refused, "instances are refused") {
      workload.refusedUntil = now + dice.interval(300...7_000)
      self.workload = workload
      return false
    }
    let up = workload.machines.indices.filter { workload.machines[$0].isUp }
    guard !up.isEmpty else { return false }
    workload.instanceCount += 1
    let machine = up[workload.instanceCount % up.count]
    let id = InstanceID("\(scenario.policy.service)-\(workload.instanceCount)")
    self.workload = workload
    var post = SimulatedPost(
      slot: slot, machine: machine, boot: workload.machines[machine].boot, startsAt: now)
    if dice.strikes(scenario.hazards.roomless, "\(id) waits for room") {
      post.startsAt = now + dice.interval(100...6_000)
    }
    place(id, version, post)
    return true
  }

  /// An instance begins in its place.
  func place(_ id: InstanceID, _ version: Version, _ post: SimulatedPost) {
    launch(id, version)
    let wait = post.startsAt - now
    fleet.change(id) { instance in
      instance.post = post
      instance.readyAt = instance.readyAt.map { $0 + wait }
      instance.post?.crashesAt = instance.diesAt.map { $0 + wait }
      instance.diesAt = nil
    }
  }

  /// The controller, or an order, sends an instance away.
  func sendAway(_ id: InstanceID) {
    guard let instance = fleet.instance(id), let post = instance.post, instance.isKept else {
      return
    }
    tally.stops += 1
    tell("\(id) is sent away")
    guard workload?.machines[post.machine].isUp == true else {
      // Its machine can't be told.
      fleet.change(id) { $0.isDraining = true }
      return
    }
    let isUnseen = dice.strikes(scenario.hazards.endUnseen, "the end of \(id) goes unseen")
    // Who watches hears of each that appears: of one without a beginning nobody could tell a thing.
    end(id, isUnseen: isUnseen && post.wasRead)
  }

  private func end(_ id: InstanceID, isUnseen: Bool) {
    fleet.change(id) {
      $0.isDraining = false
      $0.isUnseen = isUnseen
    }
    fleet.stop(id, at: now, drain: dice.interval(5...150), grace: .milliseconds(400))
  }

  /// What crashed is begun again in its place, under its name.
  func restartCrashed() {
    guard workload != nil else { return }
    for index in fleet.instances.indices {
      let instance = fleet.instances[index]
      guard let at = instance.post?.crashesAt, at <= now, instance.isKept else { continue }
      var next = instance
      next.post?.restarts += 1
      next.post?.crashes += 1
      next.post?.interruptions += 1
      next.post?.crashesAt = nil
      next.readyAt = now + dice.interval(50...400)
      if case .crashes(let after) = instance.behaviour {
        next.post?.crashesAt = next.readyAt.map { $0 + after }
      }
      if instance.behaviour == .neverReady { next.readyAt = nil }
      tell("\(instance.id) crashed and begins again")
      fleet.instances[index] = next
    }
  }

  /// Those on a machine that nobody hears of are told to go, and can't hear it.
  private func sendAwayFromLost() {
    guard let workload else { return }
    for instance in kept {
      guard let machine = instance.post?.machine, let since = workload.machines[machine].awaySince,
        now - since >= .milliseconds(900)
      else { continue }
      sendAway(instance.id)
    }
  }

  // MARK: Sets of instances

  /// As a controller does that keeps one set for each version, and moves between them.
  private func keepSets() {
    guard var workload else { return }
    resize(&workload)
    if !workload.seenHold, mayBegin(workload) { move(&workload) }
    self.workload = workload
    for (version, size) in workload.sizes.sorted(by: { $0.key < $1.key }) {
      let have = kept.filter { $0.release == version }
      for _ in 0..<max(0, size - have.count) where !make(version, slot: 0) { break }
      guard have.count > size else { continue }
      let spare = have.filter { !isServing($0) } + have.filter(isServing).reversed()
      for instance in spare.prefix(have.count - size) { sendAway(instance.id) }
    }
  }

  /// Whether the roll may begin: who owns it asks the gate before the first instance of a release.
  private func mayBegin(_ workload: SimulatedWorkload) -> Bool {
    let version = workload.seen.version
    guard workload.shape == .signalled, workload.sizes[version, default: 0] == 0,
      !workload.seen.isByPerson
    else { return true }
    return downUntil == nil && state.admission(of: version, at: now) == .open
  }

  /// More or fewer are wanted.
  private func resize(_ workload: inout SimulatedWorkload) {
    let difference = workload.seenDesired - workload.sizedFor
    workload.sizedFor = workload.seenDesired
    let olds = workload.sizes.filter { $0.key != workload.seen.version && $0.value > 0 }.keys
      .sorted()
    for number in 0..<max(0, difference) {
      let version = number % 2 == 0 ? olds.first ?? workload.seen.version : workload.seen.version
      workload.sizes[version, default: 0] += 1
    }
    for _ in 0..<max(0, -difference) {
      let version = olds.first { workload.sizes[$0, default: 0] > 0 } ?? workload.seen.version
      workload.sizes[version, default: 0] = max(0, workload.sizes[version, default: 0] - 1)
    }
  }

  private func move(_ workload: inout SimulatedWorkload) {
    let wanted = workload.seenDesired
    let rollout = scenario.policy.rollout
    let version = workload.seen.version
    let bound = workload.shape == .signalled ? nil : workload.seen.bound
    let surge = bound?.surge ?? max(rollout.maxSurge, rollout.maxUnavailable == 0 ? 1 : 0)
    var new = workload.sizes[version, default: 0]
    let total = workload.sizes.values.reduce(0, +)
    new += max(0, min(wanted - new, wanted + surge - total))
    workload.sizes[version] = min(new, max(wanted, 0))
    let old = workload.sizes.filter { $0.key != version }.values.reduce(0, +)
    var drop: Int
    if let bound {
      drop = old - max(0, wanted - bound.good - bound.unavailable)
    } else {
      let floor = wanted - rollout.maxUnavailable
      let serving = kept.filter(isServing)
      let newUnready = new - serving.count { $0.release == version }
      let room = new + old - floor - max(0, newUnready)
      // Those that could not be made yet go first as well, as a Deployment's controller has it.
      let idle = max(0, old - serving.count { $0.release != version })
      let unready = max(0, min(idle, room))
      drop = unready + max(0, min(old - unready, serving.count - floor))
    }
    for other in workload.sizes.keys.filter({ $0 != version }).sorted() {
      while drop > 0, workload.sizes[other, default: 0] > 0 {
        workload.sizes[other, default: 0] -= 1
        drop -= 1
      }
    }
  }

  // MARK: Numbered places

  /// As a controller does whose instances have places; one that fills and replaces them one after
  /// the other, or one that fills every free place and replaces nothing.
  private func keepPlaces(replaces: Bool) {
    guard let workload else { return }
    for instance in kept where (instance.post?.slot ?? 0) >= workload.seenDesired {
      sendAway(instance.id)
    }
    for slot in 0..<workload.seenDesired {
      if let holder = holder(of: slot) {
        // The others wait for it, whatever it is.
        if replaces, !isServing(holder) || holder.isDraining { return }
        continue
      }
      let isOld = replaces && slot < workload.seen.partition
      let isMade = make(isOld ? workload.baseVersion : workload.seen.version, slot: slot)
      if replaces || !isMade { return }
    }
    guard replaces, !workload.seenHold else { return }
    for slot in (min(workload.seen.partition, workload.seenDesired)..<workload.seenDesired)
      .reversed()
    {
      guard let holder = holder(of: slot), holder.release != workload.seen.version else { continue }
      return sendAway(holder.id)
    }
    if workload.seen.partition == 0 { self.workload?.baseVersion = workload.seen.version }
  }

  /// What is in a place, be it on its way out.
  private func holder(of slot: Int) -> SimulatedInstance? {
    fleet.instances.first {
      guard let post = $0.post, post.slot == slot, !post.isVanished else { return false }
      return $0.isAlive(at: now)
    }
  }
}
