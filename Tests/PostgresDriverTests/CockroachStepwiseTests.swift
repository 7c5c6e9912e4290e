import PostgresDriver
import Synchronization
import Testing
import WindlassCore
import WindlassSchema

/// Definitions that run one by one on a stand-in for CockroachDB, and everything that may go wrong.
@Suite(.serialized) struct CockroachStepwiseTests {
  private static let second = "ALTER TABLE a ADD COLUMN c STRING"
  private static let third = "ALTER TABLE a ADD COLUMN d STRING"
  private static let body = "\(second);\nINSERT INTO a (b) VALUES (2);\n\(third);"

  /// A database at version 1, and a second migration of three statements.
  private func world(_ body: String = body) async throws -> CockroachWorld {
    let world = try CockroachWorld(["1_a.up.sql": "CREATE TABLE a (b INT PRIMARY KEY)"])
    try await world.migrate()
    try world.below.write(["2_b.up.sql": body])
    return world
  }

  private func isAtTwo(_ world: CockroachWorld) async throws -> Bool {
    let report = try await world.below.migrator(world.options()).schema()
    return try world.below.ledger() == [[.integer(2), .integer(0)]]
      && world.columns(of: "a") == ["b", "c", "d"]
      && world.below.value("SELECT count(*) FROM a") == .integer(1)
      && world.below.value("SELECT count(*) FROM windlass_progress") == .integer(0)
      && report.drift == nil && report.history.map(\.version) == [1, 2]
  }

  @Test func `definitions run one by one on CockroachDB, and rows in transactions with their mark`()
    async throws
  {
    let world = try await world()
    try await world.migrate()
    #expect(try await isAtTwo(world))
    #expect(world.count(of: Self.second) == 1)
    #expect(world.count(of: Self.third) == 1)
  }

  @Test func `a body of rows alone is one transaction with the ledger on CockroachDB`() async throws
  {
    let world = try await world("INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1);")
    let failure = await world.failure()
    #expect(failure?.code == "ConstraintViolated")
    #expect(try world.below.ledger() == [[.integer(1), .integer(0)]])
    #expect(try world.below.value("SELECT count(*) FROM a") == .integer(0))
  }

  @Test(arguments: ["40001", "40003", "57014"], [CockroachStepwiseTests.second, third])
  func `a statement that failed without an effect is run again`(
    state: String, statement: String
  ) async throws {
    let world = try await world()
    world.server.inject(.failsBefore(state), into: statement)
    try await world.migrate()
    #expect(try await isAtTwo(world))
    #expect(world.count(of: statement) == 2)
    #expect(world.server.hasMetAll)
  }

  @Test(arguments: [CockroachStepwiseTests.second, third])
  func `a statement whose outcome the server does not know is not run twice when it took effect`(
    statement: String
  ) async throws {
    let world = try await world()
    world.server.inject(.failsAfter("40003"), into: statement)
    try await world.migrate()
    #expect(try await isAtTwo(world))
    #expect(world.count(of: statement) == 1)
  }

  @Test(arguments: [CockroachStepwiseTests.second, "INSERT INTO a (b)", third, "COMMIT", "RELEASE"])
  func `a lost reply loses nothing and repeats nothing on CockroachDB`(
    statement: String
  ) async throws {
    let world = try await world()
    world.server.inject(.losesReply, into: statement)
    try await world.migrate()
    #expect(try await isAtTwo(world))
    #expect(world.server.hasMetAll)
  }

  @Test(arguments: 0..<24)
  func `a connection lost before or after any message is carried on on CockroachDB`(
    cut: Int
  ) async throws {
    let world = try await world()
    // The messages of a run that nothing disturbs differ little; every one of them is met.
    let fault: CockroachStandIn.Fault = cut.isMultiple(of: 2) ? .losesReply : .losesStatement
    let before = world.server.statements.count
    world.server.state.withLock { $0.cut = (before + 8 + cut * 3, fault) }
    for _ in 1...5 {
      guard let failure = await world.failure() else { break }
      // Before anything was begun a lost connection is told, and the next attempt does it all.
      #expect(failure.disposition == .retry)
    }
    #expect(try await isAtTwo(world))
    #expect(world.count(of: Self.second) <= 2 && world.count(of: Self.third) <= 2)
  }

  @Test func `a half-applied change stays dirty with its position, and is never run again`()
    async throws
  {
    let world = try await world(
      "\(Self.second);\nALTER TABLE a ADD COLUMN d STRING, ADD COLUMN e INT")
    world.server.inject(
      .runsInstead(Self.third, "XXA00"), into: "ADD COLUMN d STRING, ADD COLUMN e INT")
    let failure = await world.failure()
    #expect(failure?.code == "DirtyLedger")
    #expect(failure?.message.contains("statement 2 of 2 in 2_b.up.sql (line 2)") == true)
    #expect(failure?.message.contains("migrate force 2") == true)
    #expect(try world.below.ledger() == [[.integer(2), .integer(1)]])
    #expect(await world.failure() == failure)
    #expect(world.count(of: "ADD COLUMN e INT") == 1)
  }

  @Test func `a change that the server undid leaves nothing, and the first one no dirty mark`()
    async throws
  {
    let world = try await world()
    world.server.inject(.failsBefore("XXA00"), into: Self.second)
    let failure = await world.failure()
    #expect(failure?.code == "SchemaChangeFailed")
    #expect(failure?.message.hasPrefix("Nothing was changed: statement 1 of 3") == true)
    #expect(try world.below.ledger() == [[.integer(1), .integer(0)]])
    try await world.migrate()
    #expect(try await isAtTwo(world))
  }

  @Test
  func `a later statement that fails is told with its position, and the file may be corrected`()
    async throws
  {
    let world = try await world("\(Self.second);\nINSERT INTO a (b) VALUES ('x');\n\(Self.third);")
    let failure = await world.failure()
    #expect(failure?.message.contains("statement 2 of 3 in 2_b.up.sql (line 2)") == true)
    #expect(failure?.message.contains("goes on with this statement") == true)
    #expect(try world.below.ledger() == [[.integer(2), .integer(1)]])
    try world.below.write(["2_b.up.sql": "\(Self.third);\n\(Self.second);"])
    #expect(await world.failure()?.code == "ChangedFile")
    try world.below.write(["2_b.up.sql": Self.body])
    try await world.migrate()
    #expect(try await isAtTwo(world))
    #expect(world.count(of: Self.second) == 1)
  }

  @Test(arguments: ["failed", "canceled"])
  func `a job that ends badly behind a statement that succeeded leaves the ledger dirty`(
    end: String
  ) async throws {
    let world = try await world()
    world.server.inject(.jobEnds(end), into: Self.third)
    let failure = await world.failure()
    #expect(failure?.code == "DirtyLedger")
    #expect(failure?.message.contains("job") == true)
    #expect(try world.below.ledger() == [[.integer(2), .integer(1)]])
    #expect(world.count(of: "SHOW JOBS WHEN COMPLETE") == 1)
    #expect(await world.failure()?.code == "DirtyLedger")
  }

  @Test func `a job that goes on behind its statement is waited for`() async throws {
    let world = try await world()
    world.server.inject(.jobEnds("succeeded"), into: Self.third)
    try await world.migrate()
    #expect(try await isAtTwo(world))
    #expect(world.count(of: "SHOW JOBS WHEN COMPLETE") == 1)
  }

  @Test func `a paused job is told, and the migration goes on once it ended`() async throws {
    let world = try await world()
    world.server.inject(.jobEnds("paused"), into: Self.third)
    let failure = await world.failure()
    #expect(failure?.code == "SchemaChangePaused")
    #expect(failure?.message.contains("RESUME JOB") == true)
    world.server.state.withLock { state in
      for index in state.jobs.indices where state.jobs[index].status == "paused" {
        state.jobs[index].status = "succeeded"
      }
    }
    try await world.migrate()
    #expect(try await isAtTwo(world))
    #expect(world.count(of: Self.third) == 1)
  }

  @Test func `CockroachDB's own forms are cut and sent as they are written`() async throws {
    let world = try await world(
      """
      CREATE TABLE k (id INT NOT NULL, name STRING NOT NULL, CONSTRAINT k_pkey PRIMARY KEY (id));
      CREATE INDEX k_by_name ON k (name);
      ALTER TABLE k ALTER PRIMARY KEY USING COLUMNS (id, name);
      DROP INDEX k@k_by_name;
      """)
    try await world.migrate()
    #expect(try world.below.ledger() == [[.integer(2), .integer(0)]])
    let report = try await world.below.migrator(world.options()).schema()
    #expect(report.drift == nil)
    #expect(world.server.statements.contains { $0.contains("DROP INDEX k@k_by_name") })
  }

  @Test func `drift on CockroachDB is told with what changed, and accepted by a person`()
    async throws
  {
    let world = try await world()
    try await world.migrate()
    try world.below.connection().run(script: "ALTER TABLE a ADD e int8")
    let failure = await world.failure()
    #expect(failure?.code == "SchemaDrift")
    #expect(failure?.message.contains("cockroachdb://") == true)
    let migrator = try world.below.migrator(world.options())
    try await migrator.acceptDrift()
    #expect(try await migrator.schema().drift == nil)
  }
}
