import WindlassCore

/// What a controller and its machines made of an instance.
struct SimulatedPost {
  /// Its place among the others, where places are numbered.
  var slot: Int
  var machine: Int
  /// The boot that its process began on.
  var boot: Int
  /// When there is room for it.
  var startsAt: Timestamp
  /// When its process ends by itself, to be begun again.
  var crashesAt: Timestamp?
  var restarts = 0
  /// How many of them its own server brought about.
  var crashes = 0
  /// Interruptions of its readiness that its server has nothing to do with.
  var interruptions = 0
  /// Whether a reading has named it.
  var wasRead = false
  /// Whether its object stays when it is dead.
  var isEvicted = false
  /// Whether its object went, whatever became of its process.
  var isVanished = false
}

/// One machine of a cluster.
struct SimulatedMachine {
  var name: String
  var boot = 1
  /// Since when nobody hears of it.
  var awaySince: Timestamp?
  var isGone = false

  var isUp: Bool { awaySince == nil && !isGone }
}

/// What a workload says, as its controller reads it.
struct WorkloadSaying: Hashable {
  var version: Version
  var bound: WaveBound?
  /// The lowest place that is replaced, where places are numbered.
  var partition = 0
  var isByPerson = false
}

/// A workload of a cluster: what it says, and how far its controller has taken that in.
struct SimulatedWorkload {
  let shape: WorkloadShape
  var desired: Int
  var says: WorkloadSaying
  var hold: WorkloadHold?
  var mark: OrderMark?
  var editor: String?
  /// Counts what changed about the template, and what was decided at all.
  var revision = 1
  var generation = 1
  /// How often a person has changed the template.
  var edits = 0
  /// Whether orders are held against their tokens; false only for a broken variant.
  var checksTokens = true
  /// What a person changed, to be put back.
  var saidBefore: (saying: WorkloadSaying, revision: Int)?
  /// Whether a person told the daemon to take it as it is.
  var isGivenFree = false
  /// Versions that a person wrote.
  var personsVersions: Set<Version> = []
  /// Orders whose sender is gone.
  var late: [(order: WorkloadOrder, at: Timestamp)] = []

  // The controller
  var seen: WorkloadSaying
  var seenHold = false
  var seenDesired: Int
  var seenGeneration = 1
  /// When it takes in what is new.
  var seesAt: Timestamp?
  var turnsAt: Timestamp
  var pause = SimulatedWorkload.pauseMin
  /// Why it can't make instances, and until when.
  var refusedUntil: Timestamp?
  /// How many instances of each version it keeps, where it counts them.
  var sizes: [Version: Int] = [:]
  var sizedFor: Int
  /// What places are filled with that are not replaced yet.
  var baseVersion: Version
  var instanceCount = 0
  var machines: [SimulatedMachine]

  static let pauseMin = Interval.milliseconds(25)
  static let pauseMax = Interval.milliseconds(800)

  init(_ shape: WorkloadShape, version: Version, desired: Int, at now: Timestamp) {
    self.shape = shape
    self.desired = desired
    says = WorkloadSaying(version: version)
    seen = says
    seenDesired = desired
    sizedFor = desired
    sizes = [version: desired]
    baseVersion = version
    turnsAt = now
    machines = (1...3).map { SimulatedMachine(name: "machine-\($0)") }
  }

  /// Whether instances of the version come from what a person wrote.
  func isByPerson(_ version: Version) -> Bool {
    guard version == seen.version else { return personsVersions.contains(version) }
    return seen.isByPerson
  }

  var token: WorkloadToken { WorkloadToken("state-\(generation)") }

  /// Whether somebody else's hand is on it.
  var isTouched: Bool {
    if case .foreign? = hold { return true }
    return saidBefore != nil && !isGivenFree
  }

  /// Something was decided that the controller learns of then.
  mutating func decide(seenAt: Timestamp) {
    generation += 1
    seesAt = seesAt ?? seenAt
    pause = SimulatedWorkload.pauseMin
    turnsAt = min(turnsAt, seenAt)
  }

  /// Carries an order out; false when it was carried out before.
  mutating func write(_ order: WorkloadOrder, seenAt: Timestamp) throws(StepFailure) -> Bool {
    if mark?.id == order.id { return false }
    if let mark, mark.epoch > order.epoch { throw SimulatedDatabase.fenceLost }
    guard order.token == token || !checksTokens else {
      throw StepFailure(
        code: "WorkloadChanged", disposition: .wait, message: "it is not as it was any more")
    }
    mark = order.mark
    editor = nil
    saidBefore = nil
    if order.aim == .hold {
      hold = .ours
    } else {
      hold = nil
      revision += 1
      says = WorkloadSaying(version: order.release.version)
    }
    if case .wave(let bound) = order.aim {
      says.bound = bound
      says.partition = max(0, desired - bound.instances)
    }
    decide(seenAt: seenAt)
    return true
  }

  /// What an authority tells of it and of the instances.
  ///
  /// - Parameter watchedSince: Since when whoever reads sees instances end.
  func reading(
    of instances: [SimulatedInstance], at now: Timestamp, watchedSince: Timestamp
  ) -> WorkloadReading {
    WorkloadReading(
      instances: instances.compactMap { reading(of: $0, at: now, watchedSince) },
      machines: machines.map {
        MachineReading(name: $0.name, boot: "boot-\($0.boot)", isGone: $0.isGone)
      },
      template: WorkloadTemplate(
        build: ReleaseLine.build(of: says.version), revision: "\(revision)", mark: mark,
        editor: editor),
      desired: desired, hold: hold, isTakenIn: seenGeneration == generation,
      refusal: refusedUntil.map { now < $0 } ?? false ? "quota exceeded" : nil, token: token,
      asOf: now)
  }

  private func reading(
    of instance: SimulatedInstance, at now: Timestamp, _ watchedSince: Timestamp
  ) -> WorkloadInstance? {
    guard let post = instance.post, !post.isVanished else { return nil }
    var reading = WorkloadInstance(
      id: instance.id, build: ReleaseLine.build(of: instance.release),
      isLeaving: instance.isDraining, hasStarted: post.startsAt <= now, restarts: post.restarts,
      exit: post.crashes > 0 ? instance.exit : nil,
      place: InstancePlace(machine: machines[post.machine].name, boot: "boot-\(post.boot)"))
    guard instance.isAlive(at: now) else {
      let wasSeen = instance.diesAt.map { $0 >= watchedSince } ?? false
      guard post.isEvicted || (wasSeen && !instance.isUnseen) else { return nil }
      reading.life = .dead
      return reading
    }
    guard machines[post.machine].isUp else {
      reading.life = .unknown
      return reading
    }
    reading.isReady = instance.isReady(at: now)
    reading.readinessMark = "\(post.interruptions).\(instance.interruptions(at: now))"
    if !reading.hasStarted { reading.detail = "it waits for room" }
    return reading
  }
}

extension SimulatedInstance {
  /// How often its own server interrupted its readiness so far.
  func interruptions(at now: Timestamp) -> Int64 {
    var count: Int64 = 0
    if let unready, unready.until <= now { count += 1 }
    if case .flaps(let ready, let pause) = behaviour, let readyAt, readyAt <= now {
      count += (now - readyAt).milliseconds / (ready + pause).milliseconds
    }
    return count
  }

  /// Whether its controller counts it among those that it has.
  var isKept: Bool {
    guard let post else { return false }
    return !isKnownDead && !isDraining && !post.isVanished && !isUnseen
  }
}
