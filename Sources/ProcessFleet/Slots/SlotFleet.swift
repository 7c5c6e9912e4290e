package import WindlassCore

/// The instances of all replicas of a service, as its leader reads and orders them through slots.
///
/// An instance that is ordered may be alive from then on, whether or not its sidecar has read the
/// order; one whose sidecar says nothing any more is in doubt, and never dead for that.
package actor SlotFleet: Fleet {
  private let coordination: any Coordination
  private let lease: Lease
  private let clock: any RunClock
  /// How each slot stood when this leader saw it change last.
  private var sightings: [ReplicaID: Sighting] = [:]

  private struct Sighting {
    var beat: Int64
    var since: Timestamp
    /// Whether it was seen to beat; before that, its replica may be long gone.
    var hasBeaten = false
  }

  /// Makes the leader's side of a fleet.
  ///
  /// - Parameter lease: The leader's; with another one's nothing is ordered.
  package init(_ coordination: any Coordination, under lease: Lease, clock: any RunClock) {
    self.coordination = coordination
    self.lease = lease
    self.clock = clock
  }

  // MARK: Reading

  /// A slot with what stands in it.
  private struct Seen {
    var slot: Slot
    var orders: SlotOrders
    var report: SlotReport
    /// How long it has not beaten.
    var age: Interval
    var hasBeaten: Bool

    /// Whether its sidecar would take an order.
    var isAttended: Bool { hasBeaten && age <= Bounds.slotReadyMax }
    var isSilent: Bool { age > Bounds.slotSilenceMax }

    /// What is there, by order or by report.
    var instances: [InstanceReading] {
      let ordered = orders.entries.compactMap(reading)
      let others = report.instances.filter { orders[$0.id] == nil }
      return ordered + others.map(aged)
    }

    private func reading(of entry: SlotOrders.Entry) -> InstanceReading? {
      let id = entry.start.id
      if let told = report.instances.first(where: { $0.id == id }) {
        var reading = aged(told)
        // What is forgotten and lives all the same is no less alive for it.
        if entry.wish == .forget, reading.life != .alive { return nil }
        if entry.wish == .stop, reading.life != .dead { reading.isDraining = true }
        return reading
      }
      guard entry.wish != .forget else { return nil }
      var reading = InstanceReading(
        id: id, release: entry.start.release.version, life: isSilent ? .unknown : .alive,
        isDraining: entry.wish == .stop,
        detail: report.trouble.isEmpty ? "its sidecar has not begun it yet" : report.trouble)
      if let refusal = report.refusals.first(where: { $0.id == id }) {
        (reading.life, reading.detail) = (.dead, refusal.failure.message)
      } else if entry.wish == .stop, report.taken >= entry.since {
        (reading.life, reading.detail) = (.dead, "it was never begun")
      }
      return reading
    }

    /// What was told a while ago is worth less.
    private func aged(_ told: InstanceReading) -> InstanceReading {
      var reading = told
      guard told.life == .alive, age > Bounds.slotReadyMax else { return reading }
      reading.isReady = false
      reading.reportedVersion = nil
      reading.detail = "its sidecar has not reported for \(age)"
      if isSilent { reading.life = .unknown }
      return reading
    }

    /// Those that should run here, by the order in which they were started.
    var wanted: [InstanceReading] {
      instances.filter { $0.life != .dead && !$0.isDraining }.sorted { $0.id.isBefore($1.id) }
    }
  }

  private func look() async throws(StepFailure) -> [Seen] {
    let slots = try await coordination.read().slots
    let now = clock.now()
    var seen: [Seen] = []
    for slot in slots {
      var sighting = sightings[slot.replica] ?? Sighting(beat: slot.beat, since: now)
      if sighting.beat != slot.beat {
        sighting = Sighting(beat: slot.beat, since: now, hasBeaten: true)
      }
      sightings[slot.replica] = sighting
      seen.append(
        Seen(
          slot: slot, orders: try SlotText.read(slot.orders, before: SlotOrders()),
          report: try SlotText.read(slot.report, before: SlotReport()),
          age: now - sighting.since, hasBeaten: sighting.hasBeaten))
    }
    let there = Set(slots.map(\.replica))
    sightings = sightings.filter { there.contains($0.key) }
    return seen
  }

  /// Reads what the replicas tell, once each has beaten under this leader's eyes, or had the time
  /// to: what a slot held before may be told of a replica that is long gone.
  package func observe() async throws(StepFailure) -> FleetReading {
    var asOf = clock.now()
    var seen = try await look()
    while seen.contains(where: { !$0.hasBeaten && $0.age <= Bounds.slotReadyMax }),
      !Task.isCancelled
    {
      await clock.sleep(until: clock.now() + Bounds.slotLookInterval)
      asOf = clock.now()
      seen = try await look()
    }
    let instances = seen.flatMap(\.instances).sorted { $0.id.isBefore($1.id) }
    return FleetReading(instances: instances, asOf: asOf)
  }

  /// The slot that has the instance.
  private func slot(of id: InstanceID) async throws(StepFailure) -> Seen? {
    try await look().first { seen in
      seen.orders[id] != nil || seen.report.instances.contains { $0.id == id }
    }
  }

  // MARK: Orders

  /// Orders the instance of the replica that has room for it, and waits for its sidecar to take the
  /// order, but not for ever: the order stands.
  package func start(_ order: StartOrder) async throws(StepFailure) {
    let slots = try await look()
    let holder = slots.first { seen in
      seen.orders[order.id] != nil || seen.report.instances.contains { $0.id == order.id }
    }
    if holder == nil {
      let seen = try place(for: order, among: slots)
      var orders = seen.orders
      orders.sequence += 1
      orders.entries.append(SlotOrders.Entry(start: order, since: orders.sequence))
      try await write(orders, to: seen)
    }
    try await awaitTaking(order.id)
  }

  /// The replica that serves with the fewest instances; of several the one whose instance is the
  /// first that a roll will take away, so that each replica has one in the end.
  private func place(
    for order: StartOrder, among slots: [Seen]
  ) throws(StepFailure) -> Seen {
    let open = slots.filter { seen in
      seen.isAttended && !seen.wanted.contains { $0.release == order.release.version }
    }
    let best = open.min { left, right in
      let (first, second) = (left.wanted, right.wanted)
      if first.count != second.count { return first.count < second.count }
      if let one = first.first, let other = second.first { return one.id.isBefore(other.id) }
      return left.slot.replica < right.slot.replica
    }
    guard let best else {
      throw StepFailure(
        code: "NoReplica", disposition: .wait,
        message: "\(order.id) was not started: of \(slots.count) replicas on record none is there "
          + "that does not serve with \(order.release.version) already. See whether as many pods "
          + "run as the configuration has replicas")
    }
    return best
  }

  private func awaitTaking(_ id: InstanceID) async throws(StepFailure) {
    let deadline = clock.now() + Bounds.slotPatience
    var trouble = ""
    while !Task.isCancelled {
      guard let seen = try await slot(of: id), let entry = seen.orders[id] else { return }
      if let refusal = seen.report.refusals.first(where: { $0.id == id }) {
        var orders = seen.orders
        orders.sequence += 1
        orders.entries.removeAll { $0.start.id == id }
        try await write(orders, to: seen)
        throw refusal.failure
      }
      if seen.report.taken >= entry.since { return }
      trouble = seen.report.trouble
      guard clock.now() < deadline else { break }
      await clock.sleep(until: clock.now() + Bounds.slotLookInterval)
    }
    throw StepFailure(
      code: "SidecarSilent", disposition: .retry,
      message: "the sidecar that is to start \(id) has not done so within \(Bounds.slotPatience)"
        + (trouble.isEmpty ? "" : ": \(trouble)"))
  }

  package func stop(_ id: InstanceID) async throws(StepFailure) {
    guard let seen = try await slot(of: id),
      let reading = seen.instances.first(where: { $0.id == id }), reading.life != .dead,
      !reading.isDraining
    else { return }
    guard reading.life != .unknown else {
      throw StepFailure(
        code: "InstanceInDoubt", disposition: .wait,
        message: "\(id) can't be stopped, because nobody can tell whether it runs: "
          + "\(reading.detail). Make sure that it has ended, then confirm it (windlass "
          + "confirm-dead \(id))")
    }
    try await wish(.stop, for: reading, in: seen)
  }

  package func forget(_ id: InstanceID) async throws(StepFailure) {
    guard let seen = try await slot(of: id),
      let reading = seen.instances.first(where: { $0.id == id })
    else { return }
    guard reading.life != .alive else {
      throw StepFailure(
        code: "InstanceAlive", disposition: .stop,
        message: "\(id) still runs and can't be forgotten; stop it first")
    }
    if seen.isSilent, seen.instances.allSatisfy({ $0.id == id }) {
      // Nothing is left to say about a replica that is gone. One that is not reports anew.
      return try await coordination.remove(seen.slot, under: lease)
    }
    try await wish(.forget, for: reading, in: seen)
  }

  private func wish(
    _ wish: SlotOrders.Wish, for reading: InstanceReading, in seen: Seen
  ) async throws(StepFailure) {
    var orders = seen.orders
    // What the sidecar has forgotten needs no word any more.
    orders.entries.removeAll { entry in
      entry.wish == .forget && seen.report.taken >= entry.since
        && !seen.report.instances.contains { $0.id == entry.start.id }
    }
    if orders[reading.id] == nil {
      // One that the sidecar found: it is told of by its name, and never started.
      let release = Release(version: reading.release, window: SchemaWindow(at: SchemaVersion(0)))
      orders.entries.append(
        SlotOrders.Entry(
          start: StartOrder(id: reading.id, release: release), wish: wish,
          since: orders.sequence + 1))
    }
    try await write(orders.changing(reading.id) { $0.wish = wish }, to: seen)
  }

  /// Has the instance's own sidecar put the probes to it, since nobody else reaches it.
  package func probe(
    _ id: InstanceID, with probes: [Probe]
  ) async throws(StepFailure) -> String? {
    guard let seen = try await slot(of: id), seen.orders[id]?.wish == .run,
      seen.instances.contains(where: { $0.id == id && $0.life == .alive })
    else {
      return "the instance \(id) is not there to be asked"
    }
    let number = seen.orders.sequence + 1
    let asking = seen.orders.changing(id) {
      $0.question = SlotOrders.Question(number: number, probes: probes)
    }
    try await write(asking, to: seen)
    let deadline = clock.now() + Bounds.slotPatience
    while clock.now() < deadline, !Task.isCancelled {
      let report = try await slot(of: id)?.report
      if let answer = report?.answers.first(where: { $0.number == number }) {
        return answer.failure
      }
      await clock.sleep(until: clock.now() + Bounds.slotLookInterval)
    }
    throw StepFailure(
      code: "SidecarSilent", disposition: .retry,
      message: "the sidecar of \(id) has not put the probes to it within \(Bounds.slotPatience)")
  }

  private func write(_ orders: SlotOrders, to seen: Seen) async throws(StepFailure) {
    try await coordination.order(SlotText.write(orders), to: seen.slot.replica, under: lease)
  }
}

extension InstanceID {
  /// Whether the instance was named before the other: `beacon-9` before `beacon-10`.
  fileprivate func isBefore(_ other: InstanceID) -> Bool {
    text.utf8.count == other.text.utf8.count
      ? text < other.text : text.utf8.count < other.text.utf8.count
  }
}
