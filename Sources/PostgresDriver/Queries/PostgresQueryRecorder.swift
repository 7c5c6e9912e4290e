package import WindlassCore
package import WindlassSchema

/// Reads what a PostgreSQL server was asked from its `pg_stat_statements`.
package actor PostgresQueryRecorder: QueryRecorder {
  private let executor: BlockingExecutor
  private let options: PostgresServiceOptions

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes a recorder; nothing is connected yet.
  package init(_ options: PostgresServiceOptions) {
    self.options = options
    executor = BlockingExecutor(label: "windlass.postgres-queries")
  }

  package func record(of user: String?) async throws(StepFailure) -> QueryRecord {
    let connection = try options.connectToRead(for: "queries")
    guard connection.dialect == .postgres else {
      throw Self.notCounted(
        connection, "Windlass does not read the statistics of CockroachDB.",
        "Write the file by hand, or from what the service's own tests ask.")
    }
    guard let counter = try counter(beside: connection) else {
      throw Self.withoutExtension(connection, "it is not there")
    }
    if let user, try connection.scalar("SELECT to_regrole($1)", [.text(user.quotedName)]) == .null {
      throw StepFailure(
        code: "BadArgument", disposition: .stop,
        message: "\(connection.place) has no user \(user). Name the one that the service logs in"
          + " as.")
    }
    var collection = Collection(ledger: options.ledger.table)
    for row in try counter.statements(of: user, in: connection.scalar("SELECT current_database()"))
    {
      collection.take(row)
    }
    let path = try connection.scalar(
      "SELECT reset_val FROM pg_settings WHERE name = 'search_path'"
    ).text
    let session = try connection.scalar("SELECT session_user").text
    var record = collection.record
    if let path, let service = user ?? session {
      record.recorded.settings["search_path"] = path.naming(user: service)
    }
    if let lost = try counter.dropped(), lost > 0 {
      record.remarks.append(
        "The server has dropped statements \(lost) times for want of room, so that some are"
          + " missing: raise pg_stat_statements.max.")
    }
    return record
  }

  /// Where the extension is: in the database itself, or in `postgres`, from where it tells of every
  /// database of the server.
  private func counter(
    beside connection: PostgresConnection
  ) throws(StepFailure) -> StatementCounter? {
    if let own = try StatementCounter(on: connection) { return own }
    var elsewhere = options
    elsewhere.url = options.url.replacing(database: "postgres")
    elsewhere.probe = options.probe?.replacing(database: "postgres")
    // Whoever may not connect there finds none.
    guard let other = try? elsewhere.connectToRead(for: "queries") else { return nil }
    return try StatementCounter(on: other)
  }

  fileprivate static func withoutExtension(
    _ connection: PostgresConnection, _ reason: String
  ) -> StepFailure {
    notCounted(
      connection, "It needs the extension pg_stat_statements, and \(reason).",
      "Put pg_stat_statements into shared_preload_libraries, restart the server, and run CREATE"
        + " EXTENSION pg_stat_statements in the database postgres; then let the service work for a"
        + " while.")
  }

  private static func notCounted(
    _ connection: PostgresConnection, _ reason: String, _ remedy: String
  ) -> StepFailure {
    StepFailure(
      code: "QueriesNotCounted", disposition: .stop,
      message: "The server of \(connection.place) does not tell what it was asked. \(reason)"
        + " \(remedy)")
  }
}

/// The extension on a connection to a database that has it.
private struct StatementCounter {
  let connection: PostgresConnection
  /// The extension's schema in quotes where it needs them.
  let schema: String

  /// Finds it; nil in a database without it.
  init?(on connection: PostgresConnection) throws(StepFailure) {
    let schema = try connection.scalar(
      """
      SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'pg_stat_statements'
      """
    ).text
    guard let schema else { return nil }
    self.connection = connection
    self.schema = schema
  }

  /// What was asked in the database of that name.
  func statements(of user: String?, in database: SQLValue) throws(StepFailure) -> [SQLRow] {
    let topLevel = connection.serverVersion >= 140_000 ? "AND s.toplevel" : ""
    do throws(StepFailure) {
      return try connection.rows(
        """
        SELECT s.query AS query, sum(s.calls)::bigint AS calls
        FROM \(schema).pg_stat_statements s
        WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = $2)
          AND ($1::text IS NULL OR s.userid = to_regrole($1)) \(topLevel)
        GROUP BY s.query ORDER BY calls DESC, query LIMIT \(Bounds.rowsMax)
        """, [user.map { .text($0.quotedName) } ?? .null, database])
    } catch {
      guard connection.lastError?.state == "55000" else { throw error }
      throw PostgresQueryRecorder.withoutExtension(connection, "its library is not loaded")
    }
  }

  /// How often the server had no room; nil before version 14, which does not tell.
  func dropped() throws(StepFailure) -> Int64? {
    guard connection.serverVersion >= 140_000 else { return nil }
    return try connection.scalar("SELECT dealloc FROM \(schema).pg_stat_statements_info").integer
  }
}

/// Statements that are collected, those that are the same but for their values under one text.
private struct Collection {
  let ledger: String
  private var calls: [String: Int64] = [:]
  private var order: [String] = []
  private var leftOut: [String: Int64] = [:]

  init(ledger: String) { self.ledger = ledger }

  /// Takes a statement with how often it was asked.
  mutating func take(_ row: SQLRow) {
    let count = max(1, row["calls"].integer ?? 1)
    guard let text = row["query"].text, text != "<insufficient privilege>" else {
      leave(
        "texts that this user may not see: grant pg_read_all_stats to it", count)
      return
    }
    switch CountedStatement.cleaned(text, ledger: ledger) {
    case .failure(let omission): leave(omission.reason.rawValue, count)
    case .success(let sql):
      if calls[sql] == nil { order.append(sql) }
      calls[sql] = calls[sql, default: 0].addingCapped(count)
    }
  }

  private mutating func leave(_ reason: String, _ count: Int64) {
    leftOut[reason] = leftOut[reason, default: 0].addingCapped(count)
  }

  var record: QueryRecord {
    let queries = order.prefix(Bounds.queriesMax).map { sql in
      RecordedQuery(
        name: "q-\(SHA256.digest(of: sql).text.prefix(12))", sql: sql, calls: calls[sql] ?? 1)
    }
    return QueryRecord(
      recorded: RecordedQueries(engine: "postgres", queries: queries), leftOut: leftOut)
  }
}
