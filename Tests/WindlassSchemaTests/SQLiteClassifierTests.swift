import Testing
import WindlassCore
import WindlassSchema

/// What a SQLite migration may and may not hold.
struct SQLiteClassifierTests {
  private func findings(_ text: String) -> [BodyFinding] {
    SQLiteClassifier().findings(in: text, file: "5_x.up.sql")
  }

  static let accepted = [
    "",
    "-- nothing\n/* at all */ ;;",
    "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT DEFAULT 'begin; commit');",
    "ALTER TABLE t ADD COLUMN c TEXT; UPDATE t SET c = 'x'; DROP TABLE u",
    "INSERT INTO t VALUES ('it''s; ROLLBACK', x'00ff', 1.5e-3, 0x1F);",
    "CREATE TABLE \"begin\" (`commit` TEXT, [attach database] TEXT);",
    "CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET b = 1; DELETE FROM u; END;",
    "CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; END; SELECT 1",
    "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x;",
    "PRAGMA defer_foreign_keys=on; PRAGMA main.user_version = 7;",
    "EXPLAIN QUERY PLAN SELECT 1;",
    "CREATE TRIGGER audit AFTER INSERT ON schema_migrations BEGIN SELECT 1; END;",
    "SELECT version FROM schema_migrations;",
    "REINDEX t; ANALYZE; REPLACE INTO t VALUES (1); VALUES (1);",
    "/* a comment that never ends COMMIT;",
    "SELECT a->>'$.x' FROM t WHERE b == 1 AND c || d <> '';",
  ]

  @Test(arguments: accepted)
  func `an ordinary migration has no finding`(text: String) {
    #expect(findings(text) == [])
  }

  static let refused: [(String, BodyFinding.Kind, Int)] = [
    ("BEGIN;", .transactionControl, 1),
    ("SELECT 1;\n\nbegin immediate transaction;", .transactionControl, 3),
    ("/* x */ Commit", .transactionControl, 1),
    ("END;", .transactionControl, 1),
    ("ROLLBACK TO a;", .transactionControl, 1),
    ("SAVEPOINT a; RELEASE a;", .transactionControl, 1),
    ("SELECT ';' -- ; x\n; COMMIT;", .transactionControl, 2),
    ("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END; COMMIT;", .transactionControl, 1),
    ("/* /* */ COMMIT; -- */", .transactionControl, 1),
    ("SELECT \"a\"\";\"\n;COMMIT", .transactionControl, 2),
    ("ATTACH DATABASE 'other.db' AS other;", .attachment, 1),
    ("detach other", .attachment, 1),
    ("VACUUM;", .vacuum, 1),
    ("vacuum into 'x'", .vacuum, 1),
    ("PRAGMA foreign_keys=off;", .pragma, 1),
    ("PRAGMA main . foreign_keys (0);", .pragma, 1),
    ("pragma journal_mode = WAL", .pragma, 1),
    ("PRAGMA writable_schema=1;", .pragma, 1),
    ("PRAGMA;", .pragma, 1),
    (".read other.sql", .shellCommand, 1),
    ("SELECT 1;\n.exit", .shellCommand, 2),
    ("\\connect other", .shellCommand, 1),
    ("GO", .unknownStatement, 1),
    ("USE other;", .unknownStatement, 1),
    ("COPY t FROM PROGRAM 'x';", .unknownStatement, 1),
    ("UPDATE windlass_fence SET epoch = 9;", .ownTable, 1),
    ("DROP TABLE \"Windlass_Migration_Log\"", .ownTable, 1),
    ("CREATE TABLE t (a);\nDELETE FROM schema_migrations;", .ledger, 2),
    ("INSERT INTO main.\"schema_migrations\" VALUES (9, 0)", .ledger, 1),
    ("INSERT INTO t VALUES (?1);", .parameter, 1),
    ("INSERT INTO t VALUES (:name, $b);", .parameter, 1),
    ("SELECT 'never ends", .unreadable, 1),
    ("SELECT 1;\nSELECT \"never ends", .unreadable, 2),
    ("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1;", .unreadable, 1),
    ("SELECT 1;\0COMMIT;", .unreadable, 1),
  ]

  @Test(arguments: refused)
  func `what leaves the transaction or the database is refused with its line`(
    text: String, kind: BodyFinding.Kind, line: Int
  ) throws {
    let first = try #require(findings(text).first)
    #expect(first.kind == kind)
    #expect(first.line == line)
    #expect(first.description.hasPrefix("5_x.up.sql:\(line): "))
  }

  @Test func `every finding of a file is told, in order`() {
    let findings = findings("BEGIN;\nCREATE TABLE t (a);\nVACUUM;\nCOMMIT;")
    #expect(findings.map(\.line) == [1, 3, 4])
    #expect(findings.failure?.code == "MigrationRefused")
    #expect(findings.failure?.message.contains("and 2 more") == true)
  }

  @Test func `no cut of a text hides a finding that SQLite would still run`() {
    let text = "SELECT 'a''b', \"c\"\"d\", [e], x'00' /* f */ -- g\n; INSERT INTO t VALUES (1); "
    for cut in 0...text.utf8.count {
      let prefix = String(decoding: text.utf8.prefix(cut), as: UTF8.self)
      let found = findings(prefix + "\n;COMMIT;")
      // Either the cut left a quotation open, which is refused as well, or the COMMIT is seen;
      // only in an open comment it is not run by SQLite either.
      let isComment = prefix.hasSuffix("/*") || (prefix.contains("/* ") && !prefix.contains("*/"))
      #expect(!found.isEmpty || isComment, "after \(cut) bytes")
    }
  }
}
