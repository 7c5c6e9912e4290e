/// What Windlass does in a database as one user, whose URL the configuration names.
package enum DatabaseRole: String, CaseIterable, Hashable, Sendable {
  /// Everything for which no user of its own is named; the service's own URL.
  case main
  /// Reads all of the database, and makes copies where no scratch server is named.
  case backup
  /// Changes the schema, the ledger and Windlass's own tables.
  case migrate
  /// Reads the ledger and Windlass's own tables, and sees sessions.
  case probe
  /// Makes, fills and drops copies.
  case scratch

  /// The field of the configuration that names the role's URL.
  package var field: String {
    switch self {
    case .main: "database.urlFrom"
    case .scratch: "proof.scratchURLFrom"
    case .backup, .migrate, .probe: "database.roles.\(rawValue)"
    }
  }

  /// The user for a person, behind an article.
  ///
  /// - Parameter role: nil for a URL from the command line.
  package static func words(user: String?, _ role: DatabaseRole?) -> String {
    let name = user.map { "user \($0)" } ?? "user"
    return "\(name) of \(role.map { "`\($0.field)`" } ?? "the database URL")"
  }
}
