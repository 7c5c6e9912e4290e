/// How a controller replaces the instances of a workload, which decides what an order can bound.
public enum WorkloadShape: String, Codable, Sendable, CaseIterable {
  /// New instances come beside the old ones, as many as the bound lets, and the old ones go as new
  /// ones are counted as good.
  case surging
  /// Instances have numbered places, and are replaced from the highest place down to the bound:
  /// the old one goes first.
  case ordered
  /// The controller replaces an instance only when somebody removes it: the orders name which.
  case byRemoval
  /// Somebody else starts the instances and owns the roll; Windlass says which release may come,
  /// and watches. An order is an open gate, and nothing bounds what goes through it.
  case signalled
}

/// How far the controller may go by itself, in numbers that hold however long nobody looks.
///
/// At most `instances` are of the order's release, at least `desired - good - unavailable` are of
/// the one before, and at most `desired + surge` exist beside those that are on their way out. Of
/// the instances that the workload's owner wants more or fewer meanwhile, any may be of either
/// release.
public struct WaveBound: Hashable, Codable, Sendable {
  /// New instances that count as good: as many old ones may be gone.
  public var good: Int
  /// Instances above the desired number.
  public var surge: Int
  /// Instances below the desired number, besides those that good ones stand for.
  public var unavailable: Int

  public init(good: Int, surge: Int, unavailable: Int) {
    self.good = good
    self.surge = surge
    self.unavailable = unavailable
  }

  /// How many instances of the order's release there may be.
  public var instances: Int { good + surge + unavailable }
}

/// What an order makes the workload do.
public enum WorkloadAim: Hashable, Codable, Sendable {
  /// New instances are of the order's release, within the bound.
  case wave(WaveBound)
  /// New instances are of the order's release; the workload's own settings say how it goes on.
  case whole
  /// Nothing is replaced any more for the sake of a release, and what runs goes on running.
  case hold
  /// The same as `whole` with the release that was there before: the way back.
  case retreat

  /// A bounded word for ids, metrics and people.
  public var name: String {
    switch self {
    case .wave: "wave"
    case .whole: "whole"
    case .hold: "hold"
    case .retreat: "retreat"
    }
  }
}

/// Names a state of what a workload's owner decides about it; compared by the authority, and
/// meaningless elsewhere.
public struct WorkloadToken: Identifier {
  public let text: String
  public init(_ text: String) { self.text = text }
}

/// One write to a workload: everything that must hold at its moment travels with it.
public struct WorkloadOrder: Hashable, Codable, Sendable {
  /// Its own name; no two orders of a service have the same.
  public var id: EffectID
  public var run: RunID
  /// The fence's number under which it was decided.
  public var epoch: Epoch
  public var aim: WorkloadAim
  /// What new instances are started from; nothing of it is looked at with `hold`.
  public var release: Release
  /// Instances to remove after the write, for a controller that would keep them: the ones that it
  /// replaces by removal only, and the ones that it is stuck on.
  public var removing: [InstanceID]
  /// The state of the workload that the order was decided on.
  public var token: WorkloadToken

  public init(
    id: EffectID, run: RunID, epoch: Epoch, aim: WorkloadAim, release: Release,
    removing: [InstanceID] = [], token: WorkloadToken
  ) {
    self.id = id
    self.run = run
    self.epoch = epoch
    self.aim = aim
    self.release = release
    self.removing = removing
    self.token = token
  }

  /// What the workload remembers of it.
  public var mark: OrderMark {
    OrderMark(id: id, run: run, epoch: epoch, aim: aim, build: release.imageDigest)
  }
}

/// What a workload remembers of the last order that was written to it, in the same write.
public struct OrderMark: Hashable, Codable, Sendable {
  public var id: EffectID
  public var run: RunID
  public var epoch: Epoch
  public var aim: WorkloadAim
  /// The digest of the image that it named.
  public var build: Digest?

  public init(id: EffectID, run: RunID, epoch: Epoch, aim: WorkloadAim, build: Digest?) {
    self.id = id
    self.run = run
    self.epoch = epoch
    self.aim = aim
    self.build = build
  }
}

/// What an instance said when it was asked for its version and put to the probes.
public struct ProbeAnswer: Hashable, Codable, Sendable {
  public var id: InstanceID
  /// The version that it reported, as its text.
  public var reportedVersion: String?
  /// What a probe found wrong; nil when all passed.
  public var failure: String?

  public init(id: InstanceID, reportedVersion: String?, failure: String? = nil) {
    self.id = id
    self.reportedVersion = reportedVersion
    self.failure = failure
  }
}

/// The instances of one service where a controller starts and stops them.
///
/// Windlass never starts or stops one of these: it says what new instances are started from and
/// how far the controller may go, and watches. It never says how many there should be.
public protocol WorkloadFleet: Sendable {
  /// Reads the workload and everything that belongs to it from the authority itself, never from a
  /// copy that may be behind.
  ///
  /// The reading names every instance that exists. It may name one that no longer does, as dead
  /// with its exit, when its end was seen by whoever reads; one that went unseen is in no reading,
  /// and nothing is made up about it.
  ///
  /// - Parameter machines: Machines of instances that may still be alive: the reading says what
  ///   each of them is now, as it does for the machines of the instances that it names.
  /// - Throws: With `.wait` and code `WorkloadMissing` when there is no such workload.
  func observe(remembering machines: Set<String>) async throws(StepFailure) -> WorkloadReading

  /// Makes the workload say what the order says: release, bound, hold and mark in one write, or
  /// nothing; then removes the instances that the order names.
  ///
  /// - An order that the workload's mark already names changes nothing but what is left to remove,
  ///   and succeeds.
  /// - Every aim but `hold` ends a hold. `hold` leaves release and bound as they are.
  /// - An instance is removed only under the id that the order names, never a successor in its
  ///   place; one that is gone, or on its way out, is left alone.
  /// - The number of instances that is wanted is never written.
  ///
  /// A write and its mark stand or fall together, so that the mark of the next reading tells what
  /// became of an order whose reply was lost. What was changed since the order's token is never
  /// written over, so that of two attempts at most one takes place, however late one arrives.
  ///
  /// - Throws: With `.stop` and code `FenceLost` when the mark's epoch is above the order's; with
  ///   `.wait` and code `WorkloadChanged` when the workload is not as the order's token says. In
  ///   both cases nothing was changed.
  func write(_ order: WorkloadOrder) async throws(StepFailure)

  /// Asks each of these instances for its version, and puts the probes to it, without any other
  /// instance answering in its place; repeating it is harmless.
  ///
  /// - Returns: One answer for each instance that could be asked; none for one that is gone or
  ///   that nobody reached, which says nothing about its release.
  func probe(
    _ wave: [InstanceID], with probes: [Probe]
  ) async throws(StepFailure) -> [ProbeAnswer]
}
