package import WindlassCore

/// What to make of a rehearsed server that could reach more than its scratch database.
package enum IsolationPolicy: String, Hashable, Codable, Sendable {
  /// Its run shows nothing: the verdict is `unknown`.
  case network
  /// A person wrote that isolation can't be had here, and accepts it.
  case none
}

/// How much of an upgrade a rehearsal can show.
package enum RehearsalScope: String, Hashable, Codable, Sendable {
  /// Both releases' servers: everything.
  case hop
  /// The deployed release's server alone: that it works on the expanded schema, and nothing of what
  /// the new one writes.
  case deployedRelease
  /// No server at all: what the catalogues tell, which is never enough to be safe.
  case schema
}

/// How a rehearsal is carried out.
package struct RehearsalConfiguration: Hashable, Sendable {
  package var probes: ProbeConfiguration
  /// The longest that a migration may hold the lock that stops others.
  package var holdBudget: Interval
  /// How often a release's probes are asked in each part, from 1 to `Bounds.probeRoundsMax`.
  package var rounds: Int
  package var isolation: IsolationPolicy
  package var scope: RehearsalScope
  /// Why no server can be run here, as evidence; nil where one can, or where none is to be.
  package var hindrance: String?
  /// The most that the whole may take; checked between its steps.
  package var deadline: Interval

  package init(
    probes: ProbeConfiguration = ProbeConfiguration(),
    holdBudget: Interval = Bounds.holdBudgetDefault, rounds: Int = Bounds.probeRoundsDefault,
    isolation: IsolationPolicy = .network, scope: RehearsalScope = .hop,
    deadline: Interval = Bounds.rehearsalDeadline
  ) {
    self.probes = probes
    self.holdBudget = holdBudget
    self.rounds = min(max(rounds, 1), Bounds.probeRoundsMax)
    self.isolation = isolation
    self.scope = scope
    self.deadline = deadline
  }
}
