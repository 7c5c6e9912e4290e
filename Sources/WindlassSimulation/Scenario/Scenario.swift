package import WindlassCore

/// A manifest and when it appears.
package struct Publication: Sendable {
  package var at: Timestamp
  package var offer: Offer

  package init(at: Timestamp, offer: Offer) {
    self.at = at
    self.offer = offer
  }
}

/// What a service is like when the daemon first sees it.
package enum Beginning: Hashable, Sendable {
  /// No ledger and no instance.
  case nothing
  /// Instances of the first release run, and nobody has told the daemon.
  case strangers
  /// The first release was deployed by an earlier run.
  case deployed
}

/// Something that happens once, at its time.
package struct Incident: Hashable, Sendable {
  /// What happens.
  package enum Kind: Hashable, Sendable {
    case pause, resume, rollback
    /// A person lets the open run's target be expanded to.
    case approve
    case quarantineTarget
    /// A person lets everything quarantined be tried again.
    case releaseAll
    /// A person finds out which instances in doubt are dead, and says so.
    case confirmDead
    /// The daemon is killed and started again that much later.
    case daemonKilled(down: Interval)
    /// The host goes down, and everything on it.
    case hostRebooted(down: Interval)
    /// Nobody can tell for that long whether the instance lives; nil until the faults end.
    case instanceInDoubt(nth: Int, dies: Bool, lasting: Interval?)
    case instanceDies(nth: Int)
    case databaseAway(Interval)
    /// Somebody runs a migration tool by hand.
    case schemaMeddled
    /// Somebody else takes the fence.
    case fenceStolen

    // What happens to a workload of a cluster
    /// Its owner, or what scales for them, wants another number of instances.
    case workloadScaled(Int)
    /// A person changes what instances are started from, to another release's image or not, and
    /// puts it back that much later; nil when somebody has to ask for it.
    case workloadEdited(release: Int?, lasting: Interval?)
    case workloadPaused(lasting: Interval?)
    /// A machine does not answer; its processes go on, and it comes back.
    case machineLost(nth: Int, lasting: Interval)
    /// A machine is taken out of the cluster, and everything on it.
    case machineGone(nth: Int)
    case machineRebooted(nth: Int)
    /// An instance is sent away from a machine that runs out of something.
    case instanceEvicted(nth: Int)
  }

  package var at: Timestamp
  package var kind: Kind

  package init(at: Timestamp, _ kind: Kind) {
    self.at = at
    self.kind = kind
  }
}

/// Everything that is fixed before a simulated service lives.
package struct Scenario: Sendable {
  /// What decides everything that is not fixed here.
  package var seed: UInt64
  package var policy: ServicePolicy
  /// The releases as they really are, ascending.
  package var releases: [TrueRelease]
  /// The ledger of a service that exists already.
  package var schema: SchemaVersion?
  package var beginning: Beginning
  package var publications: [Publication]
  package var incidents: [Incident]
  package var hazards: Hazards
  /// When the faults end.
  package var faultsUntil: Timestamp

  package init(
    seed: UInt64, policy: ServicePolicy, releases: [TrueRelease], schema: SchemaVersion?,
    beginning: Beginning, publications: [Publication], incidents: [Incident] = [],
    hazards: Hazards = .common, faultsUntil: Timestamp
  ) {
    self.seed = seed
    self.policy = policy
    self.releases = releases
    self.schema = schema
    self.beginning = beginning
    self.publications = publications
    self.incidents = incidents
    self.hazards = hazards
    self.faultsUntil = faultsUntil
  }

  /// When every simulated service begins.
  package static let dawn = Timestamp(milliseconds: 1_000_000)
}
