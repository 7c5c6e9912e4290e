import PostgresDriver
import Testing
import WindlassCore
import WindlassSchema
import WindlassWire

@testable import KubernetesFleet

/// Rehearsals of releases that are images, in pods that a node runs as processes, on real
/// databases.
@Suite(.serialized)
struct SkewRunTests {
  /// Fails when something of a rehearsal is left: a copy, or a mark of it.
  private static func expectClean(_ stage: SkewStage) async throws {
    switch stage.engine {
    case .sqlite: #expect(stage.kept("scratch").filter { !$0.hasPrefix(".") } == [])
    case .postgres:
      let admin = try #require(stage.scratchAdmin)
      let connection = try PostgresConnection(PostgresOptions(url: PostgresURL(admin)))
      #expect(
        try connection.scalar(
          "SELECT count(*) FROM pg_database WHERE starts_with(datname, 'windlass_scratch_')")
          == .integer(0))
    }
    let reading = try await JobDatabase(try stage.runner(stage.upgrade)).inspect()
    #expect(reading.version == stage.upgrade.schemaBefore && !reading.isDirty)
  }

  @Test(arguments: SkewStage.Engine.allCases)
  func `the honest upgrade is safe, and another daemon finds its verdict`(
    engine: SkewStage.Engine
  ) async throws {
    try await SkewStage.with(engine, feed: "beacon") { stage in
      let runner = try await stage.prepare()
      let verdict = try await JobRehearsal(runner).rehearse(stage.upgrade, on: "b")
      #expect(verdict.judgement == .safe, "\(verdict.evidence)")
      #expect(verdict.coversRollback && verdict.checks > 40, "\(verdict)")
      #expect(stage.kept("reports") == ["beacon-2-rehearsal.json", "beacon-2-rehearsal.md"])
      let jobs = try await stage.client.list(Selection(.jobs, in: "shop")).objects
      let visits = jobs.filter { $0.labels[StepLabel.step] == "visit" }
      #expect(visits.count == 5)
      // Neither a Job nor a message holds a URL of a server.
      for job in jobs { #expect(!job.body.text.contains("postgres://")) }
      let pods = try await stage.client.list(Selection(.pods, in: "shop")).objects
      for pod in pods { #expect(!pod.body.text.contains("postgres://")) }
      let again = try await JobRehearsal(stage.runner(stage.upgrade)).rehearse(
        stage.upgrade, on: "b")
      #expect(again == verdict)
      #expect(
        try await stage.client.list(Selection(.jobs, in: "shop")).objects.count == jobs.count)
      try await Self.expectClean(stage)
    }
  }

  @Test(arguments: SkewStage.Engine.allCases)
  func `the reckless upgrade is unsafe, with the query that would have failed`(
    engine: SkewStage.Engine
  ) async throws {
    try await SkewStage.with(engine, feed: "beacon-reckless") { stage in
      let runner = try await stage.prepare()
      let verdict = try await JobRehearsal(runner).rehearse(stage.upgrade, on: "b")
      #expect(verdict.judgement == .unsafe, "\(verdict.evidence)")
      let first = try #require(verdict.evidence.first)
      #expect(
        first.hasPrefix("1.0.0 no longer works on the schema that 1.1.0 expands to: probe \""),
        "\(first)")
      #expect(first.contains("expected 200, got 500: "))
      #expect(first.contains("rollout_percent") && first.contains("SELECT"))
      try await Self.expectClean(stage)
    }
  }

  @Test func `without a policy that cuts it off nothing is shown, and no server is begun`()
    async throws
  {
    try await SkewStage.with(.sqlite, feed: "beacon", isClosed: false) { stage in
      let runner = try await stage.prepare()
      let verdict = try await JobRehearsal(runner).rehearse(stage.upgrade, on: "b")
      #expect(verdict.judgement == .unknown)
      #expect(
        verdict.evidence.contains { $0.contains("it can reach 127.0.0.1:") }, "\(verdict.evidence)")
      let pods = try await stage.client.list(
        Selection(.pods, in: "shop", labels: "\(StepLabel.step)=visit")
      ).objects
      let server = pods.first?.body.value(at: "/status/initContainerStatuses/1")
      #expect(
        server?["name"] == "server" && server?["containerID"] == nil,
        "\(String(describing: server))")
      try await Self.expectClean(stage)
    }
  }
}
