package import WindlassCore

/// What a kind of scenario is made of: how often releases are bad, and what happens to them.
package struct Profile: Sendable {
  package var hazards = Hazards.common
  /// How many incidents happen, at most.
  package var incidentsMax = 6
  /// What happens; a kind that is listed twice happens twice as often.
  package var incidents: [IncidentKind] = IncidentKind.onOneMachine
  /// The controllers that keep the instances; Windlass itself does where there are none.
  package var shapes: [WorkloadShape] = []
  /// Shares in a hundred.
  package var badReleases = 25
  package var recklessReleases = 10
  package var yankedReleases = 12
  package var contractingReleases = 45
  package var unreadableWriters = 10
  package var scarceManifests = 10
  package var approvals = 10
  /// How many releases follow the first.
  package var laterReleases = 1...4
  package var replicas = 1...4
  package var beginnings: [Beginning] = [.nothing, .strangers, .deployed, .deployed]
  /// How long faults go on.
  package var faults = 4_000...20_000

  package init() {}

  /// A service with a bit of everything.
  package static let common = Profile()

  /// A service whose daemon loses its journal now and then.
  package static let forgetful: Profile = {
    var profile = Profile()
    profile.hazards.journalLost = 300
    profile.hazards.crashIdle = 6
    return profile
  }()

  /// A service of a cluster, whose controller starts and stops its instances.
  package static let cluster: Profile = {
    var profile = Profile()
    profile.shapes = [.surging, .surging, .ordered, .byRemoval, .signalled]
    profile.incidents = IncidentKind.inCluster
    profile.incidentsMax = 8
    profile.beginnings = [.strangers, .deployed, .deployed]
    return profile
  }()

  /// A service of a cluster whose daemon loses its journal now and then.
  package static let forgetfulCluster: Profile = {
    var profile = Profile.cluster
    profile.hazards = Profile.forgetful.hazards
    return profile
  }()

  /// A service of a cluster whose roll somebody else owns, who asks the gate.
  package static let ownedCluster: Profile = {
    var profile = Profile.cluster
    profile.shapes = [.signalled]
    return profile
  }()

  /// A service of a cluster to which nothing happens but its releases.
  package static let calmCluster: Profile = {
    var profile = Profile.cluster
    profile.hazards = .none
    profile.incidentsMax = 0
    return profile
  }()

  /// A service to which nothing happens but its releases.
  package static let calm: Profile = {
    var profile = Profile()
    profile.hazards = .none
    profile.incidentsMax = 0
    return profile
  }()
}

/// The kinds of incidents, without their details.
package enum IncidentKind: Sendable {
  case pause, resume, rollback, approve, quarantineTarget, releaseAll, confirmDead
  case daemonKilled, hostRebooted, instanceInDoubt, instanceDies, databaseAway, schemaMeddled
  case fenceStolen
  case workloadScaled, workloadEdited, workloadPaused
  case machineLost, machineGone, machineRebooted, instanceEvicted

  /// What happens to a service whose instances Windlass itself keeps, in an order that every kept
  /// seed rests on.
  static let onOneMachine: [IncidentKind] = [
    .pause, .resume, .rollback, .approve, .quarantineTarget, .releaseAll, .confirmDead,
    .daemonKilled, .hostRebooted, .instanceInDoubt, .instanceDies, .databaseAway, .schemaMeddled,
    .fenceStolen,
  ]

  /// What happens to a service of a cluster.
  static let inCluster: [IncidentKind] = [
    .pause, .resume, .rollback, .approve, .quarantineTarget, .releaseAll, .confirmDead,
    .daemonKilled, .instanceDies, .databaseAway, .schemaMeddled, .fenceStolen, .workloadScaled,
    .workloadScaled, .workloadEdited, .workloadEdited, .workloadPaused, .machineLost, .machineGone,
    .machineRebooted, .instanceEvicted,
  ]
}

extension Hazards {
  /// Nothing goes wrong.
  package static let none: Hazards = {
    var none = Hazards()
    none.crashBeforeJournal = 0
    none.journalFails = 0
    none.crashAfterJournal = 0
    none.crashInside = 0
    none.crashAfter = 0
    none.crashIdle = 0
    none.replyLost = 0
    none.readFails = 0
    none.readingStale = 0
    none.effectFails = 0
    none.effectImpossible = 0
    none.migrationCutOff = 0
    none.backupDamaged = 0
    none.backupForeign = 0
    none.backupRots = 0
    none.proofUnknown = 0
    none.startSlow = 0
    none.startHalfFails = 0
    none.instanceCrashes = 0
    none.instanceFlaps = 0
    none.termIgnored = 0
    none.probeFails = 0
    none.endUnseen = 0
    none.roomless = 0
    none.refused = 0
    none.orderLate = 0
    none.probeUnanswered = 0
    return none
  }()
}
