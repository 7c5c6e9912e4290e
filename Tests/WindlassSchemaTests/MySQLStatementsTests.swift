import Testing
import WindlassSchema

/// How a script for MySQL or MariaDB is cut.
struct MySQLStatementsTests {
  private func texts(_ script: String) throws -> [String] {
    try MySQLStatements.split(script).map(\.text)
  }

  static let scripts: [(String, [String])] = [
    ("", []),
    ("-- nothing\n/* ; */ # ;\n;;", []),
    ("SELECT 1;SELECT 2", ["SELECT 1", "SELECT 2"]),
    ("SELECT ';', \";\", `;` ; X", ["SELECT ';', \";\", `;`", "X"]),
    ("SELECT 'a''b;', 'c\\';d' ; X", ["SELECT 'a''b;', 'c\\';d'", "X"]),
    ("SELECT `a``;b`, `c\\`; X", ["SELECT `a``;b`, `c\\`", "X"]),
    ("SELECT 5--1; X", ["SELECT 5--1", "X"]),
    ("SELECT 5 -- 1; X\n; Y", ["SELECT 5 -- 1; X", "Y"].map { $0 }),
    ("SELECT 1 # ; '\n; Y", ["SELECT 1", "Y"]),
    ("SELECT /* /* ; */ 1; Y", ["SELECT /* /* ; */ 1", "Y"]),
    ("/*!50100 CREATE TABLE t (a INT) */; Y", ["/*!50100 CREATE TABLE t (a INT) */", "Y"]),
    (
      "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET NEW.a = 1; SET NEW.b = 2; END; Y",
      [
        "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET NEW.a = 1; SET NEW.b = 2; END",
        "Y",
      ]
    ),
    (
      "CREATE TRIGGER t AFTER UPDATE ON x FOR EACH ROW UPDATE y SET a = IF(b, 1, 2); Y",
      ["CREATE TRIGGER t AFTER UPDATE ON x FOR EACH ROW UPDATE y SET a = IF(b, 1, 2)", "Y"]
    ),
    (
      "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END; Y",
      [
        "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END", "Y",
      ]
    ),
    ("BEGIN; SELECT 1; COMMIT", ["BEGIN", "SELECT 1", "COMMIT"]),
    (
      "CREATE TABLE event (begin INT, `end` INT); Y",
      [
        "CREATE TABLE event (begin INT, `end` INT)", "Y",
      ]
    ),
    (
      "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM t; END; Y",
      [
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM t; END", "Y",
      ]
    ),
    (
      "CREATE FUNCTION f() RETURNS INT RETURN CASE 1 WHEN 1 THEN 2 END; Y",
      [
        "CREATE FUNCTION f() RETURNS INT RETURN CASE 1 WHEN 1 THEN 2 END", "Y",
      ]
    ),
  ]

  @Test(arguments: scripts)
  func `a script is cut where the server would cut it`(
    script: String, expected: [String]
  ) throws {
    let texts = try texts(script)
    // A comment behind the last token of a statement is none of it.
    #expect(texts == expected.map { $0 == "SELECT 5 -- 1; X" ? "SELECT 5" : $0 })
  }

  @Test func `the body of a stored program stays together whatever is in it`() throws {
    let program = """
      CREATE OR REPLACE DEFINER=`root`@`localhost` PROCEDURE IF NOT EXISTS p(IN a INT, OUT b TEXT)
        COMMENT 'BEGIN' MODIFIES SQL DATA
      outer_label: BEGIN
        DECLARE done INT DEFAULT 0;
        DECLARE c CURSOR FOR SELECT x.end FROM x;
        DECLARE CONTINUE HANDLER FOR NOT FOUND BEGIN SET done = 1; END;
        IF a > 1 THEN SET b = IF(a = 2, 'x', 'y'); ELSEIF a = 0 THEN SET b = REPEAT('z', 3);
        ELSE BEGIN END; END IF;
        CASE a WHEN 1 THEN SELECT CASE WHEN a THEN 1 ELSE 2 END; ELSE SELECT 3; END CASE;
        inner_label: LOOP LEAVE inner_label; END LOOP inner_label;
        WHILE a > 0 DO IF a THEN SET a = a - 1; END IF; END WHILE;
        REPEAT SET a = a + 1; UNTIL a > CASE 1 WHEN 1 THEN 5 END END REPEAT;
        DO SLEEP(0);
      END
      """
    #expect(try texts("SELECT 1;\n\(program);\nSELECT 2;") == ["SELECT 1", program, "SELECT 2"])
  }

  @Test func `a delimiter of the client is followed to the end of its line`() throws {
    let script = "DELIMITER //\nCREATE TRIGGER a BEGIN; X; END//\ndelimiter ;\nSELECT 1;"
    #expect(
      try texts(script) == [
        "DELIMITER //", "CREATE TRIGGER a BEGIN; X; END", "delimiter ;", "SELECT 1",
      ])
  }

  @Test func `each statement has the line that it begins on`() throws {
    let statements = try MySQLStatements.split("-- a\n\nSELECT '\n';\n /* x\n */ SELECT 2;")
    #expect(statements.map(\.line) == [3, 6])
  }

  static let unreadable = [
    "SELECT 'a", "SELECT \"a\\\"", "SELECT `a", "/* a", "/*! SELECT 1", "SELECT \u{0}",
    "/*!99999 it's */ DROP TABLE t; -- '", "/*!99999 # */ DROP TABLE t;\n*/",
    "/*!50100 SELECT 1; */", "/*!50100 a /*!50100 b */ c */", "DELIMITER 12345678901234567",
  ]

  @Test(arguments: unreadable)
  func `what servers read differently or not at all is refused`(script: String) {
    #expect(throws: SQLTokenError.self) { try MySQLStatements.split(script) }
  }

  static let kinds: [(String, MySQLStatementKind)] = [
    ("ALTER TABLE t ADD a INT", .definition), ("/*!50100 DROP VIEW v */", .definition),
    ("TRUNCATE t", .truncation), ("insert into t values (1)", .data),
    ("WITH x AS (SELECT 1) UPDATE t SET a = 1", .data),
    ("WITH x AS (SELECT 1) SELECT * FROM x", .query), ("SET @a = 1", .setting),
    ("CALL p()", .call), ("OPTIMIZE TABLE t", .query),
  ]

  @Test(arguments: kinds)
  func `a statement's kind is told by how it begins`(
    text: String, kind: MySQLStatementKind
  ) throws {
    #expect(try MySQLStatements.split(text).map(\.kind) == [kind])
  }
}
