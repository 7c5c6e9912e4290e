import Glibc
import ProcessFleet
import SQLiteDriver
import Testing
import WindlassCore
import WindlassProof
import WindlassSchema

/// What shares the staged feeds and starts many servers goes one after the other.
@Suite(.serialized) enum RealRehearsals {
  /// The rehearsal over real databases and real servers.
  @Suite struct RehearsalTests {
    /// Expects that the rehearsal left nothing: no copy, no process, no change of production.
    private static func expectClean(_ hop: StagedHop) async throws {
      #expect(hop.directory.names(in: "scratch").filter { !$0.hasPrefix(".") } == [])
      #expect(try await hop.servers.sweepLeftovers() == 0)
      let reading = try await hop.database.inspect()
      #expect(reading.version == 2)
      #expect(!reading.isDirty)
    }

    @Test func `the honest upgrade is safe, and rolling back is covered`() async throws {
      let hop = try await StagedHop(feed: "beacon")
      let (verdict, report) = try await hop.rehearse()
      #expect(verdict.judgement == .safe, "\(report.text)")
      #expect(verdict.coversRollback)
      #expect(verdict.checks > 40)
      #expect(report.migrations.map(\.migration.version) == [3, 4, 5])
      #expect(report.differences.contains { $0.contains("rollouts") })
      #expect(hop.directory.names(in: "reports") == ["run-1-rehearsal.json", "run-1-rehearsal.md"])
      try await Self.expectClean(hop)
    }

    @Test func `the reckless upgrade is unsafe, with the query that would have failed`()
      async throws
    {
      let hop = try await StagedHop(feed: "beacon-reckless")
      let (verdict, report) = try await hop.rehearse()
      #expect(verdict.judgement == .unsafe, "\(report.text)")
      let first = try #require(verdict.evidence.first)
      #expect(
        first.hasPrefix("1.0.0 no longer works on the schema that 1.1.0 expands to: probe \""))
      #expect(first.contains("expected 200, got 500: no such column: "))
      #expect(first.contains("rollout_percent in: SELECT "))
      #expect(
        verdict.evidence.contains { $0.contains("X3: column flags.rollout_percent is dropped") })
      try await Self.expectClean(hop)
    }

    @Test func `a server that is told its database in another way proves nothing`() async throws {
      let hop = try await StagedHop(feed: "beacon", databaseVariable: "OTHER_DB")
      let (verdict, report) = try await hop.rehearse()
      #expect(verdict.judgement == .unknown, "\(report.text)")
      #expect(verdict.evidence.contains { $0.contains("BEACON_DB is missing") })
      try await Self.expectClean(hop)
    }

    @Test func `a backup that is missing is a hindrance and no verdict`() async throws {
      let hop = try await StagedHop(feed: "beacon")
      unlink(hop.directory.file("backups/\(StagedHop.backup).db"))
      await #expect(throws: StepFailure.self) { _ = try await hop.rehearse() }
      try await Self.expectClean(hop)
    }

    @Test func `a cancelled rehearsal leaves nothing`() async throws {
      let hop = try await StagedHop(feed: "beacon")
      let rehearsal = Task { try await hop.rehearse() }
      // Cancelled once a server of it is there, which its log shows.
      let deadline = ContinuousClock.now + .seconds(60)
      while hop.directory.names(in: "servers").isEmpty, ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(5))
      }
      rehearsal.cancel()
      await #expect {
        _ = try await rehearsal.value
      } throws: { ($0 as? StepFailure)?.blamesRelease == false }
      try await Self.expectClean(hop)
    }
  }
}
