/// A verified manifest, as one service and engine see it.
public struct Offer: Hashable, Codable, Sendable {
  public var manifest: Digest
  public var serial: Int64
  public var releases: [Release]
  /// Past its expiry no run starts (invariant T3).
  public var expires: Timestamp

  public init(manifest: Digest, serial: Int64, releases: [Release], expires: Timestamp) {
    self.manifest = manifest
    self.serial = serial
    self.releases = releases
    self.expires = expires
  }
}

/// A person's decision, recorded with the name that was told.
public struct Decision: Hashable, Codable, Sendable {
  /// What was decided.
  public enum Choice: Hashable, Codable, Sendable {
    case pause, resume
    case approve(Version)
    /// Turn the open run back.
    case rollback
    /// End the open run if it stands and was not to change anything yet, so that another one may
    /// begin. Nothing is held against its release. Any other run is left alone.
    case giveUp
    case quarantine(Version)
    /// Let a quarantined version be tried again.
    case release(Version)
    case confirmDead(InstanceID)
    /// Take this release as the deployed one.
    case adopt(Version)
  }

  public var choice: Choice
  public var by: String
  public var reason: String

  public init(choice: Choice, by: String, reason: String = "") {
    self.choice = choice
    self.by = by
    self.reason = reason
  }
}

/// What the shell has seen since the last step.
public struct Observation: Hashable, Sendable {
  public var report: Report?
  public var fleet: FleetReading?
  /// The fleet, where a controller keeps it.
  public var workload: WorkloadReading?
  public var ledger: LedgerReading?
  public var offer: Offer?
  public var decisions: [Decision]

  public init(
    report: Report? = nil, fleet: FleetReading? = nil, workload: WorkloadReading? = nil,
    ledger: LedgerReading? = nil, offer: Offer? = nil, decisions: [Decision] = []
  ) {
    self.report = report
    self.fleet = fleet
    self.workload = workload
    self.ledger = ledger
    self.offer = offer
    self.decisions = decisions
  }
}
