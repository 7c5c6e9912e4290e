import Testing
import WindlassCore
import WindlassSimulation

/// Services that live through faults from a seed; `make simulate` runs many more.
@Suite struct CampaignTests {
  @Test(arguments: [UInt64(1), 101, 201])
  func `no rule is broken whatever fails`(first: UInt64) {
    let campaign = Campaign(profile: .common)
    for seed in first..<(first + 100) {
      let violations = campaign.run(seed: seed).violations
      #expect(violations.isEmpty, "simulate --seed \(seed) --replay: \(violations)")
    }
  }

  @Test(arguments: [UInt64(1), 101, 201])
  func `no rule is broken where a controller keeps the instances`(first: UInt64) {
    let campaign = Campaign(profile: .cluster)
    for seed in first..<(first + 100) {
      let violations = campaign.run(seed: seed).violations
      #expect(
        violations.isEmpty, "simulate --profile cluster --seed \(seed) --replay: \(violations)")
    }
  }

  @Test(arguments: [Hazards.common, .none])
  func `whoever owns a roll and asks the gate is let in where it is safe, and nowhere else`(
    hazards: Hazards
  ) {
    var profile = Profile.ownedCluster
    profile.hazards = hazards
    let campaign = Campaign(profile: profile)
    var ended = 0
    for seed in UInt64(1)..<80 {
      let summary = campaign.run(seed: seed)
      #expect(summary.violations.isEmpty, "owned cluster, seed \(seed): \(summary.violations)")
      ended += summary.record.pastRuns.count { $0.ending == .completed }
    }
    #expect(ended > 40)
  }

  @Test func `a workload whose daemon forgets everything comes to rest`() {
    let campaign = Campaign(profile: .forgetfulCluster)
    for seed in UInt64(1)..<60 {
      let violations = campaign.run(seed: seed).violations
      #expect(
        violations.isEmpty,
        "simulate --profile forgetful-cluster --seed \(seed) --replay: \(violations)")
    }
  }

  @Test func `a workload that is left alone upgrades to the end`() {
    let campaign = Campaign(profile: .calmCluster)
    var ended = 0
    for seed in UInt64(1)..<60 {
      let summary = campaign.run(seed: seed)
      #expect(
        summary.violations.isEmpty,
        "simulate --profile calm-cluster --seed \(seed) --replay: \(summary.violations)")
      ended += summary.record.pastRuns.count { $0.ending == .completed }
    }
    #expect(ended > 59)
  }

  @Test func `a service that is left alone upgrades to the end`() {
    let campaign = Campaign(profile: .calm)
    for seed in UInt64(1)..<60 {
      let violations = campaign.run(seed: seed).violations
      #expect(violations.isEmpty, "simulate --profile calm --seed \(seed) --replay: \(violations)")
    }
  }

  /// Each of these failed once.
  @Test(arguments: [UInt64(339), 1817, 17443, 61889])
  func `a seed that failed once stays whole`(seed: UInt64) {
    let violations = Campaign(profile: .common).run(seed: seed).violations
    #expect(violations.isEmpty, "\(violations)")
  }

  /// Each of these failed once: a wave out of reach of a shrunk workload, an instance that lived on
  /// through its machine's boot and then went unseen, a word of a person that was taken for later,
  /// a wave that counted on an instance that was gone, a run that stood without a word.
  @Test(arguments: [UInt64(57), 136, 271, 526, 767, 1154, 2182, 6214, 9198, 9276])
  func `a workload's seed that failed once stays whole`(seed: UInt64) {
    let violations = Campaign(profile: .cluster).run(seed: seed).violations
    #expect(violations.isEmpty, "\(violations)")
  }

  /// Each of these failed once: an edit that its owner let stand at rest, a place in which what a
  /// person wrote went on crashing.
  @Test(arguments: [UInt64(5309), 7079, 9913])
  func `a forgetful daemon's seed that failed once stays whole`(seed: UInt64) {
    let violations = Campaign(profile: .forgetfulCluster).run(seed: seed).violations
    #expect(violations.isEmpty, "\(violations)")
  }

  @Test func `one seed is one story`() {
    let campaign = Campaign(profile: .common)
    for seed in UInt64(1)..<6 {
      let first = campaign.run(seed: seed, keepsTrace: true)
      let second = campaign.run(seed: seed, keepsTrace: true)
      #expect(first.trace == second.trace)
      #expect(!first.trace.isEmpty)
    }
  }

  #if DEBUG
    /// A rule, and a seed of the common profile that shows its absence.
    struct Variant: CustomTestStringConvertible, Sendable {
      var rule: Rules.Name
      var seed: UInt64
      var testDescription: String { rule.rawValue }
    }

    static let variants: [Variant] = [
      Variant(rule: .appliesInOrder, seed: 2),
      Variant(rule: .backsUpBeforeContract, seed: 1),
      Variant(rule: .backsUpBeforeExpand, seed: 1),
      Variant(rule: .boundsSurge, seed: 1),
      Variant(rule: .checksReportedVersion, seed: 3),
      Variant(rule: .contractsAfterCommit, seed: 1),
      Variant(rule: .contractsAfterOldInstances, seed: 2215),
      Variant(rule: .countsDoubtAsAlive, seed: 9),
      Variant(rule: .distrustsUnknownVerdicts, seed: 167),
      Variant(rule: .fencesMigrations, seed: 81),
      Variant(rule: .fencesTakeover, seed: 1),
      Variant(rule: .gatesStarts, seed: 16),
      Variant(rule: .heedsYanks, seed: 34),
      Variant(rule: .journalsIntents, seed: 1),
      Variant(rule: .keepsCapacity, seed: 5),
      Variant(rule: .keepsDirection, seed: 3),
      Variant(rule: .pinsPlans, seed: 1),
      Variant(rule: .provesBeforeExpand, seed: 1),
      Variant(rule: .quarantinesFailures, seed: 3),
      Variant(rule: .readsBackLostOutcomes, seed: 1),
      Variant(rule: .refusesStaleReadings, seed: 1),
      Variant(rule: .remembersBackfills, seed: 108),
      Variant(rule: .rollsCanaryFirst, seed: 2),
      Variant(rule: .staysForwardAfterCommit, seed: 547),
      Variant(rule: .verifiesBackups, seed: 1),
      Variant(rule: .waitsForStability, seed: 1),
    ]

    @Test(arguments: variants)
    func `a core without one of its rules is caught`(variant: Variant) {
      let broken = Campaign(profile: .common, rules: .whole.without(variant.rule))
      #expect(!broken.run(seed: variant.seed).violations.isEmpty)
    }

    /// The same for the rules that a workload rests on, by seeds of the cluster profile.
    static let workloadVariants: [Variant] = [
      Variant(rule: .boundsSurge, seed: 1),
      Variant(rule: .checksReportedVersion, seed: 7),
      Variant(rule: .contractsAfterCommit, seed: 1),
      Variant(rule: .contractsAfterOldInstances, seed: 2),
      Variant(rule: .countsDoubtAsAlive, seed: 2),
      Variant(rule: .fencesTakeover, seed: 1),
      Variant(rule: .gatesStarts, seed: 45),
      Variant(rule: .guardsOrders, seed: 1),
      Variant(rule: .keepsCapacity, seed: 69),
      Variant(rule: .keepsDirection, seed: 7),
      Variant(rule: .pinsPlans, seed: 1),
      Variant(rule: .refusesStaleReadings, seed: 1),
      Variant(rule: .rollsCanaryFirst, seed: 1),
      Variant(rule: .staysForwardAfterCommit, seed: 296),
      Variant(rule: .waitsForStability, seed: 1),
      Variant(rule: .yieldsToPeople, seed: 1),
    ]

    @Test(arguments: workloadVariants)
    func `a core without one of its rules is caught at a workload`(variant: Variant) {
      let broken = Campaign(profile: .cluster, rules: .whole.without(variant.rule))
      #expect(!broken.run(seed: variant.seed).violations.isEmpty)
    }
  #endif
}
