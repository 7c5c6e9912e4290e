/// A machine that instances run on.
public struct MachineReading: Hashable, Codable, Sendable {
  public var name: String
  /// Tells one boot of it from another; nil when nobody can tell.
  public var boot: String?
  /// Whether the authority says that there is no such machine any more, and with it nothing that
  /// ran on it.
  public var isGone: Bool

  public init(name: String, boot: String?, isGone: Bool = false) {
    self.name = name
    self.boot = boot
    self.isGone = isGone
  }
}

/// Where an instance runs: on one boot of one machine, and nowhere else ever after.
public struct InstancePlace: Hashable, Codable, Sendable {
  public var machine: String
  /// The boot of the machine that it began on; nil when that is not known.
  public var boot: String?

  public init(machine: String, boot: String?) {
    self.machine = machine
    self.boot = boot
  }
}

/// One instance of a workload as the authority knows it.
public struct WorkloadInstance: Hashable, Codable, Sendable {
  /// Never given to another instance, be it in the same place.
  public var id: InstanceID
  /// The digest of the image that it was started from; nil while nobody can tell.
  public var build: Digest?
  /// `dead` only when every process of it was seen to have ended; `unknown` when its machine does
  /// not answer.
  public var life: InstanceLife
  /// Whether it was told to go.
  public var isLeaving: Bool
  /// Whether its processes ever began. One that waits for room on a machine, or for its image,
  /// tells nothing about its release.
  public var hasStarted: Bool
  /// Whether it is ready to serve.
  public var isReady: Bool
  /// Changes whenever its readiness was interrupted, also between two readings; compared, and
  /// never read.
  public var readinessMark: String
  /// How often its process ended and was begun again under the same id.
  public var restarts: Int
  /// The version that it reported, where the authority knows; nil where only a probe can tell.
  public var reportedVersion: String?
  /// How its process ended last, by itself; nil when it never did, or was taken away with its
  /// machine or to make room.
  public var exit: ExitReport?
  /// Nil before it has one.
  public var place: InstancePlace?
  /// What stands behind its not being ready, for a person.
  public var detail: String

  public init(
    id: InstanceID, build: Digest?, life: InstanceLife = .alive, isLeaving: Bool = false,
    hasStarted: Bool = true, isReady: Bool = false, readinessMark: String = "", restarts: Int = 0,
    reportedVersion: String? = nil, exit: ExitReport? = nil, place: InstancePlace? = nil,
    detail: String = ""
  ) {
    self.id = id
    self.build = build
    self.life = life
    self.isLeaving = isLeaving
    self.hasStarted = hasStarted
    self.isReady = isReady
    self.readinessMark = readinessMark
    self.restarts = restarts
    self.reportedVersion = reportedVersion
    self.exit = exit
    self.place = place
    self.detail = detail
  }
}

/// Who keeps a workload from replacing instances.
public enum WorkloadHold: Hashable, Codable, Sendable {
  /// An order of ours.
  case ours
  /// Somebody else, by the name that the authority has for them.
  case foreign(String)
}

/// What a workload says that new instances are started from, and how far its controller may go.
public struct WorkloadTemplate: Hashable, Codable, Sendable {
  /// The digest of the image; nil when it is named by something that may move.
  public var build: Digest?
  /// Changes whenever anything changes that new instances are started from or that an order
  /// writes, except hold and mark; compared, and never read.
  public var revision: String
  /// The last order of ours that was written; nil when none was.
  public var mark: OrderMark?
  /// Who changed anything of `revision` after that order; nil when nobody is known to have, and
  /// before any order.
  public var editor: String?

  public init(
    build: Digest?, revision: String, mark: OrderMark? = nil, editor: String? = nil
  ) {
    self.build = build
    self.revision = revision
    self.mark = mark
    self.editor = editor
  }
}

/// A workload at one moment, read from the authority itself.
public struct WorkloadReading: Hashable, Codable, Sendable {
  public var instances: [WorkloadInstance]
  /// A machine that is not among them may be as it was: nothing is concluded from its absence.
  public var machines: [MachineReading]
  public var template: WorkloadTemplate
  /// How many instances its owner wants now.
  public var desired: Int
  /// Nil while nobody keeps it from going on.
  public var hold: WorkloadHold?
  /// Whether the controller has taken in everything that was written; before that, what it did so
  /// far tells nothing about the last order.
  public var isTakenIn: Bool
  /// Why the controller can't make the instances that it should, in its own words.
  public var refusal: String?
  /// For the next order.
  public var token: WorkloadToken
  /// When the reading began; a decision never rests on one begun before the last effect ended.
  public var asOf: Timestamp

  public init(
    instances: [WorkloadInstance], machines: [MachineReading] = [], template: WorkloadTemplate,
    desired: Int, hold: WorkloadHold? = nil, isTakenIn: Bool = true, refusal: String? = nil,
    token: WorkloadToken, asOf: Timestamp
  ) {
    self.instances = instances
    self.machines = machines
    self.template = template
    self.desired = desired
    self.hold = hold
    self.isTakenIn = isTakenIn
    self.refusal = refusal
    self.token = token
    self.asOf = asOf
  }
}
