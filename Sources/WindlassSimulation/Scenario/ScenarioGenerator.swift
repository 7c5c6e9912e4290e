import WindlassCore

/// Makes the scenario of a seed.
package struct ScenarioGenerator {
  private var random: SeededGenerator
  private let seed: UInt64
  private let profile: Profile

  /// The scenario of a seed; the same profile and seed give the same scenario.
  package static func scenario(seed: UInt64, profile: Profile = .common) -> Scenario {
    var generator = ScenarioGenerator(seed: seed, profile: profile)
    return generator.make()
  }

  private init(seed: UInt64, profile: Profile) {
    self.seed = seed
    self.profile = profile
    random = SeededGenerator(seed: SeededGenerator.mix(seed ^ 0x5CE4_A210))
  }

  private mutating func make() -> Scenario {
    let policy = policy()
    let line = line(policy.rollout)
    let until = Scenario.dawn + random.interval(profile.faults)
    let beginning = random.pick(profile.beginnings)
    let first = line.drafts[0].migrations.map(\.version).max()
    return Scenario(
      seed: seed, policy: policy, releases: line.truth(),
      schema: beginning == .nothing ? nil : first, beginning: beginning,
      publications: publications(line, until: until), incidents: incidents(until: until),
      hazards: profile.hazards, faultsUntil: until)
  }

  private mutating func policy() -> ServicePolicy {
    let replicas = random.number(profile.replicas)
    var (surge, unavailable) = random.pick([(1, 0), (1, 0), (1, 1), (2, 0), (0, 1)])
    if replicas == 1, surge == 0 { (surge, unavailable) = (1, 0) }
    let shape = profile.shapes.isEmpty ? nil : random.pick(profile.shapes)
    if shape == .ordered || shape == .byRemoval { (surge, unavailable) = (0, 1) }
    if shape == .surging, surge + unavailable == 0 { surge = 1 }
    let floor = shape == .ordered || shape == .byRemoval ? 2 : 1
    let rollout = RolloutPolicy(
      replicas: max(replicas, floor),
      observe: random.interval(0...500), canary: random.number(1...2),
      maxUnavailable: unavailable, maxSurge: surge, stability: random.interval(200...700),
      soak: random.interval(0...800), progressDeadline: random.interval(2_000...4_000))
    return ServicePolicy(
      service: "svc", minimumAge: random.percent(8) ? random.interval(1...3_000) : .zero,
      needsApproval: random.percent(profile.approvals), rollout: rollout, workload: shape)
  }

  // MARK: Releases

  private mutating func line(_ rollout: RolloutPolicy) -> ReleaseLine {
    var number: UInt64 = 0
    var first = ReleaseLine.Draft(Version(1, 0, 0))
    for _ in 0..<random.number(1...2) {
      number += 1
      first.migrations.append(Migration(version: SchemaVersion(number), phase: .expand))
    }
    var drafts = [first]
    var minor: UInt64 = 0
    for _ in 0..<random.number(profile.laterReleases) {
      let isHotfix = minor > 0 && random.percent(15)
      if !isHotfix { minor += 1 }
      let patch = isHotfix ? (drafts.map(\.version.patch).max() ?? 0) + 1 : 0
      var draft = ReleaseLine.Draft(Version(1, minor, patch))
      if !isHotfix { draft.migrations = migrations(&number) }
      dress(&draft, after: drafts[drafts.count - 1].version, rollout)
      drafts.append(draft)
    }
    return ReleaseLine(drafts)
  }

  private mutating func migrations(_ number: inout UInt64) -> [Migration] {
    var migrations: [Migration] = []
    for _ in 0..<random.pick([0, 1, 1, 2]) {
      number += UInt64(random.pick([1, 1, 1, 3]))
      let phase: MigrationPhase = random.percent(25) ? .backfill : .expand
      migrations.append(Migration(version: SchemaVersion(number), phase: phase))
    }
    for _ in 0..<(random.percent(profile.contractingReleases) ? random.pick([1, 1, 2]) : 0) {
      number += 1
      migrations.append(Migration(version: SchemaVersion(number), phase: .contract))
    }
    return migrations
  }

  private mutating func dress(
    _ draft: inout ReleaseLine.Draft, after previous: Version, _ rollout: RolloutPolicy
  ) {
    // A release that fails only after everybody was content with it can't be told from a good one.
    let watched = Int((rollout.stability + rollout.soak).milliseconds) - 150
    if random.percent(profile.badReleases) {
      draft.behaviour = random.pick([
        .neverReady, .crashes(after: random.interval(20...max(21, watched))), .lies, .failsProbes,
        .flaps(ready: .milliseconds(150), unready: random.interval(1_200...1_500)),
      ])
    }
    let expands = draft.migrations.contains { $0.phase != .contract }
    draft.isReckless = expands && random.percent(profile.recklessReleases)
    draft.writesUnreadable = random.percent(profile.unreadableWriters)
    draft.isRequiredStop = random.percent(8)
    if random.percent(12) { draft.upgradeFrom = VersionRange(">=\(previous)") }
    if random.percent(6) { draft.channel = "beta" }
  }

  // MARK: What happens

  private mutating func publications(_ line: ReleaseLine, until: Timestamp) -> [Publication] {
    let length = Int((until - Scenario.dawn).milliseconds)
    var publications: [Publication] = []
    var yanked: Set<Version> = []
    var published: [Version: Timestamp] = [:]
    var at = Scenario.dawn
    var serial: Int64 = 0
    var count = random.number(1...min(2, line.drafts.count))
    while true {
      serial += 1
      let isScarce = random.percent(profile.scarceManifests)
      let expires = isScarce ? at + random.interval(1...4_000) : at + .hours(1_000)
      for draft in line.drafts.prefix(count) where published[draft.version] == nil {
        published[draft.version] = at
      }
      let offer = line.offer(
        serial: serial, count: count, expires: expires, yanked: yanked, published: published)
      publications.append(Publication(at: at, offer: offer))
      let isYank = random.percent(profile.yankedReleases) && count > 1
      if isYank {
        yanked.insert(line.drafts[random.number(1...(count - 1))].version)
      } else if count < line.drafts.count {
        count += 1
      } else if random.percent(60) {
        return publications
      }
      at = at + random.interval(50...max(51, length / 3))
    }
  }

  private mutating func incidents(until: Timestamp) -> [Incident] {
    guard profile.incidentsMax > 0, !profile.incidents.isEmpty else { return [] }
    let length = Int((until - Scenario.dawn).milliseconds)
    return (0..<random.number(0...profile.incidentsMax)).map { _ in
      let at = Scenario.dawn + random.interval(1...length)
      return Incident(at: at, detail(random.pick(profile.incidents)))
    }
  }

  private mutating func detail(_ kind: IncidentKind) -> Incident.Kind {
    switch kind {
    case .pause: .pause
    case .resume: .resume
    case .rollback: .rollback
    case .approve: .approve
    case .quarantineTarget: .quarantineTarget
    case .releaseAll: .releaseAll
    case .confirmDead: .confirmDead
    case .daemonKilled: .daemonKilled(down: random.interval(10...8_000))
    case .hostRebooted: .hostRebooted(down: random.interval(100...3_000))
    case .instanceInDoubt:
      .instanceInDoubt(
        nth: random.number(0...7), dies: random.percent(50),
        lasting: random.percent(60) ? random.interval(100...4_000) : nil)
    case .instanceDies: .instanceDies(nth: random.number(0...7))
    case .databaseAway: .databaseAway(random.interval(100...4_000))
    case .schemaMeddled: .schemaMeddled
    case .fenceStolen: .fenceStolen
    case .workloadScaled: .workloadScaled(random.number(1...5))
    case .workloadEdited:
      .workloadEdited(
        release: random.percent(70) ? random.number(0...4) : nil,
        lasting: random.percent(60) ? random.interval(100...4_000) : nil)
    case .workloadPaused:
      .workloadPaused(lasting: random.percent(70) ? random.interval(100...4_000) : nil)
    case .machineLost:
      .machineLost(nth: random.number(0...7), lasting: random.interval(100...5_000))
    case .machineGone: .machineGone(nth: random.number(0...7))
    case .machineRebooted: .machineRebooted(nth: random.number(0...7))
    case .instanceEvicted: .instanceEvicted(nth: random.number(0...7))
    }
  }
}
