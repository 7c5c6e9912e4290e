import WindlassCore
import WindlassSchema

/// What the user of a session may do, held against what its role needs.
///
/// Each check throws `PrivilegeMissing` with the statement that gives the first right that is
/// missing. Nothing is changed by any of them.
struct MySQLRights {
  let connection: MySQLConnection
  private let grants: MySQLGrants
  /// The account by which the server judges, such as `shop_backup@%`.
  private let account: String

  /// Asks the server for the rights of the user, and of the roles that are switched on.
  init(_ connection: MySQLConnection) throws(StepFailure) {
    self.connection = connection
    account = try connection.scalar("SELECT CURRENT_USER()").text ?? ""
    var lines = try Self.lines("SHOW GRANTS", connection)
    if connection.server.isMariaDB {
      let roles = try connection.rows(
        "SELECT ROLE_NAME AS name FROM information_schema.ENABLED_ROLES WHERE ROLE_NAME IS NOT NULL"
      ).map { $0.text("name") }
      for role in roles {
        lines += try Self.lines("SHOW GRANTS FOR \(MySQLText.quoted(role))", connection)
      }
    } else if connection.server.isAtLeast(8, 0),
      let roles = try connection.scalar("SELECT CURRENT_ROLE()").text, roles != "NONE"
    {
      lines += try Self.lines("SHOW GRANTS FOR CURRENT_USER() USING \(roles)", connection)
    }
    grants = MySQLGrants(lines)
  }

  private static func lines(
    _ query: String, _ connection: MySQLConnection
  ) throws(StepFailure) -> [String] {
    try connection.rows(query).compactMap { $0.values.first?.text }
  }

  private var database: String { connection.address.database }

  /// The account as a statement writes it.
  private var grantee: String {
    let parts = account.split(separator: "@", omittingEmptySubsequences: false)
    let (user, host) = (parts.dropLast().joined(separator: "@"), parts.last ?? "%")
    return "'\(user)'@'\(host)'"
  }

  private func missing(_ deed: String, _ remedy: String) -> StepFailure {
    MissingRight(
      user: account, role: connection.address.role, deed: deed, remedy: remedy
    ).failure(on: connection.address.name)
  }

  private func requireOnServer(_ right: String, _ deed: String) throws(StepFailure) {
    guard grants.allows(right) else {
      throw missing(deed, "GRANT \(right) ON *.* TO \(grantee)")
    }
  }

  private func require(_ right: String, _ deed: String) throws(StepFailure) {
    guard grants.allows(right, in: database) else {
      throw missing(
        deed, "GRANT \(right) ON \(MySQLText.quoted(pattern(database))).* TO \(grantee)")
    }
  }

  /// The name in a grant, where `_` and `%` are wildcards.
  private func pattern(_ name: String) -> String {
    name.map { $0 == "_" || $0 == "%" ? "\\\($0)" : String($0) }.joined()
  }

  /// The user must see what other users' sessions do, or long transactions are not found.
  func requireSeeingSessions() throws(StepFailure) {
    try requireOnServer("PROCESS", "see other users' sessions")
  }

  // MARK: Backups

  /// The user must see and read all of the database: the server leaves out of a dump what the user
  /// has no right to, and says nothing.
  func requireReadingAll() throws(StepFailure) {
    let locks = ["RELOAD", "FLUSH_TABLES"]
    guard locks.contains(where: grants.allows) else {
      throw missing(
        "keep writers out for the moment in which counts and dump begin",
        "GRANT RELOAD ON *.* TO \(grantee)")
    }
    try requireSeeingAll()
  }

  /// The user must see every object of the database, with its definition.
  func requireSeeingAll() throws(StepFailure) {
    try require("SELECT", "read every table")
    try require("SHOW VIEW", "read the definitions of views")
    try require("TRIGGER", "see triggers")
    try require("EVENT", "see events")
    try requireSeeingRoutines()
  }

  private func requireSeeingRoutines() throws(StepFailure) {
    if grants.allows("SELECT") { return }
    let server = connection.server
    if !server.isMariaDB, server.isAtLeast(8, 0) {
      return try requireOnServer("SHOW_ROUTINE", "see routines")
    }
    if server.isMariaDB, grants.allows("SHOW CREATE ROUTINE", in: database) { return }
    guard grants.allows("SELECT", on: "proc", in: "mysql") else {
      throw missing("see routines", "GRANT SELECT ON mysql.proc TO \(grantee)")
    }
  }

  /// The user must be able to do everything in databases of copies, and to make the users of
  /// rehearsed servers.
  func requireCopying(to sample: String) throws(StepFailure) {
    let rights =
      MySQLNeededRights.base + [
        "CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE", "LOCK TABLES",
        "CREATE TEMPORARY TABLES",
      ]
    guard rights.allSatisfy({ grants.allows($0, in: sample) }), grants.mayGrant(in: sample) else {
      throw missing(
        "make, fill and give away databases of copies",
        "GRANT ALL PRIVILEGES ON `windlass\\_scratch\\_%`.* TO \(grantee) WITH GRANT OPTION")
    }
    try requireOnServer("CREATE USER", "make the user of a rehearsed server")
  }

  // MARK: Reading the ledger

  /// The user must be able to read the ledger and Windlass's own tables, and to see that there are
  /// others: without that right a full database looks like an empty one.
  func requireReading(_ tables: Set<String>) throws(StepFailure) {
    guard !grants.allows("SELECT", in: database) else { return }
    try require("SHOW VIEW", "see which tables there are")
    for table in tables.sorted() where !grants.allows("SELECT", on: table, in: database) {
      throw missing(
        "read table \(table)",
        "GRANT SELECT ON \(MySQLText.quoted(database)).\(MySQLText.quoted(table)) TO \(grantee)")
    }
  }

  // MARK: Migrating

  /// The user must have the rights that every migration needs, and see who would be in its way.
  func requireMigrating() throws(StepFailure) {
    for right in MySQLNeededRights.base { try require(right, Self.deed(of: right)) }
    try requireSeeingRoutines()
  }

  /// The user must have the rights that the file needs beyond those.
  func requireMigrating(_ text: String) throws(StepFailure) {
    // A text that can't be cut is refused when it is read.
    for statement in (try? MySQLStatements.split(text)) ?? [] {
      for right in MySQLNeededRights.of(statement) {
        try require(right, "do what line \(statement.line) of a migration does")
      }
    }
  }

  private static func deed(of right: String) -> String {
    switch right {
    case "SHOW VIEW": "read the definitions of views"
    case "TRIGGER": "see and make triggers"
    case "EVENT": "see and make events"
    default: "use \(right) in a migration"
    }
  }
}
