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

/// How much a release must show before it is trusted.
///
/// Less than a rehearsal is a waiver: the verdict says so, and covers no roll-back.
package enum ProofRequirement: String, Hashable, Codable, CaseIterable, Sendable {
  /// Both releases' servers work on the copy.
  case rehearsal
  /// No server is run: the deployed release's recorded queries can be prepared on the copy's new
  /// schema.
  case queries
  /// No server is run and no query is asked: nothing that the old server might use is taken away
  /// from the schema.
  case structure
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
  /// What a person accepts as proof. With less than a rehearsal no server is run, whatever the
  /// scope.
  package var requirement: ProofRequirement
  /// Why no server can be run here, as evidence; nil where one can, or where none is to be.
  package var hindrance: String?
  /// The most that the whole may take; checked between its steps.
  package var deadline: Interval

  package init(
    probes: ProbeConfiguration = ProbeConfiguration(),
    holdBudget: Interval = Bounds.holdBudgetDefault, rounds: Int = Bounds.probeRoundsDefault,
    isolation: IsolationPolicy = .network, scope: RehearsalScope = .hop,
    requirement: ProofRequirement = .rehearsal,
    deadline: Interval = Bounds.rehearsalDeadline
  ) {
    self.probes = probes
    self.holdBudget = holdBudget
    self.rounds = min(max(rounds, 1), Bounds.probeRoundsMax)
    self.isolation = isolation
    self.scope = requirement == .rehearsal ? scope : .schema
    self.requirement = requirement
    self.deadline = deadline
  }
}
