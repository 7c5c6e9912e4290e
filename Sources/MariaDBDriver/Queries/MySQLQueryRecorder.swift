package import WindlassCore
package import WindlassSchema

/// Reads what a MySQL or MariaDB server was asked from its performance schema.
package actor MySQLQueryRecorder: QueryRecorder {
  private let executor: BlockingExecutor
  private let options: MySQLServiceOptions

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes a recorder; nothing is connected yet.
  package init(_ options: MySQLServiceOptions) {
    self.options = options
    executor = BlockingExecutor(label: "windlass.mysql-queries")
  }

  package func record(of user: String?) async throws(StepFailure) -> QueryRecord {
    let connection = try options.connectToRead("queries")
    guard try connection.scalar("SELECT @@GLOBAL.performance_schema") == .integer(1) else {
      throw notCounted(
        "performance_schema is off. Set performance_schema = ON in the server's configuration,"
          + " restart it, and let the service work for a while.")
    }
    let consumer = try connection.scalar(
      "SELECT ENABLED FROM performance_schema.setup_consumers WHERE NAME = 'statements_digest'"
    ).text
    guard consumer == "YES" else {
      throw notCounted(
        "its performance schema keeps no digests. Run UPDATE performance_schema.setup_consumers SET"
          + " ENABLED = 'YES' WHERE NAME IN ('global_instrumentation', 'thread_instrumentation',"
          + " 'statements_digest'), and let the service work for a while.")
    }
    var collection = Collection(ledger: options.ledger.table)
    for row in try prepared(by: user, on: connection) { collection.take(row) }
    for row in try digests(on: connection) { collection.take(row) }
    var record = collection.record
    record.recorded.settings["sql_mode"] =
      try connection.scalar("SELECT @@GLOBAL.sql_mode").text ?? ""
    if user != nil {
      record.remarks.append(
        "The server counts statements for everybody together: those of other users are among them.")
    }
    if let lost = try lost(on: connection), lost > 0 {
      record.remarks.append(
        "The server had no room for \(lost) call(s), which are missing: raise"
          + " performance_schema_digests_size.")
    }
    return record
  }

  /// What clients keep prepared now, in their own words.
  private func prepared(
    by user: String?, on connection: MySQLConnection
  ) throws(StepFailure) -> [SQLRow] {
    let condition = user == nil ? "" : "AND t.PROCESSLIST_USER = ?"
    return try connection.rows(
      """
      SELECT p.SQL_TEXT AS statement, SUM(p.COUNT_EXECUTE) AS calls
      FROM performance_schema.prepared_statements_instances p
      JOIN performance_schema.threads t ON t.THREAD_ID = p.OWNER_THREAD_ID
      WHERE t.PROCESSLIST_DB = DATABASE() AND t.PROCESSLIST_ID <> CONNECTION_ID() \(condition)
      GROUP BY p.SQL_TEXT ORDER BY calls DESC, statement LIMIT \(Bounds.rowsMax)
      """, user.map { [.text($0)] } ?? [])
  }

  private func digests(on connection: MySQLConnection) throws(StepFailure) -> [SQLRow] {
    try connection.rows(
      """
      SELECT DIGEST_TEXT AS statement, COUNT_STAR AS calls
      FROM performance_schema.events_statements_summary_by_digest
      WHERE SCHEMA_NAME = DATABASE() AND DIGEST_TEXT IS NOT NULL
      ORDER BY COUNT_STAR DESC, DIGEST LIMIT \(Bounds.rowsMax)
      """)
  }

  /// Calls of statements for which there was no room.
  private func lost(on connection: MySQLConnection) throws(StepFailure) -> Int64? {
    try connection.scalar(
      """
      SELECT COUNT_STAR FROM performance_schema.events_statements_summary_by_digest
      WHERE DIGEST IS NULL
      """
    ).integer
  }

  private func notCounted(_ reason: String) -> StepFailure {
    StepFailure(
      code: "QueriesNotCounted", disposition: .stop,
      message: "The server of \(options.address.name) does not tell what it was asked: \(reason)")
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
    let number = row["calls"].integer ?? row["calls"].text.flatMap { Int64($0) } ?? 1
    let count = max(1, number)
    switch DigestText.cleaned(row["statement"].text ?? "", ledger: ledger) {
    case .failure(let omission):
      leftOut[omission.rawValue] = leftOut[omission.rawValue, default: 0].addingCapped(count)
    case .success(let sql):
      if calls[sql] == nil { order.append(sql) }
      calls[sql] = calls[sql, default: 0].addingCapped(count)
    }
  }

  var record: QueryRecord {
    let queries = order.prefix(Bounds.queriesMax).map { sql in
      RecordedQuery(
        name: "q-\(SHA256.digest(of: sql).text.prefix(12))", sql: sql, calls: calls[sql] ?? 1)
    }
    return QueryRecord(
      recorded: RecordedQueries(engine: "mysql", queries: queries), leftOut: leftOut)
  }
}
