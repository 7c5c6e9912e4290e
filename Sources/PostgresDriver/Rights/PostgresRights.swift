import WindlassCore
import WindlassSchema

/// What the user of a session may do, held against what its role needs.
///
/// Each check throws `PrivilegeMissing` with the statement that gives the first right that is
/// missing. Nothing is changed by any of them.
struct PostgresRights {
  let connection: PostgresConnection
  /// The user that the server judges by: that of the URL, or the role that it was given by
  /// `ALTER ROLE … SET role`.
  private let user: String
  private let makesDatabases: Bool
  private let seesSessions: Bool

  /// Asks the server who the user is.
  init(_ connection: PostgresConnection) throws(StepFailure) {
    self.connection = connection
    guard connection.dialect == .postgres else {
      user = try connection.scalar("SELECT current_user::text").text ?? ""
      // Of these rights CockroachDB has others, which it tells when they are missing.
      (makesDatabases, seesSessions) = (true, true)
      return
    }
    let row = try connection.rows(
      """
      SELECT current_user::text, rolsuper OR rolcreatedb,
        pg_has_role('pg_read_all_stats', 'USAGE')
      FROM pg_catalog.pg_roles WHERE rolname = current_user
      """, limit: 1
    ).first
    guard let row else { throw connection.pooled() }
    user = row.values[0].text ?? ""
    makesDatabases = row.values[1] == .integer(1)
    seesSessions = row.values[2] == .integer(1)
  }

  private var grantee: String { user.nameInStatements }

  private func missing(_ deed: String, _ remedy: String) -> StepFailure {
    MissingRight(user: user, role: connection.role, deed: deed, remedy: remedy)
      .failure(on: connection.place)
  }

  /// The user must see what other users' sessions do, or long transactions are not found.
  func requireSeeingSessions() throws(StepFailure) {
    guard !seesSessions else { return }
    throw missing("see other users' sessions", "GRANT pg_read_all_stats TO \(grantee)")
  }

  /// The user must be able to make databases.
  func requireMakingDatabases() throws(StepFailure) {
    guard !makesDatabases else { return }
    throw missing("make a scratch database", "ALTER ROLE \(grantee) CREATEDB")
  }

  // MARK: Backups

  /// The user must be able to read every row of the database, or a backup fails half way, or misses
  /// what row level security hides.
  func requireReadingAll() throws(StepFailure) {
    try requireReadingTables()
    if let table = try first(
      """
      SELECT format('%I.%I', n.nspname, c.relname)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND pg_catalog.row_security_active(c.oid)
        AND \(Self.isService) ORDER BY 1
      """)
    {
      throw missing(
        "read the rows of \(table) that its row level security hides",
        "ALTER ROLE \(grantee) BYPASSRLS")
    }
    let isReadable =
      connection.serverVersion >= 180_000
      ? "pg_catalog.has_largeobject_privilege(m.oid, 'SELECT')"
      : """
      pg_catalog.pg_has_role(m.lomowner, 'USAGE') OR EXISTS (
        SELECT FROM pg_catalog.aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT'
          AND CASE a.grantee WHEN 0 THEN true ELSE pg_catalog.pg_has_role(a.grantee, 'USAGE') END)
      """
    if let object = try first(
      """
      SELECT m.oid::text FROM pg_catalog.pg_largeobject_metadata m
      WHERE NOT (\(isReadable)) ORDER BY m.oid
      """)
    {
      throw missing(
        "read large object \(object)", "GRANT SELECT ON LARGE OBJECT \(object) TO \(grantee)")
    }
  }

  private func requireReadingTables() throws(StepFailure) {
    let row = try connection.rows(
      """
      SELECT format('%I.%I', n.nspname, c.relname), quote_ident(n.nspname), c.relkind = 'S',
        pg_catalog.has_schema_privilege(n.oid, 'USAGE')
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't' AND \(Self.isService)
        AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE')
          AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))
      ORDER BY 1 LIMIT 1
      """, limit: 1
    ).first
    guard let row, let name = row.values[0].text, let schema = row.values[1].text else { return }
    let isSequence = row.values[2] == .integer(1)
    let deed = "read \(isSequence ? "sequence" : "table") \(name)"
    guard connection.serverVersion < 140_000 else {
      throw missing(deed, "GRANT pg_read_all_data TO \(grantee)")
    }
    guard row.values[3] == .integer(1) else {
      throw missing(deed, "GRANT USAGE ON SCHEMA \(schema) TO \(grantee)")
    }
    throw missing(deed, "GRANT SELECT ON \(isSequence ? "SEQUENCE " : "")\(name) TO \(grantee)")
  }

  // MARK: Reading the ledger

  /// The user must be able to read the ledger and Windlass's own tables.
  func requireReading(_ place: LedgerPlace) throws(StepFailure) {
    try requireRights(["SELECT"], like: "windlass\\_%", place)
    try requireRights(["SELECT"], like: place.table.likePattern, place)
  }

  // MARK: Migrating

  /// The user must act as the role that it was given, and what it makes must belong to the owner of
  /// what is there, or the service could not use it.
  func requireOwnership(_ place: LedgerPlace) throws(StepFailure) {
    guard connection.dialect == .postgres else { return }
    try requireActing()
    // A single user for everything owns its tables, or is let by its own arrangement.
    guard connection.role == .migrate else { return }
    let owners = try connection.rows(
      """
      SELECT quote_ident(r.rolname), quote_literal(r.rolname), r.rolname = current_user,
        pg_catalog.pg_has_role(r.oid, 'USAGE')
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
      WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relname NOT LIKE 'windlass\\_%'
      GROUP BY r.oid, r.rolname ORDER BY count(*) DESC, 1
      """, [.text(place.schema)])
    guard let owner = owners.first, !owners.contains(where: { $0.values[2] == .integer(1) }) else {
      return
    }
    let (name, literal) = (owner.values[0].text ?? "", owner.values[1].text ?? "")
    guard owner.values[3] == .integer(1) else {
      throw missing("act as \(name), who owns the tables", "GRANT \(name) TO \(grantee)")
    }
    throw missing(
      "make what belongs to \(name), who owns the tables",
      "ALTER ROLE \(grantee) SET role = \(literal)")
  }

  /// The user must act as the role that `ALTER ROLE … SET role` gave it: where it may not, the
  /// server goes on without.
  private func requireActing() throws(StepFailure) {
    let given = try first(
      """
      SELECT substr(c.text, 6) FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS c (text)
      WHERE s.setrole = session_user::regrole AND c.text LIKE 'role=%'
        AND substr(c.text, 6) NOT IN ('none', current_user)
        AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database
          WHERE datname = current_database())) ORDER BY s.setdatabase DESC
      """)
    if let owner = given?.nameInStatements {
      throw missing("act as \(owner)", "GRANT \(owner) TO \(grantee)")
    }
  }

  /// The user must be able to write the ledger and Windlass's own tables, and to make those that
  /// are missing.
  func requireWriting(_ own: PostgresOwnSchema) throws(StepFailure) {
    let place = own.place
    try requireOwnership(place)
    if !own.isComplete {
      let mayCreate = try connection.scalar(
        "SELECT pg_catalog.has_schema_privilege($1::text, 'CREATE')", [.text(place.schema)])
      guard mayCreate == .integer(1) else {
        throw missing(
          "make tables in schema \(place.schema)",
          "GRANT CREATE ON SCHEMA \(place.schema.nameInStatements) TO \(grantee)")
      }
    }
    let rights = ["SELECT", "INSERT", "UPDATE", "DELETE"]
    try requireRights(rights, like: "windlass\\_%", place)
    try requireRights(["SELECT", "INSERT", "DELETE"], like: place.table.likePattern, place)
  }

  /// The user must own the tables that the statements change, and may write those whose rows they
  /// change.
  func requireChanging(
    by statements: [PostgresStatement], _ place: LedgerPlace
  ) throws(StepFailure) {
    var owned: Set<String> = []
    var written: [String: Set<String>] = [:]
    for statement in statements {
      let verb = statement.tokens[0].text.uppercased()
      switch verb {
      case "ALTER", "DROP", "CREATE", "REINDEX", "CLUSTER": owned.formUnion(statement.relationNames)
      case "INSERT", "UPDATE", "DELETE", "TRUNCATE":
        for name in statement.relationNames { written[name, default: []].insert(verb) }
      default: break
      }
    }
    for row in try connection.rows(
      """
      SELECT c.relname::text, format('%I.%I', n.nspname, c.relname), quote_ident(r.rolname),
        pg_catalog.has_table_privilege(c.oid, 'INSERT'),
        pg_catalog.has_table_privilege(c.oid, 'UPDATE'),
        pg_catalog.has_table_privilege(c.oid, 'DELETE'),
        pg_catalog.has_table_privilege(c.oid, 'TRUNCATE')
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
      WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
        AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE') ORDER BY 1
      """, [.text(place.schema)])
    {
      let (name, whole) = (row.values[0].text ?? "", row.values[1].text ?? "")
      let owner = row.values[2].text ?? ""
      if owned.contains(name) {
        throw missing(
          "change \(whole), which belongs to \(owner)", "GRANT \(owner) TO \(grantee)")
      }
      let verbs = ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]
      for (verb, isAllowed) in zip(verbs, row.values.dropFirst(3))
      where isAllowed != .integer(1) && written[name]?.contains(verb) == true {
        throw missing("change rows of \(whole)", "GRANT \(verb) ON \(whole) TO \(grantee)")
      }
    }
  }

  /// Fails for the first right on a table of the ledger's schema that is missing.
  private func requireRights(
    _ rights: [String], like pattern: String, _ place: LedgerPlace
  ) throws(StepFailure) {
    let row = try connection.rows(
      """
      SELECT p.name, format('%I.%I', n.nspname, c.relname)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
        unnest('{\(rights.joined(separator: ","))}'::text[]) AS p (name)
      WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND c.relname LIKE $2
        AND NOT pg_catalog.has_table_privilege(c.oid, p.name) ORDER BY 2, 1 LIMIT 1
      """, [.text(place.schema), .text(pattern)], limit: 1
    ).first
    guard let row, let right = row.values[0].text, let table = row.values[1].text else { return }
    let deed = right == "SELECT" ? "read \(table)" : "write \(table)"
    throw missing(deed, "GRANT \(right) ON \(table) TO \(grantee)")
  }

  private static let isService =
    "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"

  private func first(_ query: String) throws(StepFailure) -> String? {
    try connection.rows(query + " LIMIT 1", limit: 1).first?.values[0].text
  }
}

extension PostgresRights {
  /// The failure of a session in whose search path there is no schema: one that the user may not
  /// use is left out of it without a word.
  static func noSchema(on connection: PostgresConnection) throws(StepFailure) -> StepFailure {
    if connection.dialect == .postgres {
      let rights = try PostgresRights(connection)
      try rights.requireActing()
      if connection.role == .backup { try rights.requireReadingAll() }
      let hidden = try rights.first(
        """
        SELECT quote_ident(n.nspname) FROM pg_catalog.pg_namespace n
        WHERE n.nspname = ANY (string_to_array(translate(
            replace(current_setting('search_path'), '$user', current_user), '" ', ''), ','))
          AND NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
        """)
      if let hidden {
        return rights.missing(
          "use schema \(hidden)", "GRANT USAGE ON SCHEMA \(hidden) TO \(rights.grantee)")
      }
    }
    return StepFailure(
      code: "NoSchema", disposition: .stop,
      message: "The search path of \(connection.place) names no schema that exists. Make the"
        + " schema, or set search_path in the database URL.")
  }
}

extension String {
  /// The name as a person writes it in a statement: in quotes only where it needs them.
  var nameInStatements: String {
    let isPlain =
      first.map { $0.isLetter || $0 == "_" } == true
      && utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x61...0x7A, UInt8(ascii: "_"): true
        default: false
        }
      }
    return isPlain ? self : quotedName
  }

  /// A pattern of LIKE that matches this text alone.
  fileprivate var likePattern: String {
    reduce(into: "") { text, sign in
      if "\\%_".contains(sign) { text.append("\\") }
      text.append(sign)
    }
  }
}
