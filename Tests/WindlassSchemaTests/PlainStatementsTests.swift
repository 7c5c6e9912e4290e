import Testing
import WindlassSchema

/// Which texts can be sent statement by statement, and which statements lock one table alone.
struct PlainStatementsTests {
  @Test func `definitions and rows are sent one by one, each in its line`() throws {
    let text = "-- first\nCREATE TABLE a (b int);\n\n  INSERT INTO a VALUES (1); DROP TABLE a"
    let statements = try #require(try PostgresScript(text).plainStatements)
    #expect(
      statements.map(\.textInPlace) == [
        "\nCREATE TABLE a (b int)", "\n\n\nINSERT INTO a VALUES (1)", "\n\n\nDROP TABLE a",
      ])
    #expect(try PostgresScript("BEGIN; UPDATE a SET b = 1; COMMIT").plainStatements?.count == 1)
    #expect(try PostgresScript("-- nothing").plainStatements == [])
  }

  @Test(arguments: [
    "SELECT f()", "SET search_path = x", "CREATE INDEX CONCURRENTLY i ON a (b)", "VACUUM a",
    "DO $$ BEGIN END $$", "CALL p()", "PREPARE p AS SELECT 1", "DEALLOCATE ALL", "LOCK TABLE a",
    "COPY a FROM STDIN", "UPDATE a SET b = 1 RETURNING b", "BEGIN; SELECT 1; COMMIT; SELECT 2",
    "SAVEPOINT s; ROLLBACK TO s", "CREATE NONSENSE x", "GRANT SELECT ON a TO b",
  ])
  func `what reads, sets or leaves the transaction is run by itself`(text: String) throws {
    #expect(try PostgresScript("UPDATE a SET b = 1; " + text).plainStatements == nil)
  }

  @Test func `a long text is run by itself`() throws {
    let many = String(repeating: "INSERT INTO a VALUES (1);\n", count: 33)
    #expect(try PostgresScript(many).plainStatements == nil)
    let wide = "INSERT INTO a VALUES ('\(String(repeating: "x", count: 70_000))')"
    #expect(try PostgresScript(wide).plainStatements == nil)
  }

  @Test(arguments: [
    ("ALTER TABLE t ADD COLUMN c int", "t"), ("alter table T add column c int", "T"),
    ("ALTER TABLE public.t ADD COLUMN c int DEFAULT 5, ADD COLUMN d int", "public.t"),
    ("ALTER TABLE \"a\"\"b\".\"T\" ADD COLUMN c int", "\"a\"\"b\".\"T\""),
    ("ALTER TABLE t ADD COLUMN c int REFERENCES t", "t"),
    ("ALTER TABLE t ADD COLUMN c int REFERENCES u", nil),
    ("ALTER TABLE ONLY t ADD COLUMN c int", nil), ("ALTER TABLE t ADD c int", nil),
    ("ALTER TABLE IF EXISTS t ADD COLUMN c int", nil), ("ALTER TABLE t DROP COLUMN c", nil),
    ("ALTER TABLE t VALIDATE CONSTRAINT c", nil), ("ALTER VIEW v RENAME TO w", nil),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (d > 0)", nil), ("CREATE TABLE t (c int)", nil),
  ])
  func `the table that gets columns is the only one that is locked`(
    text: String, table: String?
  ) throws {
    #expect(try PostgresScript(text).statements[0].tableWithNewColumns == table)
  }
}
