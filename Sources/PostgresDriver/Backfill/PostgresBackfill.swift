import WindlassCore
import WindlassSchema

/// A backfill on a PostgreSQL database: each batch takes the keys and a transaction of its own, and
/// gives both back before it rests.
final class PostgresBackfill {
  private let step: BackfillStep
  private let options: PostgresServiceOptions
  private var session: MigratingSession
  private var known: (table: PostgresBackfillTable, estimate: Int64?)?

  /// Makes a backfill on that session, whose budget for holding locks is the options'.
  init(_ step: BackfillStep, _ session: MigratingSession) {
    self.step = step
    self.session = session
    options = session.options
  }

  /// Carries the backfill on until it is done or is told to end.
  func carryOn(while goesOn: @escaping BackfillWatch) async throws(StepFailure) -> BackfillOutcome {
    let walk = BackfillWalk(
      pace: step.pace, deadline: options.lockDeadline, overdue: options.overdue, goesOn: goesOn)
    return try await walk.carryOn(
      step.backfill, step.step.body.version, from: try await mark(),
      pressure: { () throws(StepFailure) in
        // Nobody waits on a copy.
        guard options.holdBudget != nil else { return nil }
        return try session.use { connection, _ throws(StepFailure) in
          try connection.pressure().reason
        }
      },
      batch: { limit throws(StepFailure) in try batch(limit) })
  }

  private func mark() async throws(StepFailure) -> BackfillMark? {
    try await options.retrying { () throws(StepFailure) in
      try session.use { connection, place throws(StepFailure) in
        try connection.snapshot { connection throws(StepFailure) in
          try PostgresOwnSchema(connection, place).backfillMark(of: step.step.body.version)
        }
      }
    }
  }

  /// Makes one attempt at a batch.
  private func batch(_ limit: Int?) throws(StepFailure) -> BackfillBatch {
    do throws(StepFailure) {
      return try session.use { connection, place throws(StepFailure) in
        try batch(limit, on: connection, place)
      }
    } catch {
      var failure = error
      // Whether it was committed stands in the mark, which the next attempt reads.
      failure.repeatIfOutcomeIsUnknown()
      throw failure
    }
  }

  private func batch(
    _ limit: Int?, on connection: PostgresConnection, _ place: LedgerPlace
  ) throws(StepFailure) -> BackfillBatch {
    let (table, estimate) = try lookUp(on: connection)
    let keys = try MigrationKeys(connection, place)
    defer { keys.releaseAll() }
    let migration = step.step
    return try connection.transaction(options.migrationLimits) {
      connection throws(StepFailure) -> BackfillBatch in
      var own = try PostgresOwnSchema(connection, place)
      if case .epoch(let epoch) = migration.fence { try own.requireEpoch(epoch) }
      try own.create(recordsCatalogue: false)
      try own.lockRows()
      let (version, isDirty) = try own.ledgerRow()
      let outcome = try migration.check(
        ledger: version, isDirty: isDirty, history: own.history(of: migration.body.version),
        database: connection.place)
      guard outcome == .applied else { return .finished }
      let transaction = PostgresBackfillTransaction(
        own: own, table: table, backfill: step.backfill)
      let result = try step.perform(on: transaction, limit: limit, estimate: estimate)
      try own.unlockRows()
      return result
    }.result
  }

  private func lookUp(
    on connection: PostgresConnection
  ) throws(StepFailure) -> (table: PostgresBackfillTable, estimate: Int64?) {
    if let known { return known }
    let table = try PostgresBackfillTable(step.backfill.directive, on: connection)
    let found = (table: table, estimate: try table.estimate(on: connection))
    known = found
    return found
  }
}

/// What a batch reads and writes inside its transaction.
private struct PostgresBackfillTransaction: BackfillTransaction {
  let own: PostgresOwnSchema
  let table: PostgresBackfillTable
  let backfill: Backfill

  private var connection: PostgresConnection { own.connection }
  /// A cast column keeps its name, and ORDER BY would take the text of that name for the key.
  private static let output = "windlass_key"

  func mark(of version: SchemaVersion) throws(StepFailure) -> BackfillMark? {
    try own.backfillMark(of: version, locks: true)
  }

  func write(_ mark: BackfillMark) throws(StepFailure) { try own.write(mark) }

  func lastKey() throws(StepFailure) -> SQLValue {
    try connection.scalar(
      """
      SELECT \(table.column)::text AS \(Self.output) FROM \(table.name)
      ORDER BY \(table.column) DESC LIMIT 1
      """)
  }

  func range(
    after: SQLValue, end: SQLValue, limit: Int
  ) throws(StepFailure) -> BackfillRange? {
    let condition = condition(table.column, after)
    let rest = "FROM \(table.name) WHERE \(condition.text)"
    let parameters = condition.parameters(after, end)
    let last = try connection.scalar(
      """
      SELECT \(table.column)::text AS \(Self.output) \(rest)
      ORDER BY \(table.column) LIMIT 1 OFFSET \(limit - 1)
      """, parameters)
    guard last == .null else {
      return BackfillRange(after: after, last: last, rows: Int64(limit))
    }
    let rows = try connection.scalar("SELECT count(*) \(rest)", parameters).integer ?? 0
    return rows == 0 ? nil : BackfillRange(after: after, last: end, rows: rows)
  }

  func change(_ range: BackfillRange) throws(StepFailure) -> Int64 {
    var changed: Int64 = 0
    for statement in backfill.statements {
      let condition = condition(statement.name(of: table.column), range.after)
      // Empty lines before it let the server count the file's own.
      let text =
        String(repeating: "\n", count: statement.line - 1) + statement.text(where: condition.text)
      changed += try connection.execute(text, condition.parameters(range.after, range.last))
    }
    return changed
  }

  func finish(_ entry: HistoryEntry) throws(StepFailure) {
    var own = own
    try own.record([entry])
  }

  /// The keys behind `after`, and not behind another one.
  private func condition(_ key: String, _ after: SQLValue) -> KeyCondition {
    after == .null
      ? KeyCondition(text: "\(key) <= $1::\(table.type)", hasStart: false)
      : KeyCondition(
        text: "\(key) > $1::\(table.type) AND \(key) <= $2::\(table.type)", hasStart: true)
  }

  private struct KeyCondition {
    var text: String
    var hasStart: Bool

    func parameters(_ after: SQLValue, _ last: SQLValue) -> [SQLValue] {
      hasStart ? [after, last] : [last]
    }
  }
}

extension PostgresConnection {
  /// What others suffer from: replicas that are behind, as far as this user may see them, and
  /// sessions of this database that wait for locks.
  func pressure() throws(StepFailure) -> BackfillPressure {
    let row = try rows(
      """
      SELECT (SELECT (extract(epoch FROM max(replay_lag)) * 1000)::bigint
          FROM pg_stat_replication) AS lag,
        (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::bigint
          FROM pg_stat_replication) AS behind,
        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
          AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()) AS waiting
      """, limit: 1
    ).first
    return BackfillPressure(
      lag: row?["lag"].integer.map { Interval(milliseconds: $0) },
      bytesBehind: row?["behind"].integer, waiting: row?["waiting"].integer)
  }
}

extension PostgresOwnSchema {
  /// How the table of backfills is made; keys of whatever type are kept as texts.
  static func backfillCreation(_ place: LedgerPlace) -> String {
    "CREATE TABLE IF NOT EXISTS \(place.own(OwnTables.backfill)) (\(backfillColumns))"
  }

  /// The columns of the table of backfills.
  static let backfillColumns = """
    version bigint PRIMARY KEY, table_name text NOT NULL, key_name text NOT NULL,
    checksum text NOT NULL, run text NOT NULL, cursor_key text, end_key text,
    batch_size int NOT NULL, walk int NOT NULL, walked bigint NOT NULL,
    changed_in_walk bigint NOT NULL, changed bigint NOT NULL, estimate bigint,
    worked_ms bigint NOT NULL, started_at bigint NOT NULL
    """

  /// How far the backfill of that version has come; nil when it is not under way.
  ///
  /// - Parameter locks: whether nobody may change it until the transaction ends.
  func backfillMark(
    of version: SchemaVersion, locks: Bool = false
  ) throws(StepFailure) -> BackfillMark? {
    try backfillMarks("WHERE version = \(version.number)\(locks ? " FOR UPDATE" : "")").first
  }

  /// The backfill that is under way on what the ledger says.
  func begunBackfill(on ledger: SchemaVersion?) throws(StepFailure) -> BegunBackfill? {
    let condition = ledger.map { "WHERE version > \($0.number)" } ?? ""
    return try backfillMarks("\(condition) ORDER BY version").first.map {
      BegunBackfill(run: $0.run, progress: $0.progress)
    }
  }

  private func backfillMarks(_ rest: String) throws(StepFailure) -> [BackfillMark] {
    guard has(OwnTables.backfill) else { return [] }
    let columns = BackfillMark.columns.joined(separator: ", ")
    return try connection.rows(
      "SELECT \(columns) FROM \(place.own(OwnTables.backfill)) \(rest)",
      limit: Bounds.migrationFilesMax
    ).map { BackfillMark($0) }
  }

  /// Writes how far a backfill has come.
  func write(_ mark: BackfillMark) throws(StepFailure) {
    let columns = BackfillMark.columns
    let places = columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
    let changes = columns.dropFirst().map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
    try connection.execute(
      """
      INSERT INTO \(place.own(OwnTables.backfill)) (\(columns.joined(separator: ", ")))
      VALUES (\(places)) ON CONFLICT (version) DO UPDATE SET \(changes)
      """, mark.values)
  }

  /// Forgets backfills under way of that version and above it: what they rest on is another schema
  /// now.
  func forgetBackfills(from version: UInt64) throws(StepFailure) {
    for statement in forgettingBackfills(from: version) {
      try connection.run(script: statement.text)
    }
  }

  /// What drops the records of these backfills; nothing where there is no table of them.
  func forgettingBackfills(from version: UInt64) -> [SQLStatement] {
    guard has(OwnTables.backfill) else { return [] }
    return [
      SQLStatement("DELETE FROM \(place.own(OwnTables.backfill)) WHERE version >= \(version)")
    ]
  }
}
