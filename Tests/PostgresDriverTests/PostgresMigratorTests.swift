import Testing
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

struct PostgresMigratorTests {
  @Test func `the ledger equals golang-migrate's to the row, with version 0 and gaps`() async throws
  {
    let world = try PostgresWorld([
      "0_a.up.sql": "CREATE TABLE a (b int)", "3_b.up.sql": "INSERT INTO a VALUES (1);",
      "7_only.down.sql": "DROP TABLE a",
    ])
    try await world.migrate(to: 0)
    #expect(try world.ledger() == [[.integer(0), .integer(0)]])
    let outcome = try await world.migrate()
    #expect(outcome.applied.map(\.version) == [3, 7])
    #expect(try world.ledger() == [[.integer(7), .integer(0)]])
    #expect(try world.value("SELECT count(*) FROM a") == .integer(1))
    let columns = try world.connection().rows(
      """
      SELECT a.attname::text, format_type(a.atttypid, -1), a.attnotnull, i.indisprimary IS NOT NULL
      FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND a.attnum = ANY (i.indkey)
      WHERE a.attrelid = 'schema_migrations'::regclass AND a.attnum > 0 ORDER BY a.attnum
      """)
    #expect(
      columns.map(\.values) == [
        [.text("version"), .text("bigint"), .integer(1), .integer(1)],
        [.text("dirty"), .text("boolean"), .integer(1), .integer(0)],
      ])
    #expect(try await world.migrate().applied.isEmpty)
  }

  @Test func `a failure leaves neither a dirty row nor a part of the body`() async throws {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int)"])
    try await world.migrate()
    let failure = try await world.failure(of: [
      "2_b.up.sql": "CREATE TABLE c (d int);\nINSERT INTO a VALUES ('x');"
    ])
    #expect(failure?.code == "StatementFailed")
    #expect(failure?.message.contains("2_b.up.sql was rolled back") == true)
    #expect(failure?.message.contains("line 2") == true)
    #expect(try world.ledger() == [[.integer(1), .integer(0)]])
    #expect(try world.value("SELECT to_regclass('c')") == .null)
  }

  @Test func `a file's own BEGIN and COMMIT change nothing, and comments are no statements`()
    async throws
  {
    let world = try PostgresWorld([
      "1_a.up.sql": "BEGIN;\nCREATE TABLE a (b int);\nCOMMIT;", "2_b.up.sql": "-- nothing\n",
      "3_c.up.sql": "\n \n", "4_d.up.sql": "BEGIN; INSERT INTO a VALUES (1); SELECT 1/0; COMMIT;",
    ])
    let failure = try await world.failure(of: [:])
    #expect(failure?.code == "StatementFailed")
    #expect(try world.ledger() == [[.integer(3), .integer(0)]])
    #expect(try world.value("SELECT count(*) FROM a") == .integer(0))
  }

  @Test func `a dirty row of another tool, a changed file and drift are told`() async throws {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int)"])
    try await world.migrate()
    try world.connection().execute("ALTER TABLE a ADD c int")
    #expect(try await world.failure(of: [:])?.code == "SchemaDrift")
    let report = try await world.migrator().schema()
    #expect(report.drift?.sentences.contains { $0.contains("c") } == true)
    try await world.migrator().acceptDrift()
    #expect(try await world.migrator().schema().drift == nil)
    try world.connection().execute("UPDATE schema_migrations SET dirty = true")
    #expect(try await world.failure(of: [:])?.code == "DirtyLedger")
    try world.connection().execute("UPDATE schema_migrations SET dirty = false")
    #expect(
      try await world.failure(of: ["1_a.up.sql": "CREATE TABLE a (b int) "])?.code == "ChangedFile")
  }

  @Test func `a ledger in another schema is found by its quoted name`() async throws {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int)"])
    try world.connection().execute("CREATE SCHEMA app")
    let query = "x-migrations-table=%22app%22.%22log%22&x-migrations-table-quoted=true"
    let url = try PostgresURL(world.url.secret.reveal() + "?" + query)
    try await world.migrate(options: world.options(url))
    #expect(try world.value("SELECT version FROM app.log") == .integer(1))
    #expect(try world.value("SELECT count(*) FROM app.windlass_migration_log") == .integer(1))
  }

  @Test func `the search path of the URL decides where the ledger is`() async throws {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int)"])
    try world.connection().execute("CREATE SCHEMA app")
    let url = try PostgresURL(world.url.secret.reveal() + "?search_path=app,public")
    try await world.migrate(options: world.options(url))
    #expect(try world.value("SELECT version FROM app.schema_migrations") == .integer(1))
    #expect(try world.value("SELECT to_regclass('app.a') IS NOT NULL") == .integer(1))
  }

  @Test(arguments: [
    "\\connect other", "COPY a FROM STDIN", "SET lock_timeout = 0", "ALTER SYSTEM SET x = 1",
    "DELETE FROM schema_migrations", "ROLLBACK", "BEGIN; SELECT 1", "DROP TABLE windlass_fence",
    "BEGIN; CREATE INDEX CONCURRENTLY i ON a (b); COMMIT", "CREATE INDEX CONCURRENTLY ON a (b)",
    "SELECT 'open", "SELECT $$ open", "SELECT $1",
  ])
  func `what would leave the transaction or its limits is refused before anything runs`(
    text: String
  ) async throws {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int);\n" + text])
    #expect(try await world.failure(of: [:])?.code == "MigrationRefused")
    #expect(try world.value("SELECT to_regclass('a')") == .null)
  }

  @Test func `a fresh database gets many files at once, and what stands before a wrong one`()
    async throws
  {
    let world = try PostgresWorld()
    for number in 1...30 {
      try world.write([
        "\(number)_a.up.sql": number == 20 ? "SELECT 1/0" : "CREATE TABLE t\(number) (b int)"
      ])
    }
    try world.write(["10_a.up.sql": "CREATE INDEX CONCURRENTLY i ON t9 (b)"])
    let failure = try await world.failure(of: [:])
    #expect(failure?.message.contains("20_a.up.sql") == true)
    #expect(try world.ledger() == [[.integer(19), .integer(0)]])
    #expect(try world.value("SELECT count(*) FROM windlass_migration_log") == .integer(19))
    try world.write(["20_a.up.sql": "SELECT 1"])
    let outcome = try await world.migrate()
    #expect(outcome.applied.map(\.version) == (20...30).map { SchemaVersion($0) })
    #expect(
      try world.value("SELECT count(DISTINCT xmin::text) > 1 FROM windlass_migration_log")
        == .integer(1))
    #expect(try await world.migrator().schema().drift == nil)
    try world.connection().execute("DROP TABLE t1")
    #expect(try await world.migrator().schema().drift != nil)
  }

  @Test func `a stamp of an earlier Windlass is believed, and a change since then is seen`()
    async throws
  {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int)"])
    try await world.migrate()
    let connection = try world.connection()
    let former = FormerCatalogueStamp.digest(
      in: try connection.rows(FormerCatalogueStamp.question.text, limit: 1))
    #expect(former.isWellFormed)
    // Who looks at the schema can't read the record.
    try connection.execute(
      "UPDATE windlass_catalogue SET fingerprint = $1, catalogue = 'unread'", [.text(former.text)])
    #expect(try await world.migrator().schema().drift == nil)
    #expect(try await world.migrate().applied.isEmpty)
    try connection.execute("ALTER TABLE a ADD c int")
    await #expect(throws: StepFailure.self) { try await world.migrator().schema() }
    try world.write(["2_b.up.sql": "SELECT 1"])
    await #expect(throws: StepFailure.self) { try await world.migrate() }
  }

  @Test func `files for a fresh database are one transaction`() async throws {
    let world = try PostgresWorld()
    for number in 1...30 {
      try world.write(["\(number)_a.up.sql": "CREATE TABLE t\(number) (b int)"])
    }
    #expect(try await world.migrate().applied.count == 30)
    #expect(
      try world.value("SELECT count(DISTINCT xmin::text) FROM windlass_migration_log")
        == .integer(1))
  }
}
