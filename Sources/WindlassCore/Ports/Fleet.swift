/// What is known of an instance's life.
public enum InstanceLife: String, Codable, Sendable {
  /// Its process was seen.
  case alive
  /// It was positively seen to be gone (design 2.1: exit on our pidfd, another boot id, or no such
  /// process with that start time in its pid namespace on this boot).
  case dead
  /// Neither could be shown: it may be alive.
  case unknown
}

/// How a process ended.
public struct ExitReport: Hashable, Codable, Sendable, CustomStringConvertible {
  /// The exit status, when it ended by itself and we were its reaper.
  public var code: Int32?
  /// The signal that ended it.
  public var signal: Int32?

  public init(code: Int32? = nil, signal: Int32? = nil) {
    self.code = code
    self.signal = signal
  }

  public var description: String {
    if let code { return "exit status \(code)" }
    if let signal { return "signal \(signal)" }
    return "an exit whose status was not seen"
  }
}

/// One instance as the fleet itself saw it.
public struct InstanceReading: Hashable, Codable, Sendable {
  public var id: InstanceID
  /// The release that it was started as.
  public var release: Version
  public var life: InstanceLife
  /// Whether SIGTERM was sent to it.
  public var isDraining: Bool
  /// Whether its private listener answered its readiness question with success just now.
  public var isReady: Bool
  /// The version that it reported just now, as its text; nil without an answer.
  public var reportedVersion: String?
  public var exit: ExitReport?
  /// What stands behind `isReady == false`, for a person.
  public var detail: String

  public init(
    id: InstanceID, release: Version, life: InstanceLife, isDraining: Bool = false,
    isReady: Bool = false, reportedVersion: String? = nil, exit: ExitReport? = nil,
    detail: String = ""
  ) {
    self.id = id
    self.release = release
    self.life = life
    self.isDraining = isDraining
    self.isReady = isReady
    self.reportedVersion = reportedVersion
    self.exit = exit
    self.detail = detail
  }
}

/// A fleet at one moment, read from the authority itself.
public struct FleetReading: Hashable, Codable, Sendable {
  public var instances: [InstanceReading]
  /// When the reading began; a decision never rests on one begun before the last effect ended.
  public var asOf: Timestamp

  public init(instances: [InstanceReading], asOf: Timestamp) {
    self.instances = instances
    self.asOf = asOf
  }
}

/// How an instance is started.
public struct StartOrder: Hashable, Codable, Sendable {
  public var id: InstanceID
  public var release: Release

  public init(id: InstanceID, release: Release) {
    self.id = id
    self.release = release
  }
}

/// The running copies of one service.
public protocol Fleet: Sendable {
  /// Reads what runs now, asking every live instance for readiness and version.
  ///
  /// Every instance that was ever started and not forgotten is in the reading; one that the
  /// reading does not name was never started.
  func observe() async throws(StepFailure) -> FleetReading

  /// Starts an instance on the service's listeners; starting an id that exists already does
  /// nothing and succeeds.
  func start(_ order: StartOrder) async throws(StepFailure)

  /// Sends SIGTERM, and SIGKILL after drain and grace, without waiting for either; stopping an
  /// instance that drains or is dead does nothing and succeeds.
  func stop(_ id: InstanceID) async throws(StepFailure)

  /// Puts the probes to one live instance over its private listener; nil when all passed, else
  /// what failed.
  func probe(_ id: InstanceID, with probes: [Probe]) async throws(StepFailure) -> String?

  /// Drops the records of a dead instance.
  func forget(_ id: InstanceID) async throws(StepFailure)
}

/// The public listening sockets of a service, which its instances share.
public protocol PublicListeners: Sendable {
  /// Holds every listener from now on, so that a port which somebody else has shows before anything
  /// is changed; what is held already stays as it is.
  ///
  /// - Throws: With `.stop`, since nothing was changed yet: whoever asked may ask again later.
  func reserve() async throws(StepFailure)
}
