import Testing
import WindlassCore
import WindlassProof
import WindlassSchema

/// A proof for which a person accepts less than a rehearsal.
struct RehearsalWaiverTests {
  private static let recorded = RecordedQueries(
    engine: "sqlite",
    queries: [RecordedQuery(name: "flag", sql: "SELECT f.description FROM flags AS f", calls: 90)])

  private static let structure = RehearsalConfiguration(requirement: .structure)
  private static let queries = RehearsalConfiguration(requirement: .queries)

  private static func plan(_ target: Release = SamplePlan.new) -> Plan {
    var old = SamplePlan.old
    old.queries = QueriesReference(
      url: "https://releases.example/q.json", digest: Digest(String(repeating: "c", count: 64)))
    return SamplePlan.plan(.upgrade, from: old, to: target)
  }

  private static func world(
    _ outcome: @escaping @Sendable (_ isMigrated: Bool) -> QueryOutcome = { _ in
      .prepared(columns: nil)
    }
  ) -> RehearsalWorld {
    RehearsalWorld {
      $0.queries = QueriesDocument.text(of: recorded)
      $0.prepared = { _, migrations in outcome(!migrations.isEmpty) }
    }
  }

  /// What drops a table's column with the migration of that version.
  private static func dropping(_ version: UInt64) -> RehearsalWorld {
    RehearsalWorld {
      $0.catalogue = { applied in
        guard applied.contains(where: { $0.version == SchemaVersion(version) }) else {
          return SampleCatalogue.before
        }
        var catalogue = SampleCatalogue.before
        catalogue.tables[0].columns.removeLast()
        return catalogue
      }
    }
  }

  @Test func `queries that can be prepared are enough where a person says so`() async throws {
    let world = Self.world()
    let (verdict, _) = try await world.rehearse(Self.plan(), Self.queries)
    #expect(verdict.judgement == .safe)
    #expect(verdict.checks == 1)
    #expect(!verdict.coversRollback)
    #expect(
      verdict.evidence.first
        == "proof.require: queries waives the rehearsal: no server was run, and automatic "
        + "roll-back stays off")
    #expect(
      world.calls == [
        "restore run-1-migrated", "catalogue", "queries https://releases.example/q.json", "prepare",
        "migrate 2", "catalogue", "prepare", "catalogue", "migrate 3", "catalogue",
        "discard run-1-migrated",
      ])
    #expect(world.leaks == [])
  }

  @Test func `a query that can't be prepared any more is unsafe under a waiver as well`()
    async throws
  {
    let world = Self.world { $0 ? .refused("no such column") : .prepared(columns: nil) }
    let (verdict, _) = try await world.rehearse(Self.plan(), Self.queries)
    #expect(verdict.judgement == .unsafe)
    #expect(verdict.evidence.contains { $0.hasPrefix("proof.require: queries waives") })
  }

  @Test func `required queries that nobody published are unknown, with what to do`() async throws {
    let (verdict, _) = try await RehearsalWorld().rehearse(SamplePlan.upgrade, Self.queries)
    #expect(verdict.judgement == .unknown)
    #expect(
      verdict.evidence.first?.contains("1.0.0 was published without recorded queries") == true)
    #expect(verdict.evidence.first?.contains("`windlass queries capture`") == true)
  }

  @Test func `a release that changes no schema needs no queries`() async throws {
    let target = Release(version: SamplePlan.version("1.1.0"), window: SamplePlan.window)
    let plan = SamplePlan.plan(.upgrade, from: SamplePlan.old, to: target)
    let (verdict, _) = try await RehearsalWorld().rehearse(plan, Self.queries)
    #expect(verdict.judgement == .safe && verdict.checks == 1)
  }

  @Test func `a schema that loses nothing is enough where a person says so`() async throws {
    let world = RehearsalWorld()
    let (verdict, report) = try await world.rehearse(SamplePlan.upgrade, Self.structure)
    #expect(verdict.judgement == .safe && verdict.checks == 1 && !verdict.coversRollback)
    #expect(report.queries == nil)
    #expect(!world.calls.contains { $0.hasPrefix("start") })
  }

  @Test func `a column that is dropped before the roll is unsafe by its structure alone`()
    async throws
  {
    let (verdict, _) = try await Self.dropping(2).rehearse(SamplePlan.upgrade, Self.structure)
    #expect(verdict.judgement == .unsafe && verdict.checks == 0)
    #expect(!verdict.evidence.contains { $0.contains("lacks nothing") })
  }

  @Test(arguments: [ProofRequirement.queries, .structure])
  func `an install under a waiver shows that its migrations run`(
    _ requirement: ProofRequirement
  ) async throws {
    let world = RehearsalWorld()
    let configuration = RehearsalConfiguration(requirement: requirement)
    let (verdict, _) = try await world.rehearse(SamplePlan.install, configuration)
    #expect(verdict.judgement == .safe && verdict.checks == 1)
    #expect(!world.calls.contains { $0.hasPrefix("start") })
    let broken = StepFailure(code: "MigrationFailed", disposition: .stop, message: "syntax error")
    let failing = RehearsalWorld { $0.migrationFailure = { _ in broken } }
    await #expect(throws: broken) {
      try await failing.rehearse(SamplePlan.install, configuration)
    }
  }

  @Test func `a missing outcome of a query hinders the proof instead of shifting the others`()
    async throws
  {
    let world = Self.world()
    world.change { $0.lostOutcomes = 1 }
    let failure = await #expect(throws: StepFailure.self) {
      try await world.rehearse(Self.plan(), Self.queries)
    }
    #expect(failure?.code == "QueriesMiscounted")
    #expect(world.leaks == [])
  }
}
