/// The rights that a statement of a migration needs in its database on MySQL and MariaDB, beyond
/// those that every migration needs.
package enum MySQLNeededRights {
  /// What every migration needs for the ledger, Windlass's tables and the service's, and to see
  /// everything whose change would be drift.
  package static let base = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX", "REFERENCES",
    "SHOW VIEW", "TRIGGER", "EVENT",
  ]

  /// The rights that the statement's first words ask for, sorted; most need none.
  package static func of(_ statement: MySQLStatement) -> [String] {
    let words = statement.tokens.prefix(12).map { $0.text.uppercased() }
    guard let verb = words.first else { return [] }
    // Behind OR REPLACE, DEFINER = …, ALGORITHM = … and the like is what the statement is about.
    let kinds = ["VIEW", "PROCEDURE", "FUNCTION", "PACKAGE", "TEMPORARY"]
    let kind = words.dropFirst().first(where: kinds.contains)
    return switch (verb, kind) {
    case ("CREATE", "VIEW"), ("ALTER", "VIEW"): ["CREATE VIEW"]
    case ("CREATE", "PROCEDURE"), ("CREATE", "FUNCTION"), ("CREATE", "PACKAGE"):
      ["ALTER ROUTINE", "CREATE ROUTINE"]
    case ("ALTER", "PROCEDURE"), ("ALTER", "FUNCTION"), ("DROP", "PROCEDURE"),
      ("DROP", "FUNCTION"), ("DROP", "PACKAGE"):
      ["ALTER ROUTINE"]
    case ("CREATE", "TEMPORARY"), ("DROP", "TEMPORARY"): ["CREATE TEMPORARY TABLES"]
    case ("CALL", _): ["EXECUTE"]
    case ("LOCK", _): ["LOCK TABLES"]
    default: []
    }
  }
}
