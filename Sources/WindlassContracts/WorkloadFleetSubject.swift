import Testing
package import WindlassCore

/// An instance as a controller really has it.
package struct KeptInstance: Hashable, Sendable {
  package var id: InstanceID
  /// What it was started from.
  package var build: Digest?
  /// Whether it was told to go.
  package var isLeaving: Bool

  package init(id: InstanceID, build: Digest?, isLeaving: Bool) {
    self.id = id
    self.build = build
    self.isLeaving = isLeaving
  }
}

/// Releases of a subject.
package enum ContractRelease: String, Sendable, CaseIterable {
  /// Runs everywhere when a clause begins.
  case first
  /// Becomes ready and stays so.
  case second
  /// Begins, and is never ready.
  case broken
}

/// A workload for one clause: three instances of the first release, ready, on machines of their
/// own, and never written by Windlass.
package protocol WorkloadFleetSubject: Sendable {
  var shape: WorkloadShape { get }

  /// The port as another daemon would see it.
  func connect() async throws -> any WorkloadFleet

  /// A release with an image.
  func release(_ which: ContractRelease) -> Release

  /// Lets so much time pass, in which controller and machines go on and Windlass does not look.
  func pass(_ time: Interval) async throws

  /// What there really is.
  func kept() async throws -> [KeptInstance]

  /// Somebody wants another number of instances.
  func scale(to count: Int) async throws

  /// Somebody called `somebody` changes what new instances are started from, but not the image.
  func edit() async throws

  /// Somebody called `somebody` keeps the controller from replacing instances; false where the
  /// workload knows no such thing.
  func pauseByOther() async throws -> Bool

  /// The process of the instance ends with status 7 and is begun again under the same id.
  func restart(_ id: InstanceID) async throws

  /// The instance is removed, as by a person, and replaced by its controller.
  func remove(_ id: InstanceID) async throws

  /// The machine of that name is taken away for good.
  func takeAway(machine: String) async throws

  /// Somebody removes the workload with all that belongs to it.
  func removeWorkload() async throws

  /// Carries an order out and loses the reply.
  func writeLosingReply(_ order: WorkloadOrder) async throws
}

extension WorkloadFleetSubject {
  /// How many instances are wanted at the beginning.
  var desired: Int { 3 }

  /// An order for the state that was just read, with what it has to remove where nothing is
  /// replaced otherwise.
  func order(
    _ id: EffectID, _ aim: WorkloadAim, _ which: ContractRelease, epoch: Int64 = 1,
    removing named: [InstanceID] = []
  ) async throws -> WorkloadOrder {
    let reading = try await connect().observe(remembering: [])
    return WorkloadOrder(
      id: id, run: "run", epoch: Epoch(epoch), aim: aim, release: release(which),
      removing: named, token: reading.token)
  }

  /// Writes an order, and lets it come to what it can.
  @discardableResult
  func carryOut(
    _ id: EffectID, _ aim: WorkloadAim, _ which: ContractRelease, epoch: Int64 = 1
  ) async throws -> WorkloadOrder {
    var order = try await order(id, aim, which, epoch: epoch)
    if shape == .byRemoval, aim != .hold {
      let old = try await kept().filter { !$0.isLeaving && $0.build != order.release.imageDigest }
      var count = old.count
      if case .wave(let bound) = aim { count = bound.instances - (desired - old.count) }
      order.removing = old.map(\.id).sorted().prefix(max(0, count)).map { $0 }
    }
    try await connect().write(order)
    try await pass(.minutes(5))
    return order
  }

  /// A first wave as the shape allows it.
  var canary: WaveBound {
    WaveBound(good: 0, surge: shape == .surging ? 1 : 0, unavailable: shape == .surging ? 0 : 1)
  }

  /// The wave after one good instance.
  var secondWave: WaveBound {
    WaveBound(good: 1, surge: canary.surge, unavailable: canary.unavailable)
  }

  /// How many instances of a release stay.
  func count(_ which: ContractRelease) async throws -> Int {
    let build = release(which).imageDigest
    return try await kept().count { $0.build == build && !$0.isLeaving }
  }
}
