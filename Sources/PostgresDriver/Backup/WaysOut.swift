import WindlassCore
import WindlassSchema

/// What would reach out of a scratch copy: the server itself works for the copy's sessions, and its
/// network is not cut off.
enum WaysOut {
  /// Extensions whose functions reach other servers, files, or jobs of their own.
  private static let extensions: Set<String> = [
    "adminpack", "aws_s3", "dblink", "file_fdw", "http", "mysql_fdw", "oracle_fdw", "pg_cron",
    "pg_net", "pglogical", "plperlu", "plpython3u", "plsh", "pltclu", "postgres_fdw", "tds_fdw",
  ]

  /// Functions that do the same by name.
  private static let functions: Set<String> = [
    "dblink", "dblink_connect", "dblink_connect_u", "dblink_exec", "dblink_open",
    "dblink_send_query", "http_get", "http_post", "lo_export", "lo_import",
    "pg_read_file", "pg_reload_conf", "pg_terminate_backend",
  ]

  /// Fails for a copy whose own objects lead out of it.
  static func refuse(in copy: PostgresURL) throws(StepFailure) {
    let connection = try PostgresConnection(ScratchServer.patient(copy, "windlass/rehearsal"))
    let servers = try connection.rows("SELECT srvname FROM pg_catalog.pg_foreign_server ORDER BY 1")
      .compactMap(\.values.first?.text).map { "the foreign server \($0)" }
    let reaching = try connection.rows("SELECT extname FROM pg_catalog.pg_extension ORDER BY 1")
      .compactMap(\.values.first?.text).filter(extensions.contains)
      .map { "the extension \($0)" }
    guard let way = (servers + reaching).first else { return }
    throw StepFailure(
      code: "ScratchNotContained", disposition: .stop,
      message: "The copy for the rehearsal was dropped again: \(way) lets a rehearsed server reach"
        + " out of it, also to the real database. Windlass can't contain that; take it out of the"
        + " database, or rehearse by hand on a server that can reach nothing.")
  }

  /// Fails for a migration whose text leads out of the database.
  static func refuse(in body: MigrationBody) throws(StepFailure) {
    let statements: [PostgresStatement]
    do throws(SQLTokenError) {
      statements = try PostgresStatement.split(body.text)
    } catch {
      // A text that can't be cut is refused by the classifier before this.
      return
    }
    for statement in statements {
      guard let way = way(in: statement) else { continue }
      throw StepFailure(
        code: "ScratchNotContained", disposition: .stop,
        message: "\(body.file):\(statement.tokens[0].line): \(way) reaches out of the database, so"
          + " that no copy can show what it does. Do it by hand before the upgrade.")
    }
  }

  private static func way(in statement: PostgresStatement) -> String? {
    let tokens = statement.tokens
    let first = tokens[0].text.uppercased()
    if first == "LOAD" { return first }
    if tokens.count > 1, ["CREATE", "ALTER", "DROP"].contains(first) {
      let kind = tokens[1].text.uppercased()
      if ["ROLE", "USER", "GROUP", "SERVER", "FOREIGN", "PUBLICATION"].contains(kind) {
        return "\(first) \(kind)"
      }
      if kind == "EXTENSION",
        let name = tokens.map({ $0.text.lowercased() }).first(
          where: extensions.contains)
      {
        return "\(first) EXTENSION \(name)"
      }
    }
    let names = tokens.filter { $0.kind == .word || $0.kind == .quotedName }
    return names.map { $0.text.lowercased() }.first(where: functions.contains)
  }
}
