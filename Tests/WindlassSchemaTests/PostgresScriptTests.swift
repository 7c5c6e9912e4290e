import Testing
import WindlassSchema

struct PostgresScriptTests {
  private func texts(_ script: String) throws -> [String] {
    try PostgresStatement.split(script).map(\.text)
  }

  @Test func `semicolons inside quotes, comments and bodies split nothing`() throws {
    let function = """
      CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql
      BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END
      """
    let statements = [
      "SELECT 'a;b', E'c\\';d', \"e;f\"", "DO $x$ BEGIN; $$;$$ END $x$",
      "SELECT 1", function,
      "CREATE RULE r AS ON INSERT TO a DO ALSO (SELECT 1; SELECT 2)",
    ]
    let script =
      "-- x;\n" + statements.joined(separator: "; /* a; /* b; */ c; */\n") + ";;\n; -- end"
    #expect(try texts(script) == statements)
  }

  @Test func `a dollar in a name opens no text, and one with a tag does`() throws {
    #expect(try texts("SELECT a$b$; SELECT $b$;$b$") == ["SELECT a$b$", "SELECT $b$;$b$"])
  }

  @Test(arguments: ["SELECT 'a", "SELECT \"a", "SELECT $a$ b", "/* a /* b */"])
  func `what never ends is told with its line`(text: String) {
    let failure = #expect(throws: SQLTokenError.self) {
      try PostgresStatement.split("SELECT 1;\n" + text)
    }
    #expect(failure?.line == 2)
  }

  @Test func `a file's frame is taken off, and its lines stay where they are`() throws {
    let script = try PostgresScript("BEGIN;\nSELECT 1;\nCOMMIT;\n")
    #expect(script.steps.isEmpty)
    #expect(script.atomicText == "      \nSELECT 1;\n       \n")
  }

  @Test func `statements that wait for others are steps of their own`() throws {
    let script = try PostgresScript(
      """
      BEGIN; SELECT 1; SELECT 2; COMMIT;
      CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "I" ON ONLY app.a (b);
      DROP INDEX CONCURRENTLY IF EXISTS app.i;
      REINDEX (VERBOSE) TABLE CONCURRENTLY a;
      VACUUM a;
      SELECT 3
      """)
    #expect(script.atomicText == nil)
    #expect(
      script.steps.map(\.action) == [
        .transaction,
        .concurrent(.createIndex(name: "I", table: "\"app\".\"a\"", mayExist: true)),
        .concurrent(.dropIndex(schema: "app", name: "i")), .concurrent(.reindex), .maintenance,
        .transaction,
      ])
    #expect(script.steps[0].text == "SELECT 1;SELECT 2;")
    #expect(script.steps[5].text == "\n\n\n\n\nSELECT 3")
  }

  @Test(arguments: [
    (
      "ALTER TABLE IF EXISTS ONLY app.\"Users\" ADD COLUMN orders int REFERENCES teams (id)",
      ["Users", "teams"], ["orders"]
    ),
    ("CREATE TABLE a (users text, b int)", ["a"], ["users", "b"]),
    ("CREATE UNIQUE INDEX CONCURRENTLY i ON a (users)", ["a"], ["users"]),
    ("DROP TABLE a, b CASCADE", ["a", "b"], []),
    ("INSERT INTO a SELECT x FROM b JOIN c ON true", ["a", "b", "c"], ["x"]),
  ])
  func `tables are told from columns`(text: String, tables: [String], others: [String]) throws {
    let names = try PostgresStatement.split(text)[0].relationNames
    #expect(names.isSuperset(of: tables))
    #expect(names.isDisjoint(with: others))
  }

  @Test func `findings name their line and kind`() {
    let findings = PostgresClassifier().findings(
      in: "SELECT 1;\n\\i x\n;COPY a FROM STDIN;\nSET ROLE x;\nSET LOCAL work_mem = 1;\nCOMMIT;",
      file: "1_a.up.sql")
    #expect(
      findings.map(\.kind) == [
        .shellCommand, .outsideFile, .sessionSetting, .transactionControl,
      ])
    #expect(findings.map(\.line) == [2, 3, 4, 6])
  }
}
