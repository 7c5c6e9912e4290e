import Testing
import WindlassCore
import WindlassSchema

/// Texts by which a migration would leave its transaction, its session's limits or its database,
/// hidden where a reader or a simple splitter does not look; each dialect refuses its own.
struct SmuggledStatementTests {
  typealias Case = (text: String, kind: BodyFinding.Kind)

  static let postgres: [Case] = [
    ("SELECT 1; COMMIT; DROP TABLE t", .transactionControl),
    ("SELECT 1; END", .transactionControl),
    ("ROLLBACK AND CHAIN", .transactionControl),
    ("PREPARE TRANSACTION 'x'", .transactionControl),
    ("COMMIT PREPARED 'x'", .transactionControl),
    ("SELECT $a$ ; $a$; /* /* */ ; */ COMMIT", .transactionControl),
    ("SELECT E'\\';' ; COMMIT --'", .transactionControl),
    ("SELECT '\\' ; COMMIT --'", .transactionControl),
    ("DO $$ BEGIN COMMIT; END $$", .transactionControl),
    ("DO $$ BEGIN IF true THEN\nROLLBACK; END IF; END $$", .transactionControl),
    ("DROP DATABASE other", .serverChange),
    ("CREATE /* x */ DATABASE other", .serverChange),
    ("ALTER DATABASE a RENAME TO b", .serverChange),
    ("ALTER SYSTEM SET fsync = off", .serverChange),
    ("ALTER TABLESPACE a OWNER TO b", .serverChange),
    ("LOAD 'library'", .serverChange),
    ("SELECT pg_catalog.pg_terminate_backend(1)", .serverChange),
    ("COPY t FROM PROGRAM 'ls'", .outsideFile),
    ("COPY (SELECT 1) TO '/tmp/x'", .outsideFile),
    ("copy t from stdin;\n1\n\\.", .outsideFile),
    ("DO 'BEGIN COPY t FROM PROGRAM ''ls''; END'", .outsideFile),
    ("SELECT lo_import('/etc/passwd')", .outsideFile),
    ("SELECT dblink_exec('x', 'COMMIT')", .otherDatabase),
    ("SELECT set_config('lock_timeout', '0', false)", .sessionSetting),
    ("SELECT U&\"set\\005Fconfig\"('role', 'x', true)", .sessionSetting),
    ("SELECT set_config(E'lock\\x5ftimeout', '0', false)", .sessionSetting),
    ("SELECT set_config('lock' '_timeout', '0', false)", .sessionSetting),
    ("DO $$ BEGIN PERFORM set_config(a, b, true); END $$", .sessionSetting),
    ("DO $$ BEGIN SET LOCAL statement_timeout = 0; END $$", .sessionSetting),
    ("SET SESSION AUTHORIZATION DEFAULT", .sessionSetting),
    ("SET \"Lock_Timeout\" TO DEFAULT", .sessionSetting),
    ("RESET ALL", .sessionSetting), ("DISCARD PLANS", .sessionSetting),
    ("SELECT pg_advisory_unlock_all()", .sessionSetting),
    ("\\connect other", .shellCommand), ("SELECT 1;\n\\i other.sql", .shellCommand),
    ("SELECT 1 \\gexec", .shellCommand), ("SELECT 1 \\; DROP DATABASE x", .shellCommand),
    ("UPDATE U&\"windlass\\005Ffence\" SET epoch = 1", .ownTable),
    ("SELECT 1 FROM U&\"windlass!005Ffence\" UESCAPE '!'", .unknownStatement),
    ("WITH a AS (DELETE FROM schema_migrations RETURNING 1) SELECT 1", .ledger),
    ("EXPLAIN ANALYZE DELETE FROM schema_migrations", .ledger),
    ("CREATE RULE r AS ON INSERT TO t DO DELETE FROM public.schema_migrations", .ledger),
    ("CREATE TRIGGER g BEFORE INSERT ON schema_migrations EXECUTE FUNCTION f()", .ledger),
    ("SELECT 1 -- \0\n; COMMIT", .unreadable),
  ]

  @Test(arguments: postgres)
  func `PostgreSQL's ways out are refused`(text: String, kind: BodyFinding.Kind) {
    let findings = PostgresClassifier().findings(in: text, file: "5_x.up.sql")
    #expect(findings.map(\.kind).contains(kind), "\(findings)")
  }

  /// The same statement behind one that only a newer server knows, so that the words decide.
  @Test(arguments: postgres.filter { $0.kind != .unreadable })
  func `PostgreSQL's ways out are refused beside syntax that the parser does not know`(
    text: String, kind: BodyFinding.Kind
  ) {
    let newer = "MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE RETURNING a.id;\n"
    let findings = PostgresClassifier().findings(in: newer + text, file: "5_x.up.sql")
    #expect(findings.map(\.kind).contains(kind), "\(findings)")
  }

  /// What a statement is when the parser can't be asked, because it is too long.
  @Test(arguments: [
    ("COPY t FROM PROGRAM 'x'", BodyFinding.Kind.outsideFile), ("DROP DATABASE x", .serverChange),
    ("COMMIT", .transactionControl), ("PREPARE TRANSACTION 'x'", .transactionControl),
    ("COMMIT PREPARED 'x'", .transactionControl), ("SET ROLE x", .sessionSetting),
    ("DELETE FROM schema_migrations", .ledger), ("RESET ALL", .sessionSetting),
  ])
  func `a statement of too many words is refused by its words`(
    text: String, kind: BodyFinding.Kind
  ) {
    let long = text + String(repeating: " , a", count: 600)
    let findings = PostgresClassifier().findings(in: long, file: "5_x.up.sql")
    #expect(findings.map(\.kind).contains(kind), "\(findings)")
  }

  static let mysql: [Case] = [
    ("INSERT INTO t VALUES (1); COMMIT; DROP TABLE t", .transactionControl),
    ("/*!50000 COMMIT */", .transactionControl),
    ("/*!99999 COMMIT */", .transactionControl),
    ("/*M!100100 ROLLBACK */", .transactionControl),
    ("SELECT 1 /*!50000 ; COMMIT */", .unreadable),
    ("SELECT 'a\\'; ' ; COMMIT -- '", .transactionControl),
    ("SELECT 1--1; COMMIT", .transactionControl), ("SELECT 1 # ;\n; COMMIT", .transactionControl),
    ("/*!50000 DROP DATABASE other */", .serverChange),
    ("DROP /* x */ SCHEMA other", .serverChange), ("DROP /*!50000 DATABASE */ x", .serverChange),
    ("SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */", .outsideFile),
    ("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", .outsideFile),
    ("SELECT LOAD_FILE('/etc/passwd')", .outsideFile),
    ("/*!50000 SET sql_log_bin = 0 */", .sessionSetting),
    ("SET @x = 1, @@session.sql_mode = ''", .sessionSetting),
    ("PREPARE s FROM 'COMMIT'", .dynamicSQL),
    ("CREATE PROCEDURE p() BEGIN EXECUTE IMMEDIATE 'COMMIT'; END", .dynamicSQL),
    ("USE other; DROP TABLE t", .otherDatabase), ("/*!50000 USE other */", .otherDatabase),
    ("DELETE FROM /*!50000 other. */ t", .otherDatabase),
    ("source other.sql", .shellCommand), ("\\. other.sql", .shellCommand),
    ("\\! ls", .shellCommand), ("\\u other", .shellCommand), ("system ls", .shellCommand),
    ("SELECT 1 \\g DROP DATABASE x", .shellCommand), ("DELIMITER ;;\nSELECT 1;;", .shellCommand),
    ("SELECT 1 /*!50000 + '*/ ; COMMIT ; -- '", .unreadable),
    ("/*!50000 UPDATE windlass_fence SET epoch = 1 */", .ownTable),
    ("/*!50000 TRUNCATE schema_migrations */", .ledger),
    ("ATTACH DATABASE 'x' AS y", .unknownStatement),
  ]

  @Test(arguments: mysql)
  func `MySQL's and MariaDB's ways out are refused`(text: String, kind: BodyFinding.Kind) {
    let findings = MySQLClassifier().findings(in: text, file: "5_x.up.sql")
    #expect(findings.map(\.kind).contains(kind), "\(findings)")
  }

  static let sqlite: [Case] = [
    ("SELECT 1; COMMIT; DROP TABLE t", .transactionControl),
    ("SELECT '\\'; COMMIT; --'", .transactionControl),
    ("SELECT [;]; END /* never closed", .transactionControl),
    ("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END; ROLLBACK", .transactionControl),
    ("/*!50000 x */ COMMIT", .transactionControl),
    ("ATTACH 'other.db' AS o; DELETE FROM o.t", .attachment),
    ("SELECT 1;\u{FEFF}attach 'x' as y", .attachment), ("VACUUM main INTO 'x'", .vacuum),
    ("PRAGMA /* x */ writable_schema = on", .pragma),
    ("COPY t FROM PROGRAM 'ls'", .unknownStatement), ("\\connect x", .shellCommand),
    (".shell ls", .shellCommand), ("DELETE FROM [schema_migrations]", .ledger),
    ("INSERT INTO `windlass_fence` VALUES (1)", .ownTable),
  ]

  @Test(arguments: sqlite)
  func `SQLite's ways out are refused`(text: String, kind: BodyFinding.Kind) {
    let findings = SQLiteClassifier().findings(in: text, file: "5_x.up.sql")
    #expect(findings.map(\.kind).contains(kind), "\(findings)")
  }

  @Test func `a file with a zero byte is refused whatever the dialect`() {
    let failure = #expect(throws: StepFailure.self) {
      try MigrationBody(
        version: 1, file: "1_a.up.sql", bytes: Array("-- a \0\nDROP TABLE t;".utf8))
    }
    #expect(failure?.message.contains("zero byte") == true)
  }
}
