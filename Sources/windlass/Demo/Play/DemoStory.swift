/// One thing that the demo shows: a release is offered, and the daemon does the right thing.
struct DemoStory: Sendable {
  /// For machines.
  var name: String
  var title: String
  var service: String
  var edition: DemoEdition
  /// The release that the edition offers.
  var target: String
  /// The outcome that is right.
  var expected: String
  /// Says in the same words what came of it.
  var outcome: @Sendable (ServiceStatus, ServiceStatus.PastRun) -> String

  /// The three stories, in their order.
  static let all = [honest, reckless, broken]

  private static let honest = DemoStory(
    name: "honest", title: "1.1.0 drops a column in contract, after the last old instance is gone",
    service: "beacon", edition: DemoFeeds.honest[1], target: "1.1.0",
    expected: "Completed, 1.1.0 on schema 5"
  ) { status, run in
    "\(run.ending), \(status.deployedVersion) on schema \(status.schemaVersion)"
  }

  private static let reckless = DemoStory(
    name: "reckless", title: "another 1.1.0 drops it in expand, under the servers that read it",
    service: "beacon-reckless", edition: DemoFeeds.reckless[1], target: "1.1.0",
    expected: "Refused, 1.0.0 on schema 2, failing query shown"
  ) { status, run in
    let isShown = run.evidence.contains { failure(in: $0) != nil && $0.contains("SELECT ") }
    return "\(run.ending), \(status.deployedVersion) on schema \(status.schemaVersion), "
      + "failing query \(isShown ? "" : "not ")shown"
  }

  private static let broken = DemoStory(
    name: "broken", title: "1.1.1 becomes ready, then turns unhealthy and exits",
    service: "beacon", edition: DemoFeeds.honest[2], target: "1.1.1",
    expected: "RolledBack, 1.1.0 on schema 5, 1.1.1 quarantined"
  ) { status, run in
    let isQuarantined = status.quarantined.contains(run.target)
    return "\(run.ending), \(status.deployedVersion) on schema \(status.schemaVersion), "
      + "\(run.target) \(isQuarantined ? "" : "not ")quarantined"
  }

  /// What an engine says of the query that the reckless release breaks, up to the end; nil where
  /// none of them says it.
  static func failure(in evidence: String) -> String? {
    for words in [
      "no such column: f.rollout_percent", "column f.rollout_percent does not exist",
      "Unknown column 'f.rollout_percent'",
    ] {
      if let place = evidence.firstRange(of: words) { return String(evidence[place.lowerBound...]) }
    }
    return nil
  }
}

/// How a story went.
struct StoryResult: Hashable, Sendable {
  var name: String
  var title: String
  var expected: String
  var outcome: String
  var milliseconds: Int64
  /// What the daemon found, a sentence each.
  var evidence: [String]

  /// Whether the daemon did the right thing.
  var isRight: Bool { outcome == expected }

  /// What the database said of the query that would have failed, with the query.
  var failingQuery: String? {
    evidence.lazy.compactMap(DemoStory.failure).first
  }
}
