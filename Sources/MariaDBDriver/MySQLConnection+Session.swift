import WindlassCore
import WindlassSchema

extension MySQLConnection {
  /// Makes the session's settings, reads them back, and refuses a server on which nothing should be
  /// changed.
  func prepareSession() throws(StepFailure) {
    // Zero is "do not wait" on MariaDB; MySQL waits a second at least and is watched meanwhile.
    let wait = server.isMariaDB ? 0 : 1
    let first = try run(together: [
      SQLStatement(
        """
        SET SESSION lock_wait_timeout = \(wait), innodb_lock_wait_timeout = 1, autocommit = 1
        """), SQLStatement("SELECT CONNECTION_ID()"),
    ])
    // In a request of its own, which a proxy might hand to another session.
    let row = try rows(
      """
      SELECT @@session.lock_wait_timeout AS lock_wait,
        @@session.innodb_lock_wait_timeout AS row_wait, @@session.autocommit AS autocommit,
        @@session.character_set_client AS charset,
        DATABASE() AS db, CONNECTION_ID() AS id, @@global.read_only AS read_only,
        @@global.innodb_read_only AS engine_read_only, @@session.sql_mode AS mode
      """
    ).first
    guard let row else { throw refused("it does not tell them") }
    let settings: [(String, SQLValue)] = [
      ("lock_wait", .integer(Int64(wait))), ("row_wait", .integer(1)),
      ("autocommit", .integer(1)), ("charset", .text("utf8mb4")), ("db", .text(address.database)),
    ]
    for (name, expected) in settings where row[name] != expected {
      // Names of databases are folded where the file system folds them.
      if name == "db", row[name].text?.lowercased() == address.database.lowercased() { continue }
      throw refused("\(name) is \(row[name]) after it was set")
    }
    if row["mode"].text?.holds("NO_BACKSLASH_ESCAPES") == true {
      throw refused("its SQL mode has NO_BACKSLASH_ESCAPES, under which a file means another thing")
    }
    for name in ["read_only", "engine_read_only"] where !row[name].isOff {
      throw StepFailure(
        code: "DatabaseReadOnly", disposition: .stop,
        message: "The server of \(address.name) is read-only, as a replica is. Connect to the"
          + " primary server.")
    }
    try refusePooler(first[1].rows.first?.values.first?.integer, row["id"].integer)
  }

  /// Refuses a proxy that hands statements to changing connections: locks would stay behind.
  private func refusePooler(_ first: Int64?, _ second: Int64?) throws(StepFailure) {
    guard let first, first == second, first == Int64(clamping: id) else {
      throw StepFailure(
        code: "PoolerInTheWay", disposition: .stop,
        message: "Statements to \(address.name) reach changing sessions of the server, as behind a"
          + " pooling proxy, so that no lock could be relied on. Give Windlass the address of the"
          + " server itself.")
    }
  }

  /// What tells this server from another one.
  func serverIdentity() throws(StepFailure) -> String {
    let rows = try rows(
      """
      SHOW GLOBAL VARIABLES WHERE Variable_name IN
        ('server_uuid', 'server_uid', 'hostname', 'port', 'server_id', 'datadir')
      """)
    let values = Dictionary(
      rows.map { ($0.values.first?.text?.lowercased() ?? "", $0.values.last?.text ?? "") },
      uniquingKeysWith: { first, _ in first })
    if let id = values["server_uuid"] ?? values["server_uid"] { return id }
    return ["hostname", "port", "server_id", "datadir"].map { values[$0] ?? "" }
      .joined(separator: ":")
  }

  private func refused(_ reason: String) -> StepFailure {
    StepFailure(
      code: "SettingsRefused", disposition: .stop,
      message: "The session on \(address.name) can't be used: \(reason). A proxy may be in the"
        + " way; give Windlass the address of the server itself.")
  }
}

extension SQLValue {
  /// Whether a switch of the server is off.
  fileprivate var isOff: Bool {
    self == .integer(0) || self == .text("OFF") || self == .text("0") || self == .null
  }
}

extension MySQLConnection {
  /// Runs the body in one transaction; any failure rolls it back.
  func transaction<Result>(
    serializable: Bool = false, _ body: (MySQLConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    if serializable { try run("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE") }
    try run("START TRANSACTION")
    do throws(StepFailure) {
      let result = try body(self)
      try run("COMMIT")
      return result
    } catch {
      // A transaction on a lost connection is rolled back by the server, or was committed.
      if !isLost { _ = try? run("ROLLBACK") }
      throw error
    }
  }

  /// Runs the body in a read transaction: everything that it reads is of one moment.
  func snapshot<Result>(
    _ body: (MySQLConnection) throws(StepFailure) -> Result
  ) throws(StepFailure) -> Result {
    try run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    try run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    defer { if !isLost { _ = try? run("ROLLBACK") } }
    return try body(self)
  }
}
