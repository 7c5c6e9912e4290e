import WindlassCore
import WindlassSchema

/// A backfill on a MySQL or MariaDB database: each batch is a transaction of its own, and the lock
/// that golang-migrate takes as well is given back before it rests.
///
/// Rows are all that changes, so that the ledger stays clean until the last batch.
final class MySQLBackfill {
  private let step: BackfillStep
  private let options: MySQLServiceOptions
  private let work: MySQLWork
  private let checkpoint: @Sendable (String) -> Void
  private var known: (table: MySQLBackfillTable, estimate: Int64?)?
  /// Whether the server may be asked what others suffer from; nobody waits on a copy.
  private let watchesPressure: Bool
  private let replicas: MySQLReplicas

  init(
    _ step: BackfillStep, _ work: MySQLWork, watchesPressure: Bool = true,
    checkpoint: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.step = step
    self.work = work
    self.watchesPressure = watchesPressure
    self.checkpoint = checkpoint
    options = work.options
    replicas = MySQLReplicas(work.options)
  }

  private var epoch: Epoch? {
    if case .epoch(let epoch) = step.step.fence { epoch } else { nil }
  }

  /// Carries the backfill on until it is done or is told to end.
  func carryOn(while goesOn: @escaping BackfillWatch) async throws(StepFailure) -> BackfillOutcome {
    let walk = BackfillWalk(
      pace: step.pace, deadline: options.lockDeadline, overdue: MySQLBlockers.overdue,
      goesOn: goesOn)
    let version = step.step.body.version
    let mark = try await work.retrying(epoch: epoch) { () throws(StepFailure) in
      let own = try work.own()
      return try own.backfillMark(of: version, own.tables())
    }
    return try await walk.carryOn(
      step.backfill, version, from: mark,
      pressure: { () throws(StepFailure) in
        guard watchesPressure else { return nil }
        let primary = try work.connection()
        if let reason = try primary.pressure().reason { return reason }
        return try replicas.reason(beside: primary)
      },
      batch: { limit async throws(StepFailure) in
        try await work.once(epoch: epoch) { () throws(StepFailure) in
          try work.withSharedLock { () throws(StepFailure) in try batch(limit) }
        }
      })
  }

  /// Makes one attempt at a batch.
  private func batch(_ limit: Int?) throws(StepFailure) -> BackfillBatch {
    let own = try work.own()
    if let epoch { try own.requireEpoch(epoch) }
    try own.create()
    try own.createLedger()
    let (table, estimate) = try lookUp(on: own.connection)
    let migration = step.step
    checkpoint("begin")
    let result = try own.connection.transaction { connection throws(StepFailure) in
      if let epoch { try own.requireEpoch(epoch) }
      let (version, isDirty) = try own.ledgerRow()
      let outcome = try migration.check(
        ledger: version, isDirty: isDirty,
        history: own.historyEntry(of: migration.body.version).map { [$0] } ?? [],
        database: connection.address.name)
      guard outcome == .applied else { return BackfillBatch.finished }
      let transaction = MySQLBackfillTransaction(
        own: own, table: table, backfill: step.backfill, options: options, checkpoint: checkpoint)
      return try step.perform(on: transaction, limit: limit, estimate: estimate)
    }
    checkpoint("end")
    return result
  }

  private func lookUp(
    on connection: MySQLConnection
  ) throws(StepFailure) -> (table: MySQLBackfillTable, estimate: Int64?) {
    if let known { return known }
    let table = try MySQLBackfillTable(step.backfill, on: connection)
    let found = (table: table, estimate: try table.estimate(on: connection))
    known = found
    return found
  }
}

/// What a batch reads and writes inside its transaction.
private struct MySQLBackfillTransaction: BackfillTransaction {
  let own: MySQLOwnSchema
  let table: MySQLBackfillTable
  let backfill: Backfill
  let options: MySQLServiceOptions
  let checkpoint: @Sendable (String) -> Void

  private var connection: MySQLConnection { own.connection }

  func mark(of version: SchemaVersion) throws(StepFailure) -> BackfillMark? {
    try own.backfillMark(of: version, own.tables(), locks: true)
  }

  func write(_ mark: BackfillMark) throws(StepFailure) {
    checkpoint("before mark")
    try own.write(mark)
    checkpoint("after mark")
  }

  func lastKey() throws(StepFailure) -> SQLValue {
    try connection.scalar(
      """
      SELECT CAST(\(table.column) AS CHAR) FROM \(table.name)
      ORDER BY \(table.column) DESC LIMIT 1
      """)
  }

  func range(
    after: SQLValue, end: SQLValue, limit: Int
  ) throws(StepFailure) -> BackfillRange? {
    let rest = "FROM \(table.name) WHERE \(condition(table.column, after, end))"
    let last = try connection.scalar(
      """
      SELECT CAST(\(table.column) AS CHAR) \(rest) ORDER BY \(table.column)
      LIMIT 1 OFFSET \(limit - 1)
      """)
    guard last == .null else {
      return BackfillRange(after: after, last: last, rows: Int64(limit))
    }
    let rows = try connection.scalar("SELECT COUNT(*) \(rest)").integer ?? 0
    return rows == 0 ? nil : BackfillRange(after: after, last: end, rows: rows)
  }

  func change(_ range: BackfillRange) throws(StepFailure) -> Int64 {
    let runner = StatementRunner(connection: connection, options: options)
    var changed: Int64 = 0
    for statement in backfill.statements {
      let key = statement.name(of: table.column)
      let text = statement.text(where: condition(key, range.after, range.last))
      checkpoint("before change")
      do {
        for piece in try MySQLStatements.split(text) { try runner.run(piece) }
      } catch let error as StepFailure {
        throw error
      } catch {
        throw StepFailure(
          code: "MigrationRefused", disposition: .stop,
          message: "Line \(statement.line): the statement can't be cut into its pieces. Report it.")
      }
      changed += max(0, try connection.scalar("SELECT ROW_COUNT()").integer ?? 0)
      checkpoint("after change")
    }
    return changed
  }

  func finish(_ entry: HistoryEntry) throws(StepFailure) {
    checkpoint("before finish")
    try own.record(entry)
    checkpoint("after finish")
  }

  private func condition(_ key: String, _ after: SQLValue, _ end: SQLValue) -> String {
    let upper = "\(key) <= \(table.literal(end))"
    return after == .null ? upper : "\(key) > \(table.literal(after)) AND \(upper)"
  }
}

extension MySQLConnection {
  /// What others suffer from, as far as a primary server knows: sessions that wait for rows, and
  /// how many threads work. How far its replicas are behind they have to be asked themselves.
  func pressure() throws(StepFailure) -> BackfillPressure {
    let rows = try rows(
      """
      SHOW GLOBAL STATUS
      WHERE Variable_name IN ('Threads_running', 'Innodb_row_lock_current_waits')
      """)
    var pressure = BackfillPressure()
    for row in rows {
      let value = row.values.last.flatMap { $0.integer ?? $0.text.flatMap { Int64($0) } }
      if row.values.first?.text?.lowercased() == "threads_running" {
        pressure.running = value
      } else {
        pressure.waiting = value
      }
    }
    return pressure
  }
}

extension MySQLOwnSchema {
  /// The columns of the table of backfills; keys of whatever type are kept as texts.
  static let backfillColumns = """
    version BIGINT NOT NULL PRIMARY KEY, table_name VARCHAR(255) NOT NULL,
    key_name VARCHAR(255) NOT NULL, checksum CHAR(64) NOT NULL, run VARCHAR(255) NOT NULL,
    cursor_key TEXT, end_key TEXT, batch_size INT NOT NULL, walk INT NOT NULL,
    walked BIGINT NOT NULL, changed_in_walk BIGINT NOT NULL, changed BIGINT NOT NULL,
    estimate BIGINT, worked_ms BIGINT NOT NULL, started_at BIGINT NOT NULL
    """

  /// How far the backfill of that version has come; nil when it is not under way.
  ///
  /// - Parameter locks: whether nobody may change it until the transaction ends.
  func backfillMark(
    of version: SchemaVersion, _ tables: Set<String>, locks: Bool = false
  ) throws(StepFailure) -> BackfillMark? {
    try backfillMarks(tables, "WHERE version = \(version.number)\(locks ? " FOR UPDATE" : "")")
      .first
  }

  /// The backfill that is under way on what the ledger says.
  func begunBackfill(
    on ledger: SchemaVersion?, _ tables: Set<String>
  ) throws(StepFailure) -> BegunBackfill? {
    let condition = ledger.map { "WHERE version > \($0.number)" } ?? ""
    return try backfillMarks(tables, "\(condition) ORDER BY version").first.map {
      BegunBackfill(run: $0.run, progress: $0.progress)
    }
  }

  private func backfillMarks(
    _ tables: Set<String>, _ rest: String
  ) throws(StepFailure) -> [BackfillMark] {
    guard tables.contains(OwnTables.backfill) else { return [] }
    let columns = BackfillMark.columns.joined(separator: ", ")
    return try connection.rows("SELECT \(columns) FROM \(OwnTables.backfill) \(rest)").map {
      BackfillMark($0)
    }
  }

  /// Writes how far a backfill has come.
  func write(_ mark: BackfillMark) throws(StepFailure) {
    let columns = BackfillMark.columns.joined(separator: ", ")
    let places = BackfillMark.columns.map { _ in "?" }.joined(separator: ", ")
    try connection.run(
      SQLStatement(
        "REPLACE INTO \(OwnTables.backfill) (\(columns)) VALUES (\(places))", mark.values))
  }

  /// Forgets backfills under way of that version and above it: what they rest on is another schema
  /// now.
  func forgetBackfills(from version: UInt64) throws(StepFailure) {
    guard try tables().contains(OwnTables.backfill) else { return }
    try connection.run(forgettingBackfills(from: version))
  }

  /// The same as a statement, for a database that has the table.
  func forgettingBackfills(from version: UInt64) -> SQLStatement {
    SQLStatement("DELETE FROM \(OwnTables.backfill) WHERE version >= \(version)")
  }
}
