import Testing
import WindlassCore
import WindlassSimulation

/// One upgrade, told again with the daemon's death at each place where it can die.
@Suite struct CrashPointTests {
  /// One good release after the first: the way does not depend on when the daemon is away.
  static let steady: Profile = {
    var profile = Profile.calm
    profile.badReleases = 0
    profile.recklessReleases = 0
    profile.yankedReleases = 0
    profile.unreadableWriters = 0
    profile.scarceManifests = 0
    profile.approvals = 0
    profile.laterReleases = 1...1
    return profile
  }()

  @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6])
  func `a death at any place changes neither the end nor the effects`(seed: UInt64) {
    let scenario = ScenarioGenerator.scenario(seed: seed, profile: Self.steady)
    let undisturbed = Simulation(scenario)
    let expected = undisturbed.run()
    #expect(expected.violations.isEmpty)
    #expect(expected.tally.runs > 0)
    #expect(undisturbed.crashPoints > 100)
    // Every third place, each begun elsewhere, so that all are met over the seeds.
    for place in stride(from: 1 + Int(seed % 3), through: undisturbed.crashPoints, by: 3) {
      let summary = Simulation(scenario, crashAt: place).run()
      #expect(summary.violations.isEmpty, "seed \(seed), place \(place)")
      #expect(summary.tally == expected.tally, "seed \(seed), place \(place)")
      #expect(summary.record.deployed == expected.record.deployed, "seed \(seed), place \(place)")
      #expect(end(of: summary) == end(of: expected), "seed \(seed), place \(place)")
    }
  }

  /// What is left of a world when names of instances and numbers of the fence are left out.
  private func end(of summary: Simulation.Summary) -> String {
    let alive = summary.world.instances.filter(\.mayBeAlive)
    return "\(summary.world.schema?.description ?? "none") \(summary.world.isDirty) "
      + "\(alive.map { "\($0.release) \($0.isReady)" }.sorted())"
  }
}
