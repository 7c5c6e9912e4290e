import Testing
import WindlassCore
import WindlassSchema

/// What a migration for MySQL or MariaDB may and may not hold.
struct MySQLClassifierTests {
  private func findings(_ text: String) -> [BodyFinding] {
    MySQLClassifier().findings(in: text, file: "5_x.up.sql")
  }

  static let accepted = [
    "", "-- nothing\n",
    "CREATE TABLE IF NOT EXISTS t (a BIGINT PRIMARY KEY, b VARCHAR(20) DEFAULT 'USE x; COMMIT');",
    "CREATE TABLE u LIKE t; RENAME TABLE u TO v, t TO w; DROP TABLE IF EXISTS v, w;",
    "ALTER TABLE t ADD COLUMN c TEXT, ADD CONSTRAINT k FOREIGN KEY (c) REFERENCES u (c)",
    "UPDATE t JOIN u ON t.a = u.a SET t.b = u.b WHERE t.c IN (SELECT x.c FROM v AS x);",
    "SELECT EXTRACT(YEAR FROM t.c), TRIM(BOTH 'x' FROM t.d) FROM t, u, (v, w) WHERE u.a = t.a",
    "INSERT INTO t (a, b) SELECT y.a, COUNT(*) FROM y GROUP BY y.a ON DUPLICATE KEY UPDATE b=2",
    "DELETE t FROM t LEFT JOIN u ON u.a = t.a WHERE u.a IS NULL;",
    "CREATE UNIQUE INDEX i ON t (a, b); DROP INDEX j ON t;",
    "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW SET NEW.a = OLD.b + 1;",
    "CREATE DEFINER=`a`@`%` VIEW v AS SELECT t.a FROM t ORDER BY t.a, t.b LIMIT 1;",
    "SET foreign_key_checks = 0; SET @x = 5; SET NAMES utf8mb4; SET @@session.time_zone = '+00:00'",
    "SELECT version FROM schema_migrations; SELECT \\N, 1.5, .5e3, 0x1F, b'1', _utf8mb4'x';",
    "TRUNCATE TABLE t; ANALYZE TABLE t; CALL p(1); DO SLEEP(0); SHOW TABLES;",
    "SELECT a->'$.b.c' FROM t WHERE a LIKE 'x.y' AND \"other.t\" <> 'z';",
    "/*!50100 ALTER TABLE t PARTITION BY HASH (a) PARTITIONS 4 */;",
    "WITH RECURSIVE n AS (SELECT 1 AS a UNION ALL SELECT n.a + 1 FROM n) SELECT n.a FROM n",
    "SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)",
  ]

  @Test(arguments: accepted)
  func `an ordinary migration has no finding`(text: String) {
    #expect(findings(text) == [])
  }

  static let refused: [(String, BodyFinding.Kind, Int)] = [
    ("BEGIN;", .transactionControl, 1), ("SELECT 1;\n\nstart transaction", .transactionControl, 3),
    ("COMMIT", .transactionControl, 1), ("ROLLBACK TO a", .transactionControl, 1),
    ("XA START 'a'", .transactionControl, 1), ("SET TRANSACTION READ ONLY", .transactionControl, 1),
    ("SELECT 'a\\'; ' ;\nCOMMIT", .transactionControl, 2),
    ("/*!40101 COMMIT */;", .transactionControl, 1),
    ("/*M!100100\nCOMMIT */", .transactionControl, 2),
    ("USE other;", .otherDatabase, 1), ("SELECT * FROM other.t", .otherDatabase, 1),
    ("INSERT INTO `other` . `t` VALUES (1)", .otherDatabase, 1),
    ("SELECT a.x FROM a, other.t AS other", .otherDatabase, 1),
    ("SELECT a.x FROM a JOIN b ON a.x = b.x, other.t other", .otherDatabase, 1),
    ("DROP TABLE a,\n other.b", .otherDatabase, 2),
    ("RENAME TABLE a TO other.a", .otherDatabase, 1),
    ("ALTER TABLE a RENAME TO other.a", .otherDatabase, 1),
    ("CREATE INDEX i ON other.t (a)", .otherDatabase, 1),
    ("CREATE TABLE a LIKE other.a", .otherDatabase, 1),
    ("ALTER TABLE a ADD FOREIGN KEY (x) REFERENCES other.b (x)", .otherDatabase, 1),
    ("SELECT other.t.a FROM t", .otherDatabase, 1), ("SELECT other.f(1)", .otherDatabase, 1),
    ("UPDATE other.t SET a = 1", .otherDatabase, 1), ("TRUNCATE other.t", .otherDatabase, 1),
    ("CALL other.p()", .otherDatabase, 1), ("DELETE FROM other.t", .otherDatabase, 1),
    ("CREATE PROCEDURE p() BEGIN DELETE FROM\nother.t; END", .otherDatabase, 2),
    ("GRANT ALL ON *.* TO x", .serverChange, 1), ("REVOKE x ON y FROM z", .serverChange, 1),
    ("SET GLOBAL max_connections = 1", .serverChange, 1),
    ("SET @a = 1, PERSIST x = 2", .serverChange, 1), ("SET @@global.x = 1", .serverChange, 1),
    ("SET PASSWORD = 'x'", .serverChange, 1), ("CREATE DATABASE x", .serverChange, 1),
    ("DROP USER x", .serverChange, 1), ("CREATE OR REPLACE ROLE x", .serverChange, 1),
    ("FLUSH TABLES", .serverChange, 1), ("LOCK TABLES t WRITE", .serverChange, 1),
    ("STOP SLAVE", .serverChange, 1), ("START SLAVE", .serverChange, 1),
    ("INSTALL SONAME 'x'", .serverChange, 1), ("KILL 5", .serverChange, 1),
    ("CREATE FUNCTION f RETURNS STRING SONAME 'x.so'", .serverChange, 1),
    ("SET sql_log_bin = 0", .sessionSetting, 1),
    ("SET @@session.lock_wait_timeout=5", .sessionSetting, 1),
    ("SET a = 1, autocommit := 0", .sessionSetting, 1),
    ("SET STATEMENT max_statement_time=1 FOR DROP TABLE t", .sessionSetting, 1),
    ("PREPARE s FROM 'DROP TABLE t'", .dynamicSQL, 1), ("EXECUTE IMMEDIATE @x", .dynamicSQL, 1),
    ("LOAD DATA INFILE 'x' INTO TABLE t", .outsideFile, 1),
    ("SELECT 1 INTO OUTFILE '/tmp/x'", .outsideFile, 1),
    ("DELIMITER //\nSELECT 1//", .shellCommand, 1), ("source other.sql", .shellCommand, 1),
    ("SELECT 1\\G", .shellCommand, 1), ("\\! ls", .shellCommand, 1),
    ("COPY t FROM PROGRAM 'x'", .unknownStatement, 1),
    ("INSERT INTO t VALUES (?)", .parameter, 1),
    ("DROP TABLE windlass_fence", .ownTable, 1), ("DELETE FROM `schema_migrations`", .ledger, 1),
    ("SELECT 'a", .unreadable, 1),
  ]

  @Test(arguments: refused)
  func `what would leave the database or the order of statements is refused`(
    text: String, kind: BodyFinding.Kind, line: Int
  ) throws {
    let finding = try #require(findings(text).first)
    #expect(finding.kind == kind, "\(finding)")
    #expect(finding.line == line)
    #expect(finding.file == "5_x.up.sql")
  }
}
