import PostgresDriver
import Testing
import WindlassCore
import WindlassSchema

/// Migrations that can't run in one transaction.
struct PostgresStepwiseTests {
  private static let index = "CREATE INDEX CONCURRENTLY a_by_b ON a (b)"

  private func world() async throws -> PostgresWorld {
    let world = try PostgresWorld([
      "1_a.up.sql": "CREATE TABLE a (b int); INSERT INTO a SELECT generate_series(1, 100)"
    ])
    try await world.migrate()
    return world
  }

  @Test func `an index is built beside writers, with more statements around it`() async throws {
    let world = try await world()
    try world.write([
      "2_b.up.sql": "ALTER TABLE a ADD c int;\n\(Self.index);\nUPDATE a SET c = b;\nVACUUM a;"
    ])
    try await world.migrate()
    #expect(try world.ledger() == [[.integer(2), .integer(0)]])
    #expect(
      try world.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_by_b'::regclass")
        == .integer(1))
    #expect(try world.value("SELECT count(*) FROM a WHERE c = b") == .integer(100))
    #expect(try world.value("SELECT count(*) FROM windlass_progress") == .integer(0))
    #expect(try await world.migrator().schema().drift == nil)
  }

  @Test func `golang-migrate finds the keys free and the row dirty while the index is built`()
    async throws
  {
    let world = try await world()
    try world.write(["2_b.up.sql": Self.index])
    let keys = try LedgerKeys.all(of: world)
    let holder = try world.connection()
    try holder.run(script: "BEGIN; UPDATE a SET b = b")
    async let outcome = world.migrate(options: world.options { $0.lockBudget = .seconds(60) })
    let watcher = try world.connection()
    try holder.run(script: "COMMIT; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM a")
    try await waitUntil {
      try watcher.scalar(
        "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()")
        == .integer(1)
    }
    for key in keys {
      #expect(try EmulatedGolangMigrate(connection: watcher, key: key).isFree())
    }
    #expect(try world.ledger() == [[.integer(2), .integer(1)]])
    let reading = try await world.database().inspect()
    #expect(reading.version == 1)
    #expect(reading.isDirty && reading.interruptedRun != nil)
    try holder.run(script: "COMMIT")
    _ = try await outcome
    #expect(try world.ledger() == [[.integer(2), .integer(0)]])
  }

  @Test func `an invalid index that was left over is dropped and built anew`() async throws {
    let world = try await world()
    let other = try world.connection()
    try other.execute("INSERT INTO a VALUES (1)")
    // A unique index over doubled values fails and stays behind.
    #expect(throws: StepFailure.self) {
      try other.run(script: "CREATE UNIQUE INDEX CONCURRENTLY a_by_b ON a (b)")
    }
    #expect(
      try world.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_by_b'::regclass")
        == .integer(0))
    try await world.migrator().acceptDrift()
    try world.write(["2_b.up.sql": Self.index])
    try await world.migrate()
    #expect(
      try world.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_by_b'::regclass")
        == .integer(1))
  }

  @Test func `an index that can't be built leaves neither a half one nor a dirty ledger`()
    async throws
  {
    let world = try await world()
    try world.connection().execute("INSERT INTO a VALUES (1)")
    let failure = try await world.failure(of: [
      "2_b.up.sql": "CREATE UNIQUE INDEX CONCURRENTLY a_by_b ON a (b)"
    ])
    #expect(failure?.code == "ConstraintViolated")
    #expect(try world.value("SELECT to_regclass('a_by_b')") == .null)
    #expect(try world.ledger() == [[.integer(1), .integer(0)]])
  }

  @Test func `a later step that fails is gone on with, and no step runs twice`() async throws {
    let world = try await world()
    try world.connection().run(
      script: "CREATE TABLE gate (open boolean); INSERT INTO gate VALUES (false)")
    try await world.migrator().acceptDrift()
    let text = """
      UPDATE a SET b = b + 1000;
      \(Self.index);
      INSERT INTO a SELECT 1 / (CASE WHEN open THEN 1 ELSE 0 END) FROM gate;
      """
    let failure = try await world.failure(of: ["2_b.up.sql": text])
    #expect(failure?.code == "StatementFailed")
    #expect(try world.ledger() == [[.integer(2), .integer(1)]])
    let interrupted = try #require(try await world.migrator().schema().interrupted)
    #expect(interrupted.place.contains("of by-hand was cut off at step 3; the 2 before"))
    #expect(interrupted.standing == .notBegun)
    try world.connection().execute("UPDATE gate SET open = true")
    let changed = try await world.failure(of: ["2_b.up.sql": text + "\n-- more"])
    #expect(changed?.code == "ChangedFile")
    try world.write(["2_b.up.sql": text])
    try await world.migrate()
    #expect(try world.ledger() == [[.integer(2), .integer(0)]])
    #expect(try world.value("SELECT min(b) FROM a WHERE b > 1") == .integer(1_001))
    #expect(try world.value("SELECT max(b) FROM a") == .integer(1_100))
  }

  @Test func `dropping and rebuilding beside writers work too`() async throws {
    let world = try await world()
    try world.write([
      "2_b.up.sql": Self.index, "3_c.up.sql": "REINDEX INDEX CONCURRENTLY a_by_b",
      "4_d.up.sql": "DROP INDEX CONCURRENTLY a_by_b",
    ])
    try await world.migrate()
    #expect(try world.ledger() == [[.integer(4), .integer(0)]])
    #expect(try world.value("SELECT to_regclass('a_by_b')") == .null)
  }
}
