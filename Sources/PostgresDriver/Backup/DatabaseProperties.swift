import WindlassCore
import WindlassSchema

/// What belongs to a database and lies outside it, so that no archive holds it: it has to be
/// carried over to a database that takes another one's place.
struct DatabaseProperties: Hashable, Sendable {
  /// The ends of `ALTER DATABASE name …`.
  var alterations: [String] = []
  /// What comes before and after `ON DATABASE name`.
  var privileges: [(before: String, after: String)] = []
  /// What comes before and after `IN DATABASE name`, for settings of single roles.
  var roleSettings: [(before: String, after: String)] = []

  /// The statements that give another database the same properties.
  func statements(for name: String) -> [String] {
    alterations.map { "ALTER DATABASE \(name) \($0)" }
      + privileges.map { "\($0.before) ON DATABASE \(name) \($0.after)" }
      + roleSettings.map { "\($0.before) IN DATABASE \(name) \($0.after)" }
  }

  static func == (left: DatabaseProperties, right: DatabaseProperties) -> Bool {
    left.statements(for: "d") == right.statements(for: "d")
  }

  func hash(into hasher: inout Hasher) { hasher.combine(statements(for: "d")) }
}

extension PostgresConnection {
  /// Reads the properties of this database.
  func databaseProperties() throws(StepFailure) -> DatabaseProperties {
    var properties = DatabaseProperties()
    let rows = try rows(
      """
      SELECT quote_ident(r.rolname), r.rolname = current_user, d.datconnlimit, d.datacl IS NULL
      FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
      WHERE d.datname = current_database()
      """, limit: 1)
    guard let row = rows.first else { return properties }
    if row.values[1] != .integer(1) {
      properties.alterations.append("OWNER TO \(row.values[0].text ?? "")")
    }
    if let limit = row.values[2].integer, limit >= 0 {
      properties.alterations.append("CONNECTION LIMIT \(limit)")
    }
    if row.values[3] != .integer(1) { properties.privileges = try grants() }
    properties.alterations.append("RESET ALL")
    properties.alterations += try databaseModel().settings.map { "SET \($0)" }
    properties.roleSettings = try roleSettings()
    return properties
  }

  private func grants() throws(StepFailure) -> [(before: String, after: String)] {
    let rows = try rows(
      """
      SELECT a.privilege_type,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(g.rolname) END, a.is_grantable
      FROM pg_catalog.pg_database d, aclexplode(d.datacl) a
      LEFT JOIN pg_catalog.pg_roles g ON g.oid = a.grantee
      WHERE d.datname = current_database() AND a.grantee <> d.datdba ORDER BY 2, 1
      """)
    return [("REVOKE ALL", "FROM PUBLIC")]
      + rows.map { row in
        (
          "GRANT \(row.values[0].text ?? "")",
          "TO \(row.values[1].text ?? "")"
            + (row.values[2] == .integer(1) ? " WITH GRANT OPTION" : "")
        )
      }
  }

  private func roleSettings() throws(StepFailure) -> [(before: String, after: String)] {
    let rows = try rows(
      """
      SELECT quote_ident(r.rolname), unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s
      JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
      JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
      WHERE d.datname = current_database() ORDER BY 1, 2
      """)
    return rows.compactMap { row in
      DatabaseModel.setting(row.values[1].text ?? "").map {
        ("ALTER ROLE \(row.values[0].text ?? "")", "SET \($0)")
      }
    }
  }
}
