package import WindlassCore
package import WindlassSchema

/// Everything that a rehearsal did and saw, for a person to read and to keep with the run.
package struct RehearsalReport: Hashable, Sendable {
  package var service: ServiceName
  package var run: RunID
  package var kind: RunKind
  /// The deployed release; nil for an install.
  package var source: Version?
  package var target: Version
  package var backup: BackupID
  /// What was done, in order.
  package var steps: [RehearsalStep]
  /// Every migration that ran on the copy.
  package var migrations: [MigrationObservation]
  /// What the migrations before the roll changed in the catalogue, a line each.
  package var differences: [String]
  /// What those changes do to the servers of the source.
  package var findings: [StructureFinding]
  /// What the recorded queries of the source showed; nil where there were none.
  package var queries: QueriesReport?
  /// The judgement; nil when the rehearsal itself failed.
  package var verdict: Verdict?
  /// Why there is no verdict.
  package var failure: StepFailure?
  /// How long it took from the first step to the end of the clean-up.
  package var duration: Interval

  package init(plan: Plan, backup: BackupID) {
    service = plan.service
    run = plan.run
    kind = plan.kind
    source = plan.source?.version
    target = plan.target.version
    self.backup = backup
    steps = []
    migrations = []
    differences = []
    findings = []
    queries = nil
    verdict = nil
    failure = nil
    duration = .zero
  }
}

/// One thing that a rehearsal did.
package struct RehearsalStep: Hashable, Sendable {
  /// What a step can come to.
  package enum Outcome: String, Hashable, Sendable {
    case passed, failed
    /// It showed nothing either way.
    case unknown
  }

  /// What was done, such as `1.0.0 on the migrated copy`.
  package var title: String
  package var outcome: Outcome
  package var duration: Interval
  /// What a reader needs beside the title: failures, observations, a server's last lines.
  package var details: [String]
  /// The probes that were put to a server, in their order.
  package var probes: [ProbeResult]

  package init(
    title: String, outcome: Outcome = .passed, duration: Interval = .zero, details: [String] = [],
    probes: [ProbeResult] = []
  ) {
    self.title = title
    self.outcome = outcome
    self.duration = duration
    self.details = details
    self.probes = probes
  }
}

/// Keeps the reports of rehearsals.
package protocol RehearsalReports: Sendable {
  /// Stores the report, replacing an earlier one of the same run.
  func store(_ report: RehearsalReport) async throws(StepFailure)
}
