import Testing
import WindlassCore
import WindlassProof
import WindlassSchema
import WindlassWire

/// What the old server's recorded queries make of a rehearsal.
struct RehearsalQueriesTests {
  private static let recorded = RecordedQueries(
    engine: "sqlite",
    queries: [
      RecordedQuery(name: "flag", sql: "SELECT f.description FROM flags AS f", calls: 90),
      RecordedQuery(name: "all", sql: "SELECT * FROM flags", calls: 9),
      RecordedQuery(name: "odd", sql: "SELECT interval ?", calls: 1),
    ])

  private static func plan() -> Plan {
    var old = SamplePlan.old
    old.queries = QueriesReference(
      url: "https://releases.example/q.json", digest: Digest(String(repeating: "c", count: 64)))
    return SamplePlan.plan(.upgrade, from: old, to: SamplePlan.new)
  }

  private static func world(
    _ text: String = QueriesDocument.text(of: recorded),
    _ prepared: @escaping @Sendable (RecordedQuery, _ isMigrated: Bool) -> QueryOutcome = { _, _ in
      .prepared(columns: nil)
    }
  ) -> RehearsalWorld {
    RehearsalWorld {
      $0.queries = text
      $0.prepared = { query, migrations in prepared(query, !migrations.isEmpty) }
    }
  }

  @Test(arguments: [false, true])
  func `queries that can be prepared before and after are checks that passed`(
    isSQL: Bool
  ) async throws {
    let world = Self.world(
      try isSQL
        ? QueriesDocument.script(of: Self.recorded) : QueriesDocument.text(of: Self.recorded))
    let (verdict, report) = try await world.rehearse(Self.plan())
    #expect(verdict.judgement == .safe)
    // Those of the servers, and three queries.
    #expect(verdict.checks == 34)
    #expect(
      verdict.evidence.contains(
        "the recorded queries of 1.0.0 on the schema that 1.1.0 expands to: all 3 can be prepared"))
    #expect(report.queries?.checked == 3 && report.queries?.coverage == 100)
    let calls = world.calls.filter { ["catalogue", "migrate 2", "prepare"].contains($0) }
    #expect(calls.prefix(5) == ["catalogue", "prepare", "migrate 2", "catalogue", "prepare"])
    #expect(world.leaks == [])
  }

  @Test func `a query that fails only on the migrated copy is unsafe, with its name and error`()
    async throws
  {
    let world = Self.world { query, isMigrated in
      isMigrated && query.name == "flag"
        ? .refused("no such column: f.description") : .prepared(columns: nil)
    }
    let (verdict, report) = try await world.rehearse(Self.plan())
    #expect(verdict.judgement == .unsafe)
    #expect(
      verdict.evidence.first
        == "query \"flag\" of 1.0.0 can't be prepared on the schema that 1.1.0 expands to: no such "
        + "column: f.description in: SELECT f.description FROM flags AS f")
    #expect(!verdict.evidence.contains { $0.contains("can be prepared") })
    #expect(!verdict.coversRollback)
    let step = report.steps.first { $0.title.contains("prepare the recorded queries of 1.0.0 on") }
    #expect(step?.outcome == .failed && step?.details.count == 1)
    let json = report.json
    #expect(json.value(at: "/queries/findings/0/finding") == "broken")
    #expect(json.value(at: "/queries/findings/0/name") == "flag")
    #expect(json.value(at: "/queries/recorded") == 3)
  }

  @Test func `a query that failed before shows nothing, and is told`() async throws {
    let world = Self.world { query, _ in
      query.name == "odd" ? .refused("near \"?\": syntax error") : .prepared(columns: nil)
    }
    let (verdict, report) = try await world.rehearse(Self.plan())
    #expect(verdict.judgement == .safe)
    #expect(report.queries?.checked == 2 && report.queries?.coverage == 99)
    #expect(
      verdict.evidence.contains {
        $0.hasPrefix("1 of 3 recorded queries of 1.0.0 can't be prepared before the migrations ")
          && $0.contains("query \"odd\": near \"?\": syntax error in: SELECT interval ?")
      })
  }

  @Test func `queries that show too little of the calls make the verdict unknown`() async throws {
    let world = Self.world { query, _ in
      query.name == "flag" ? .refused("no") : .prepared(columns: nil)
    }
    let (verdict, report) = try await world.rehearse(Self.plan())
    #expect(verdict.judgement == .unknown)
    #expect(report.queries?.coverage == 10)
    #expect(verdict.evidence.first?.contains("are 10 % of the recorded calls") == true)
  }

  @Test func `a result with other columns is a note`() async throws {
    let world = Self.world { query, isMigrated in
      query.name == "all"
        ? .prepared(columns: isMigrated ? ["id integer", "new text"] : ["id integer"])
        : .prepared(columns: ["x text"])
    }
    let (verdict, report) = try await world.rehearse(Self.plan())
    #expect(verdict.judgement == .safe)
    #expect(report.queries?.findings.map(\.kind) == [.changed])
    #expect(
      verdict.evidence.contains {
        $0.contains("its result was (id integer) and is (id integer, new text) in: SELECT *")
      })
  }

  @Test(arguments: [
    ("SELECT 1", "it is neither JSON nor SQL"),
    (
      QueriesDocument.text(
        of: RecordedQueries(engine: "mysql", queries: [RecordedQuery(name: "a", sql: "b")])),
      "are for mysql, and the database is sqlite"
    ),
  ])
  func `a file that can't be used makes the verdict unknown`(
    _ text: String, _ reason: String
  ) async throws {
    let world = Self.world(text)
    let (verdict, report) = try await world.rehearse(Self.plan())
    #expect(verdict.judgement == .unknown)
    #expect(verdict.evidence.first?.contains(reason) == true)
    #expect(report.queries == nil)
    #expect(!world.calls.contains("prepare"))
  }

  @Test func `without servers queries alone make nothing safe, but find what is broken`()
    async throws
  {
    let configuration = RehearsalConfiguration(scope: .schema)
    let (good, _) = try await Self.world().rehearse(Self.plan(), configuration)
    #expect(good.judgement == .unknown)
    #expect(good.checks == 3)
    #expect(good.evidence.first?.contains("no server of 1.0.0 was run") == true)
    let (bad, _) = try await Self.world { _, isMigrated in
      isMigrated ? .refused("gone") : .prepared(columns: nil)
    }.rehearse(Self.plan(), configuration)
    #expect(bad.judgement == .unsafe)
  }

  @Test func `a release without recorded queries is rehearsed without them`() async throws {
    let world = Self.world()
    let (verdict, report) = try await world.rehearse()
    #expect(verdict.judgement == .safe && verdict.checks == 31)
    #expect(report.queries == nil)
    #expect(!world.calls.contains { $0 == "prepare" || $0.hasPrefix("queries") })
  }

  @Test func `a file that can't be fetched hinders the rehearsal and blames no release`()
    async throws
  {
    let world = Self.world()
    let lost = StepFailure(code: "DownloadFailed", disposition: .retry, message: "no")
    let number = 1 + (try await Self.position(of: "queries", in: Self.world()))
    world.change { $0.failure = (number, lost) }
    await #expect(throws: lost) { try await world.rehearse(Self.plan()) }
    #expect(world.leaks == [])
  }

  /// The place of the first call that begins so, from 0.
  private static func position(
    of beginning: String, in world: RehearsalWorld
  ) async throws -> Int {
    _ = try await world.rehearse(plan())
    return try #require(world.calls.firstIndex { $0.hasPrefix(beginning) })
  }
}
