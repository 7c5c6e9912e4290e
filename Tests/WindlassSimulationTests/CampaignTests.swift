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
  #endif
}
