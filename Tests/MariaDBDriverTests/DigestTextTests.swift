import Testing

@testable import MariaDBDriver

/// What becomes of texts of the performance schema.
struct DigestTextTests {
  private func cleaned(_ text: String) -> Result<String, DigestText.Omission> {
    DigestText.cleaned(text, ledger: "schema_migrations")
  }

  @Test(arguments: [
    (
      "SELECT `a` FROM `flags` WHERE `key` = ? AND `b` IN (...)",
      "SELECT `a` FROM `flags` WHERE `key` = ? AND `b` IN(?)"
    ),
    (
      "INSERT INTO `t` ( `a` , `b` , `c` ) VALUES (...)",
      "INSERT INTO `t` ( `a` , `b` , `c` ) VALUES(?, ?, ?)"
    ),
    (
      "INSERT INTO `t` ( `a` , `b` ) VALUES (...) /* , ... */",
      "INSERT INTO `t` ( `a` , `b` ) VALUES(?, ?)"
    ),
    (
      "INSERT INTO `t` ( `a` , `b` , `c` , `d` ) VALUES ( ?, ... , NOW ( ) )",
      "INSERT INTO `t` ( `a` , `b` , `c` , `d` ) VALUES( ?, ?, ? , NOW( ) )"
    ),
    (
      "INSERT INTO `t` ( `a` ) VALUES (?) ON DUPLICATE KEY UPDATE `a` = VALUES ( `a` )",
      "INSERT INTO `t` ( `a` ) VALUES(?) ON DUPLICATE KEY UPDATE `a` = VALUES( `a` )"
    ),
    ("SELECT COUNT ( * ) , NOW ( ) FROM `t`", "SELECT COUNT( * ) , NOW( ) FROM `t`"),
    (
      "SELECT `a` + INTERVAL ? SQL_TSI_DAY FROM `t` LIMIT ?, ...",
      "SELECT `a` + INTERVAL ? DAY FROM `t` LIMIT ?, ?"
    ),
    ("SELECT `d` - > ? , `d` ->> ? FROM `t`", "SELECT `d` - > '$' , `d` ->> '$' FROM `t`"),
    (
      "SELECT CAST ( `a` AS CHARACTER ) , CAST ( `a` AS DECIMAL (...) ) FROM `t`",
      "SELECT CAST( `a` AS CHARACTER ) , CAST( `a` AS DECIMAL ) FROM `t`"
    ),
    ("SELECT CONCAT (...) FROM `t`", "SELECT CONCAT(?, ?) FROM `t`"),
    ("SELECT `a` FROM `t` WHERE `d` > DATE ?", "SELECT `a` FROM `t` WHERE `d` > ?"),
    // What a client prepared, in its own words.
    (
      "SELECT a FROM flags WHERE b = 's3cret' AND c = 42 AND d = ? ORDER BY 1 -- ann",
      "SELECT a FROM flags WHERE b = ? AND c = ? AND d = ? ORDER BY 1"
    ),
    (
      #"UPDATE t SET a = "it\"s", b = x'00ff', c = _utf8mb4'x' WHERE id=?"#,
      "UPDATE t SET a = ?, b = ?, c = ? WHERE id=?"
    ),
  ])
  func `a statement is kept so that it can be prepared, without its values`(
    _ text: String, _ expected: String
  ) throws {
    #expect(try cleaned(text).get() == expected)
  }

  @Test(arguments: [
    ("CREATE USER `u` IDENTIFIED BY 's3cret'", DigestText.Omission.notAsked),
    ("SET `a` = ?", .notAsked), ("COMMIT", .notAsked), ("", .unreadable),
    ("SELECT 'cut off", .unreadable), ("SELECT /*!50000 'x' */ 1", .unreadable),
    ("SELECT `a` FROM `t` WHERE `b` IN ( ? , ? , ...", .cutOff),
    ("SELECT `a` , `b` ...", .cutOff),
    ("SELECT `epoch` FROM `windlass_fence`", .windlass),
    ("DELETE FROM `schema_migrations` LIMIT ?", .windlass),
    ("SELECT * FROM `information_schema` . `TABLES`", .catalogue),
  ])
  func `what is none of the service's is left out`(
    _ text: String, _ reason: DigestText.Omission
  ) {
    #expect(cleaned(text) == .failure(reason))
  }
}
