import Testing
import WindlassSchema

/// What stands in a CockroachDB migration, and what may not.
struct CockroachClassifierTests {
  private func kinds(_ body: String) -> [BodyFinding.Kind] {
    CockroachClassifier().findings(in: body, file: "1_a.up.sql").map(\.kind)
  }

  @Test(arguments: [
    "CREATE TABLE a (b INT PRIMARY KEY, FAMILY f (b));\nCREATE INDEX ON a (b);",
    "ALTER TABLE a ALTER PRIMARY KEY USING COLUMNS (b, c)", "DROP INDEX a@a_by_b CASCADE",
    "BEGIN; INSERT INTO a VALUES (1); UPDATE a SET b = 2; COMMIT",
    "BEGIN; ALTER TABLE a ADD COLUMN c STRING; COMMIT", "SELECT * FROM a@primary",
    "SET search_path = app; CREATE TABLE a (b INT)", "UPSERT INTO a VALUES (b'\\'', 1)",
    "UPDATE a SET b = c.d FROM c WHERE a.e = c.e AND public.a.f = 1",
  ])
  func `what runs one by one is taken`(body: String) {
    #expect(kinds(body) == [])
  }

  @Test(arguments: [
    (
      "BEGIN; ALTER TABLE a ADD c INT; INSERT INTO a VALUES (1); COMMIT",
      BodyFinding.Kind.transactionControl
    ),
    ("BEGIN; ALTER TABLE a ADD c INT; ALTER TABLE a ADD d INT; COMMIT", .transactionControl),
    ("BEGIN; INSERT INTO a VALUES (1)", .transactionControl), ("COMMIT", .transactionControl),
    ("SAVEPOINT cockroach_restart", .transactionControl),
    ("SET autocommit_before_ddl = on", .sessionSetting), ("RESET lock_timeout", .sessionSetting),
    ("SET CLUSTER SETTING sql.x = 1", .sessionSetting), ("USE other", .outsideFile),
    ("CREATE DATABASE d", .serverChange), ("ALTER ROLE r WITH LOGIN", .serverChange),
    ("BACKUP DATABASE d INTO 'x'", .outsideFile), ("CREATE CHANGEFEED FOR a", .outsideFile),
    ("IMPORT INTO a CSV DATA ('x')", .outsideFile), ("CANCEL JOB 1", .outsideFile),
    ("ALTER TABLE shop.public.a ADD c INT", .otherDatabase),
    ("INSERT INTO shop.public.a VALUES (1)", .otherDatabase),
    ("DELETE FROM schema_lock", .ledger), ("UPDATE schema_migrations SET version = 1", .ledger),
    ("DROP TABLE windlass_fence", .ownTable), ("INSERT INTO a VALUES ($1)", .parameter),
    ("\\d a", .shellCommand), ("SELECT 'open", .unreadable),
  ])
  func `what would promise too much or reach out is refused`(
    body: String, kind: BodyFinding.Kind
  ) {
    #expect(kinds(body) == [kind])
  }

  @Test func `a script is cut into rows and definitions, with BEGIN and COMMIT as a frame of rows`()
    throws
  {
    let script = try CockroachScript(
      """
      CREATE TABLE a (b INT);
      BEGIN; INSERT INTO a VALUES (1); INSERT INTO a VALUES (2); COMMIT;
      WITH x AS (SELECT 1) SELECT * FROM x;
      BEGIN; TRUNCATE a; COMMIT;
      """)
    #expect(script.steps.map(\.kind) == [.definition, .rows, .rows, .definition])
    #expect(script.steps.map(\.statements.count) == [1, 2, 1, 1])
    #expect(script.steps.map(\.line) == [1, 2, 3, 4])
    #expect(!script.isAtomic)
    #expect(try CockroachScript("INSERT INTO a VALUES (1)").isAtomic)
  }

  @Test func `a backslash escapes in CockroachDB's bytes and not in PostgreSQL's bits`() throws {
    let text = "SELECT b'\\'; --'"
    #expect(throws: SQLTokenError.self) {
      try PostgresStatement.split("SELECT b'\\'", .cockroachdb)
    }
    #expect(try PostgresStatement.split(text, .cockroachdb).count == 1)
    #expect(try PostgresStatement.split("SELECT b'\\'").count == 1)
  }

  @Test func `names in parts are found where a table is named, and not in conditions`() throws {
    let statements = try PostgresStatement.split(
      """
      SELECT s.t.c, d.e FROM s.t JOIN u ON u.a = s.t.b;
      CREATE INDEX i ON s.t (c);
      DROP TABLE a, s.b
      """, .cockroachdb)
    #expect(statements.map(\.qualifiedNames) == [[["s", "t"]], [["s", "t"]], [["s", "b"]]])
  }
}
