import WindlassCore

/// One simulated process.
struct SimulatedInstance {
  let id: InstanceID
  let release: Version
  let behaviour: Behaviour
  let window: SchemaWindow
  /// Tells it from every other process of its fleet, where anybody counts.
  var number = 0
  /// When it is ready for the first time; nil when it never is.
  var readyAt: Timestamp?
  /// When it ends, and how its reaper sees it; nil while it is to live on.
  var diesAt: Timestamp?
  var exit: ExitReport?
  var isDraining = false
  var isTermIgnored = false
  /// A while in which it is not ready.
  var unready: (from: Timestamp, until: Timestamp)?
  /// Since when and until when nobody can tell if it lives.
  var doubt: (from: Timestamp, until: Timestamp?)?
  /// Whether its death is known to the authority.
  var isKnownDead = false
  /// Whether it ended, or will end, without anybody to see it.
  var isUnseen = false
  /// What its controller made of it, where one keeps it.
  var post: SimulatedPost?

  func isAlive(at now: Timestamp) -> Bool { diesAt.map { now < $0 } ?? true }

  func isInDoubt(at now: Timestamp) -> Bool {
    guard let doubt, doubt.from <= now else { return false }
    return doubt.until.map { now < $0 } ?? true
  }

  /// Whether it would answer its readiness question with success.
  func isReady(at now: Timestamp) -> Bool {
    guard isAlive(at: now), !isDraining, let readyAt, readyAt <= now else { return false }
    if let unready, unready.from <= now, now < unready.until { return false }
    guard case .flaps(let ready, let pause) = behaviour else { return true }
    let period = (ready + pause).milliseconds
    return (now - readyAt).milliseconds % period < ready.milliseconds
  }

  func reading(at now: Timestamp) -> InstanceReading {
    if isKnownDead { return InstanceReading(id: id, release: release, life: .dead, exit: exit) }
    if isInDoubt(at: now) { return InstanceReading(id: id, release: release, life: .unknown) }
    let isReady = isReady(at: now)
    let reported = behaviour == .lies ? "0.0.1" : release.description
    return InstanceReading(
      id: id, release: release, life: .alive, isDraining: isDraining, isReady: isReady,
      reportedVersion: isReady ? reported : nil)
  }
}

/// The processes of one service, with an authority that knows what it saw.
struct SimulatedFleet {
  var instances: [SimulatedInstance] = []
  /// The reading before the last, for a reader that is behind.
  private var previous: FleetReading?
  private var latest: FleetReading?

  /// Every instance that was started and not forgotten.
  mutating func reading(at now: Timestamp) -> FleetReading {
    let reading = FleetReading(instances: instances.map { $0.reading(at: now) }, asOf: now)
    previous = latest
    latest = reading
    return reading
  }

  /// An older reading, with its honest old time.
  var staleReading: FleetReading? { previous }

  /// The instances whose deaths became known since the last call.
  mutating func newlyDead(at now: Timestamp) -> [InstanceID] {
    var dead: [InstanceID] = []
    for index in instances.indices where !instances[index].isKnownDead {
      let instance = instances[index]
      guard !instance.isAlive(at: now), !instance.isInDoubt(at: now), !instance.isUnseen else {
        continue
      }
      instances[index].isKnownDead = true
      dead.append(instance.id)
    }
    return dead
  }

  mutating func change(_ id: InstanceID, _ body: (inout SimulatedInstance) -> Void) {
    guard let index = instances.firstIndex(where: { $0.id == id }) else { return }
    body(&instances[index])
  }

  func instance(_ id: InstanceID) -> SimulatedInstance? { instances.first { $0.id == id } }

  /// Sends SIGTERM, and SIGKILL after the grace to one that ignores it; what drains or is dead is
  /// left alone.
  mutating func stop(_ id: InstanceID, at now: Timestamp, drain: Interval, grace: Interval) {
    change(id) { instance in
      guard instance.isAlive(at: now), !instance.isDraining else { return }
      instance.isDraining = true
      let end = now + (instance.isTermIgnored ? grace : drain)
      guard end < instance.diesAt ?? end + .milliseconds(1) else { return }
      instance.diesAt = end
      instance.exit = instance.isTermIgnored ? ExitReport(signal: 9) : ExitReport(code: 0)
    }
  }

  /// What an instance says to its probes; nil when it passes them.
  func probe(_ id: InstanceID, at now: Timestamp) throws(StepFailure) -> String? {
    guard let instance = instance(id), instance.isAlive(at: now), !instance.isInDoubt(at: now)
    else {
      throw StepFailure(code: "NoAnswer", disposition: .retry, message: "nobody answered")
    }
    guard instance.isReady(at: now) else { return "no answer" }
    return instance.behaviour == .failsProbes ? "wrong answer" : nil
  }

  /// Drops the record of an instance that is not seen alive.
  mutating func forget(_ id: InstanceID, at now: Timestamp) throws(StepFailure) {
    guard instance(id)?.reading(at: now).life != .alive else {
      throw StepFailure(
        code: "InstanceAlive", disposition: .stop, message: "\(id) still runs; stop it first")
    }
    instances.removeAll { $0.id == id }
  }
}
