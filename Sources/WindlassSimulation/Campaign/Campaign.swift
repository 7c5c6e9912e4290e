package import WindlassCore

/// Runs many seeds, and finds the shortest story of one that fails.
package struct Campaign: Sendable {
  package var profile: Profile
  package var rules: Rules

  package init(profile: Profile = .common, rules: Rules = .whole) {
    self.profile = profile
    self.rules = rules
  }

  /// A seed that failed.
  package struct Failure: Sendable {
    package var seed: UInt64
    package var finding: Finding
    /// What is left when everything that did not matter was taken out.
    package var omissions: Omissions
    package var struck: [StruckFault]
    package var incidents: [Incident]
    package var trace: [String]
  }

  /// Lives through one seed.
  package func run(seed: UInt64, keepsTrace: Bool = false) -> Simulation.Summary {
    let scenario = ScenarioGenerator.scenario(seed: seed, profile: profile)
    return Simulation(scenario, rules: rules, keepsTrace: keepsTrace).run()
  }

  /// The first seed of the range that fails; nil when none does.
  package func firstFailure(in seeds: Range<UInt64>) -> UInt64? {
    seeds.first { !run(seed: $0).violations.isEmpty }
  }

  // MARK: Shortening

  /// Lives again and again, to take out every fault and incident without which the seed still
  /// fails in the same way.
  ///
  /// - Parameter attemptsMax: How many lives that may take.
  package func shorten(seed: UInt64, attemptsMax: Int = 400) -> Failure? {
    let scenario = ScenarioGenerator.scenario(seed: seed, profile: profile)
    var omissions = Omissions()
    let whole = Simulation(scenario, rules: rules).run()
    guard let finding = whole.violations.first else { return nil }
    var attempts = 0
    func stillFails(_ candidate: Omissions) -> Bool {
      attempts += 1
      let summary = Simulation(scenario, rules: rules, sparing: candidate).run()
      return summary.violations.first?.code == finding.code
    }
    omissions.incidents =
      spare(scenario.incidents.indices.reversed(), &omissions) { index, trial in
        trial.incidents.insert(index)
        return attempts < attemptsMax && stillFails(trial)
      }.incidents
    // Leaving a fault out shows others; a few rounds leave those that are needed.
    for _ in 0..<3 {
      let struck = Simulation(scenario, rules: rules, sparing: omissions).run().struck
      let places = struck.map(\.place).reversed().filter { !omissions.faults.contains($0) }
      let before = omissions.faults.count
      _ = spare(Array(places), &omissions) { place, trial in
        trial.faults.insert(place)
        return attempts < attemptsMax && stillFails(trial)
      }
      if omissions.faults.count == before { break }
    }
    return failure(scenario, omissions)
  }

  /// Leaves out one after the other what the trial shows not to matter.
  private func spare(
    _ candidates: [Int], _ omissions: inout Omissions, _ trial: (Int, inout Omissions) -> Bool
  ) -> Omissions {
    for candidate in candidates {
      var without = omissions
      if trial(candidate, &without) { omissions = without }
    }
    return omissions
  }

  private func failure(_ scenario: Scenario, _ omissions: Omissions) -> Failure? {
    let summary = Simulation(scenario, rules: rules, sparing: omissions, keepsTrace: true).run()
    guard let finding = summary.violations.first else { return nil }
    let incidents = scenario.incidents.enumerated()
      .filter { !omissions.incidents.contains($0.offset) }.map(\.element)
    return Failure(
      seed: scenario.seed, finding: finding, omissions: omissions, struck: summary.struck,
      incidents: incidents.sorted { $0.at < $1.at }, trace: summary.trace)
  }
}
