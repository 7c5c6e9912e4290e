import Testing
import WindlassSchema

struct MySQLGrantsTests {
  @Test func `rights on the server count in every database`() {
    let grants = MySQLGrants([
      "GRANT SELECT, RELOAD, SHOW VIEW ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*ABC'"
    ])
    #expect(grants.allows("RELOAD") && grants.allows("SHOW VIEW", in: "a"))
    #expect(grants.allows("SELECT", on: "t", in: "a"))
    #expect(!grants.allows("TRIGGER", in: "a") && !grants.allows("VIEW") && !grants.allows("SHOW"))
  }

  @Test(arguments: [
    "GRANT USAGE ON *.* TO `u`@`%`", "GRANT PROXY ON ''@'' TO `u`@`%` WITH GRANT OPTION",
    "GRANT `SELECT ON *.* TO`@`%` TO `u`@`%`", "SET DEFAULT ROLE `r` FOR `u`@`%`",
    "GRANT SELECT (`a`, `b`) ON `a`.`t` TO `u`@`%`", "GRANT EXECUTE ON PROCEDURE `a`.`p` TO `u`",
    "GRANT SELECT", "", "GRANT SELECT ON `a", "GRANT SELECT ON `a`.", "GRANT SELECT ON a.* TO u",
  ])
  func `a line that gives no right gives none`(line: String) {
    let grants = MySQLGrants([line])
    for right in ["SELECT", "EXECUTE", "PROXY"] {
      #expect(!grants.allows(right) && !grants.allows(right, in: "a"))
      #expect(!grants.allows(right, on: "t", in: "a"))
    }
    #expect(!grants.mayGrant(in: "a"))
  }

  @Test func `a database's name is a pattern`() {
    let grants = MySQLGrants([
      "GRANT ALL PRIVILEGES ON `windlass\\_scratch\\_%`.* TO `u`@`%` WITH GRANT OPTION",
      "GRANT SELECT ON `a_c`.* TO `u`@`%`", "GRANT EVENT ON `odd``name`.* TO `u`@`%`",
    ])
    #expect(grants.allows("TRIGGER", in: "windlass_scratch_1_2"))
    #expect(grants.mayGrant(in: "windlass_scratch_1_2"))
    #expect(!grants.allows("TRIGGER", in: "windlassXscratch_1") && !grants.mayGrant(in: "abc"))
    #expect(grants.allows("SELECT", in: "abc") && !grants.allows("SELECT", in: "abcd"))
    #expect(grants.allows("EVENT", in: "odd`name"))
  }

  @Test func `of several patterns the most exact one counts alone`() {
    let grants = MySQLGrants([
      "GRANT SELECT ON `%`.* TO `u`@`%`", "GRANT EVENT ON `sho%`.* TO `u`@`%`",
      "GRANT TRIGGER ON `shop`.* TO `u`@`%`", "GRANT INSERT ON `shop`.* TO `role`",
    ])
    #expect(grants.allows("TRIGGER", in: "shop") && grants.allows("INSERT", in: "shop"))
    #expect(!grants.allows("SELECT", in: "shop") && !grants.allows("EVENT", in: "shop"))
    #expect(grants.allows("EVENT", in: "shoe") && grants.allows("SELECT", in: "other"))
  }

  @Test func `a right on one table is none in the database`() {
    let grants = MySQLGrants([
      "GRANT SELECT (`x`), INSERT ON `a`.`T` TO `u`@`%`", "GRANT SELECT ON `a`.`s` TO `u`@`%`",
    ])
    #expect(grants.allows("INSERT", on: "t", in: "a") && grants.allows("SELECT", on: "s", in: "a"))
    #expect(!grants.allows("SELECT", on: "T", in: "a") && !grants.allows("SELECT", in: "a"))
    #expect(!grants.allows("SELECT", on: "s", in: "b"))
  }

  @Test func `what was taken away in one database is missing there`() {
    let grants = MySQLGrants([
      "GRANT SELECT, EVENT ON *.* TO `u`@`%`", "REVOKE SELECT ON `shop`.* FROM `u`@`%`",
    ])
    #expect(!grants.allows("SELECT", in: "shop") && grants.allows("EVENT", in: "shop"))
    #expect(grants.allows("SELECT", in: "other"))
  }

  @Test(arguments: [
    ("CREATE OR REPLACE ALGORITHM = MERGE VIEW v AS SELECT 1", ["CREATE VIEW"]),
    ("CREATE DEFINER = 'a'@'b' PROCEDURE p() SELECT 1", ["ALTER ROUTINE", "CREATE ROUTINE"]),
    ("DROP FUNCTION f", ["ALTER ROUTINE"]), ("CALL p(1)", ["EXECUTE"]),
    ("CREATE TEMPORARY TABLE t (a INT)", ["CREATE TEMPORARY TABLES"]),
    ("CREATE TABLE t (a INT)", []), ("INSERT INTO t VALUES (1)", []),
  ])
  func `a statement's own rights are known`(text: String, rights: [String]) throws {
    let statement = try #require(MySQLStatements.split(text).first)
    #expect(MySQLNeededRights.of(statement) == rights)
  }
}
