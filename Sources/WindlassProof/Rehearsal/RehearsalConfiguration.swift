package import WindlassCore

/// What to make of a rehearsed server that could reach more than its scratch database.
package enum IsolationPolicy: String, Hashable, Codable, Sendable {
  /// Its run shows nothing: the verdict is `unknown`.
  case network
  /// A person wrote that isolation can't be had here, and accepts it.
  case none
}

/// How a rehearsal is carried out.
package struct RehearsalConfiguration: Hashable, Sendable {
  package var probes: ProbeConfiguration
  /// The longest that a migration may hold the lock that stops others.
  package var holdBudget: Interval
  /// How often a release's probes are asked in each part, from 1 to `Bounds.probeRoundsMax`.
  package var rounds: Int
  package var isolation: IsolationPolicy
  /// The most that the whole may take; checked between its steps.
  package var deadline: Interval

  package init(
    probes: ProbeConfiguration = ProbeConfiguration(),
    holdBudget: Interval = Bounds.holdBudgetDefault, rounds: Int = Bounds.probeRoundsDefault,
    isolation: IsolationPolicy = .network, deadline: Interval = Bounds.rehearsalDeadline
  ) {
    self.probes = probes
    self.holdBudget = holdBudget
    self.rounds = min(max(rounds, 1), Bounds.probeRoundsMax)
    self.isolation = isolation
    self.deadline = deadline
  }
}
