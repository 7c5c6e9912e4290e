import WindlassCore
import WindlassSchema

/// What the server has set for the service's own user, which a rehearsed server that works as
/// another user would lack: its time limits, its search path, and whom `"$user"` means there.
struct ServiceSettings {
  private let options: PostgresBackupOptions

  init(_ options: PostgresBackupOptions) { self.options = options }

  /// The URL of a copy with what the service's user has; the URL itself where that user makes the
  /// copies.
  func applied(to copy: PostgresURL) throws(StepFailure) -> PostgresURL {
    guard let service = options.service, let user = service.user, user != copy.user else {
      return copy
    }
    var given = try settings(of: user)
    let path = given.last { $0.name == "search_path" }?.value ?? "\"$user\", public"
    given.removeAll { $0.name == "search_path" }
    given.append(("search_path", path.naming(user: user)))
    return copy.withSettings(of: service, as: user, given: given)
  }

  /// Makes a copy's database have what the service's user has, for servers that are told its URL by
  /// somebody else.
  func settle(in name: String, of server: ScratchServer) throws(StepFailure) {
    guard let service = options.service, let user = service.user, user != server.url.user else {
      return
    }
    try server.withMaintenance { connection throws(StepFailure) in
      for (setting, value) in try settings(of: user) {
        let given = setting == "search_path" ? value.naming(user: user) : value
        guard let clause = DatabaseModel.setting("\(setting)=\(given)") else { continue }
        try connection.run(script: "ALTER DATABASE \(name) SET \(clause)")
      }
    }
  }

  /// The settings of a user, those for every database before those for this one, as far as any user
  /// may make them.
  private func settings(
    of user: String
  ) throws(StepFailure) -> [(name: String, value: String)] {
    let connection = try PostgresConnection(
      ScratchServer.patient(options.url, "windlass/rehearsal"))
    // The database's own go with every copy; its search path is read to be adapted.
    let rows = try connection.rows(
      """
      SELECT split_part(c.text, '=', 1), substr(c.text, strpos(c.text, '=') + 1)
      FROM pg_catalog.pg_db_role_setting s
      LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) AS c (text)
      WHERE (r.rolname = $1 AND EXISTS (SELECT FROM pg_catalog.pg_settings g
          WHERE g.name = split_part(c.text, '=', 1) AND g.context = 'user')
        OR s.setrole = 0 AND c.text LIKE 'search_path=%')
        AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database
          WHERE datname = current_database()))
      ORDER BY s.setrole <> 0, s.setdatabase
      """, [.text(user)])
    return rows.map { ($0.values[0].text ?? "", $0.values[1].text ?? "") }
  }
}

extension String {
  /// The search path with a user's name for the word that stands for whoever is logged in.
  func naming(user: String) -> String {
    split(separator: "\"$user\"", omittingEmptySubsequences: false)
      .joined(separator: user.quotedName)
  }
}
