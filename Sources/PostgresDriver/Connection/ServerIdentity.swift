import WindlassCore
import WindlassSchema

/// What tells one server and database from another.
package struct ServerIdentity: Hashable, Sendable {
  /// The number that the server's data directory got when it was made; empty where the user may
  /// not read it.
  package var system = ""
  /// The database's name as the server says it.
  package var database = ""
  /// The schema in which a name without one is made; nil when the search path names none.
  package var schema: String?
  /// CockroachDB's version, such as 25 and 2; empty on PostgreSQL.
  package var release: [Int] = []
}

extension PostgresConnection {
  /// Brings the session's limits to the options' values, reads them back, and reads who the server
  /// is; refuses one that no migration may run on.
  func configure(_ options: PostgresOptions) throws(StepFailure) -> ServerIdentity {
    var settings = [
      ("lock_timeout", options.lockTimeout), ("statement_timeout", options.statementTimeout),
      ("idle_in_transaction_session_timeout", options.idleTimeout),
    ]
    // Without it a server goes on with the statement of a client that is gone.
    if serverVersion >= 140_000 {
      settings.append(("client_connection_check_interval", Bounds.connectionCheckInterval))
    }
    var setting = "SELECT pg_backend_pid()"
    var reading = setting
    for (name, limit) in settings {
      setting += ", set_config('\(name)', '\(limit.milliseconds)', false)"
      reading +=
        ", current_setting('\(name)')::interval = interval '\(limit.milliseconds) milliseconds'"
    }
    try execute(setting)
    // In a round trip of its own: behind a pooler this one may reach another server process. The
    // server writes a limit with its unit, and reads what it wrote.
    let answers = try pipeline([SQLStatement(reading), Self.identity])
    guard let values = answers[0].first?.values, values.count == 1 + settings.count,
      values[0] == .integer(Int64(process)), let row = answers[1].first
    else { throw pooled() }
    for (setting, isKept) in zip(settings, values.dropFirst()) where isKept != .integer(1) {
      throw StepFailure(
        code: "SettingRefused", disposition: .stop,
        message: "\(place) did not keep \(setting.0) = \(setting.1), without which a migration"
          + " could stall the service. Connect to the server itself, not through a pooler.")
    }
    return try identify(row, options)
  }

  private static let identity = SQLStatement(
    """
    SELECT pg_is_in_recovery(), current_database(), current_schema(),
      CASE WHEN has_function_privilege('pg_control_system()', 'EXECUTE')
        THEN (SELECT system_identifier::text FROM pg_control_system()) ELSE '' END, version()
    """)

  /// Refuses a server that no migration may run on.
  private func identify(
    _ row: SQLRow, _ options: PostgresOptions
  ) throws(StepFailure) -> ServerIdentity {
    if let failure = otherEngine(row.values[4].text ?? "") { throw failure }
    guard row.values[0] == .integer(0) else {
      throw StepFailure(
        code: "StandbyServer", disposition: .wait,
        message: "\(place) is a standby, which takes no writes. Name the primary in the database"
          + " URL, or add target_session_attrs=read-write and all hosts.")
    }
    let identity = ServerIdentity(
      system: row.values[3].text ?? "", database: row.values[1].text ?? "",
      schema: row.values[2].text)
    try require(identity, options)
    return identity
  }

  /// Fails for another server than the one that is expected.
  func require(_ identity: ServerIdentity, _ options: PostgresOptions) throws(StepFailure) {
    guard let expected = options.expectedSystem, expected != identity.system else { return }
    throw StepFailure(
      code: "OtherServer", disposition: .stop,
      message: "\(place) is another server than the one that the run began with: its system"
        + " identifier is \(identity.system) and was \(expected). Look where the name points.")
  }

  /// The failure of a session that was set up in vain because the server is not the URL's engine;
  /// nil where it is that one, or says nothing any more.
  func otherEngine() throws(StepFailure) -> StepFailure? {
    guard isAlive, !isInTransaction else { return nil }
    return otherEngine(try scalar("SELECT version()").text ?? "")
  }

  /// The failure for a server that calls itself something else than the URL does.
  func otherEngine(_ version: String) -> StepFailure? {
    let found: PostgresDialect = version.hasPrefix("CockroachDB") ? .cockroachdb : .postgres
    guard found != dialect, !version.isEmpty else { return nil }
    return StepFailure(
      code: "OtherEngine", disposition: .stop,
      message: "The database URL says \(dialect.name), and at \(place) answers"
        + " \(found.name): \(version.prefix(60)). Write \(found.engine):// in the URL if that is"
        + " the database that is meant.")
  }

  /// The failure of a session that is not one server process's own.
  func pooled() -> StepFailure {
    StepFailure(
      code: "PoolerRefused", disposition: .stop,
      message: "Between here and \(place) stands a connection pooler, which gives one session"
        + " several server processes: locks and limits would not hold. Name the server's own"
        + " address in the database URL.")
  }
}
