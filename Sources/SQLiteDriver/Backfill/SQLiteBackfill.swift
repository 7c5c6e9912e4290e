import CSQLite
import WindlassCore
import WindlassSchema

/// A backfill on a SQLite database: each batch takes the write lock by itself, for about as long as
/// the pace says, and gives it back before it rests.
final class SQLiteBackfill {
  private let step: BackfillStep
  private let options: SQLiteServiceOptions
  /// How long a batch waits and holds.
  private let limits: TransactionLimits
  /// Whether the schema is recorded when the migration is done.
  private let recordsCatalogue: Bool
  private var connection: SQLiteConnection?
  private var known: Known?

  /// Makes a backfill; no file is touched yet.
  ///
  /// - Parameter holdBudget: how long a batch may hold the lock; nil on a copy.
  init(
    _ step: BackfillStep, _ options: SQLiteServiceOptions, holdBudget: Interval?,
    recordsCatalogue: Bool = true
  ) {
    self.step = step
    self.options = options
    self.recordsCatalogue = recordsCatalogue
    limits = TransactionLimits(
      lockBudget: options.lockBudget, holdBudget: holdBudget, enforcesForeignKeys: true)
  }

  /// Carries the backfill on until it is done or is told to end.
  ///
  /// - Parameter takesLock: whether each batch takes the lock between processes, rather than the
  ///   caller for all of them.
  func carryOn(
    takesLock: Bool, while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> BackfillOutcome {
    let path = options.path
    let walk = BackfillWalk(
      pace: step.pace, deadline: options.lockDeadline,
      overdue: { failure, waited in
        failure.code == "DatabaseLocked"
          ? LockHolders.lockNotObtained(path: path, waited: waited) : failure
      }, goesOn: goesOn)
    let ledger = options.ledger
    let version = step.step.body.version
    let mark = try opened().snapshot { connection throws(StepFailure) in
      try OwnSchema(connection: connection, ledger: ledger).backfillMark(of: version)
    }
    return try await walk.carryOn(
      step.backfill, version, from: mark,
      // One file has no replicas, and whoever waits for its lock gets it between two batches.
      pressure: { () throws(StepFailure) in nil },
      batch: { limit throws(StepFailure) in
        let lock = takesLock ? try RunLock(options) : nil
        defer { withExtendedLifetime(lock) {} }
        return try batch(limit)
      })
  }

  /// Makes one attempt at a batch.
  private func batch(_ limit: Int?) throws(StepFailure) -> BackfillBatch {
    let connection = try opened()
    let known = try lookUp(on: connection)
    do throws(StepFailure) {
      return try connection.transaction(limits) { connection throws(StepFailure) in
        try perform(limit, known, on: connection)
      }.result
    } catch {
      // Whatever broke it, the next attempt begins with a connection of its own.
      if error.disposition != .retry { self.connection = nil }
      throw error
    }
  }

  private func perform(
    _ limit: Int?, _ known: Known, on connection: SQLiteConnection
  ) throws(StepFailure) -> BackfillBatch {
    let migration = step.step
    let own = OwnSchema(connection: connection, ledger: options.ledger)
    if case .epoch(let epoch) = migration.fence { try own.requireEpoch(epoch) }
    try own.create()
    let (version, isDirty) = try own.ledgerRow()
    let outcome = try migration.check(
      ledger: version, isDirty: isDirty, history: own.history(), database: connection.path)
    guard outcome == .applied else { return .finished }
    let transaction = SQLiteBackfillTransaction(
      own: own, table: known.table, backfill: step.backfill, recordsCatalogue: recordsCatalogue)
    return try step.perform(on: transaction, limit: limit, estimate: known.estimate)
  }

  private func opened() throws(StepFailure) -> SQLiteConnection {
    if let connection { return connection }
    let opened = try options.connectExisting()
    connection = opened
    return opened
  }

  /// What is looked up once for all batches.
  private struct Known {
    var table: SQLiteBackfillTable
    var estimate: Int64?
  }

  private func lookUp(on connection: SQLiteConnection) throws(StepFailure) -> Known {
    if let known { return known }
    let table = try SQLiteBackfillTable(step.backfill.directive, on: connection)
    let found = Known(table: table, estimate: try table.estimate(on: connection))
    known = found
    return found
  }
}

/// What a batch reads and writes inside its transaction.
private struct SQLiteBackfillTransaction: BackfillTransaction {
  let own: OwnSchema
  let table: SQLiteBackfillTable
  let backfill: Backfill
  let recordsCatalogue: Bool

  private var connection: SQLiteConnection { own.connection }

  func mark(of version: SchemaVersion) throws(StepFailure) -> BackfillMark? {
    try own.backfillMark(of: version)
  }

  func write(_ mark: BackfillMark) throws(StepFailure) { try own.write(mark) }

  func lastKey() throws(StepFailure) -> SQLValue {
    let key = table.key(table.column)
    return try connection.scalar(
      "SELECT \(table.column) FROM \(table.name) ORDER BY \(key) DESC LIMIT 1")
  }

  func range(
    after: SQLValue, end: SQLValue, limit: Int
  ) throws(StepFailure) -> BackfillRange? {
    let key = table.key(table.column)
    let rest = "FROM \(table.name) WHERE \(condition(key, after))"
    let last = try connection.scalar(
      "SELECT \(table.column) \(rest) ORDER BY \(key) LIMIT 1 OFFSET ?3",
      [after, end, .integer(Int64(limit - 1))])
    guard last == .null else {
      return BackfillRange(after: after, last: last, rows: Int64(limit))
    }
    let rows = try connection.scalar("SELECT count(*) \(rest)", [after, end]).integer ?? 0
    return rows == 0 ? nil : BackfillRange(after: after, last: end, rows: rows)
  }

  func change(_ range: BackfillRange) throws(StepFailure) -> Int64 {
    var changed: Int64 = 0
    try StatementGuard.guarding(connection, ledger: own.ledger) { () throws(StepFailure) in
      for statement in backfill.statements {
        let key = table.key(statement.name(of: table.column))
        do throws(StepFailure) {
          changed += try connection.change(
            statement.text(where: condition(key, range.after)), [range.after, range.last])
        } catch {
          throw error.at(line: statement.line)
        }
      }
    }
    return changed
  }

  func finish(_ entry: HistoryEntry) throws(StepFailure) {
    try own.record([entry])
    // Without a record of it yet, the next migration of a series makes the true one.
    if recordsCatalogue { try own.recordCatalogue() } else { try own.forgetCatalogue() }
  }

  /// The keys behind the first parameter, and not behind the second.
  private func condition(_ key: String, _ after: SQLValue) -> String {
    after == .null ? "\(key) <= ?2 AND ?1 IS NULL" : "\(key) > ?1 AND \(key) <= ?2"
  }
}

extension SQLiteConnection {
  /// Runs one change of rows and returns how many it changed, those of triggers left out.
  fileprivate func change(
    _ text: String, _ parameters: [SQLValue]
  ) throws(StepFailure) -> Int64 {
    try execute(text, parameters)
    // "The number of rows modified, inserted or deleted by the most recently completed INSERT,
    // UPDATE or DELETE statement": that one.
    return sqlite3_changes64(handle)
  }
}

extension OwnSchema {
  /// The columns of the table of backfills; its keys are of whatever type the walked tables' are.
  static let backfillCreation = """
    CREATE TABLE IF NOT EXISTS \(OwnTables.backfill) (
      version INTEGER PRIMARY KEY, table_name TEXT NOT NULL, key_name TEXT NOT NULL,
      checksum TEXT NOT NULL, run TEXT NOT NULL, cursor_key, end_key,
      batch_size INTEGER NOT NULL, walk INTEGER NOT NULL, walked INTEGER NOT NULL,
      changed_in_walk INTEGER NOT NULL, changed INTEGER NOT NULL, estimate INTEGER,
      worked_ms INTEGER NOT NULL, started_at INTEGER NOT NULL)
    """

  /// How far the backfill of that version has come; nil when it is not under way.
  func backfillMark(of version: SchemaVersion) throws(StepFailure) -> BackfillMark? {
    try backfillMarks().first { $0.version == version }
  }

  /// The backfill that is under way on what the ledger says.
  func begunBackfill(on ledger: SchemaVersion?) throws(StepFailure) -> BegunBackfill? {
    try backfillMarks().first { mark in ledger.map { $0 < mark.version } ?? true }
      .map { BegunBackfill(run: $0.run, progress: $0.progress) }
  }

  private func backfillMarks() throws(StepFailure) -> [BackfillMark] {
    guard try has(OwnTables.backfill) else { return [] }
    let columns = BackfillMark.columns.joined(separator: ", ")
    return try connection.rows(
      "SELECT \(columns) FROM \(OwnTables.backfill) ORDER BY version",
      limit: Bounds.migrationFilesMax
    ).map { BackfillMark($0) }
  }

  /// Writes how far a backfill has come.
  func write(_ mark: BackfillMark) throws(StepFailure) {
    let columns = BackfillMark.columns.joined(separator: ", ")
    let places = BackfillMark.columns.map { _ in "?" }.joined(separator: ", ")
    try connection.execute(
      "INSERT OR REPLACE INTO \(OwnTables.backfill) (\(columns)) VALUES (\(places))", mark.values)
  }

  /// Forgets backfills under way of that version and above it: what they rest on is another schema
  /// now.
  func forgetBackfills(from version: SchemaVersion) throws(StepFailure) {
    guard try has(OwnTables.backfill) else { return }
    try connection.execute(
      "DELETE FROM \(OwnTables.backfill) WHERE version >= ?",
      [.integer(Int64(bitPattern: version.number))])
  }
}
