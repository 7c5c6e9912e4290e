import WindlassCore
import WindlassSchema

/// Windlass's own tables on SQLite, and what is read from and written to them.
///
/// Every method runs inside a transaction or snapshot that the caller has opened.
struct OwnSchema {
  let connection: SQLiteConnection
  let ledger: SQLiteLedger

  private static let creation = [
    """
    CREATE TABLE IF NOT EXISTS \(OwnTables.fence) (
      id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL, holder TEXT NOT NULL)
    """,
    """
    CREATE TABLE IF NOT EXISTS \(OwnTables.identity) (
      id INTEGER PRIMARY KEY CHECK (id = 1), system TEXT NOT NULL)
    """,
    """
    CREATE TABLE IF NOT EXISTS \(OwnTables.history) (
      version INTEGER PRIMARY KEY, file TEXT NOT NULL, checksum TEXT NOT NULL,
      phase TEXT NOT NULL, run TEXT NOT NULL, duration_ms INTEGER NOT NULL,
      applied_at INTEGER NOT NULL)
    """,
    """
    CREATE TABLE IF NOT EXISTS \(OwnTables.run) (
      sequence INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, epoch INTEGER NOT NULL,
      committed_at INTEGER NOT NULL)
    """,
    """
    CREATE TABLE IF NOT EXISTS \(OwnTables.catalogue) (
      id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER, fingerprint TEXT NOT NULL,
      catalogue TEXT NOT NULL)
    """, backfillCreation,
  ]

  /// Makes the tables that are missing, and gives the database a random name if it has none.
  func create() throws(StepFailure) {
    for statement in Self.creation { try connection.execute(statement) }
    try connection.execute(
      "INSERT OR IGNORE INTO \(OwnTables.identity) (id, system) "
        + "VALUES (1, lower(hex(randomblob(16))))"
    )
    if try connection.scalar("SELECT count(*) FROM \(OwnTables.catalogue)") == .integer(0) {
      try recordCatalogue()
    }
  }

  // MARK: Fence

  /// The fence's number; nil when there is no fence yet.
  func epoch() throws(StepFailure) -> Epoch? {
    guard try has(OwnTables.fence) else { return nil }
    let value = try connection.scalar("SELECT epoch FROM \(OwnTables.fence) WHERE id = 1")
    return value.integer.map { Epoch($0) }
  }

  /// Fails with `FenceLost` unless the fence holds exactly that number.
  func requireEpoch(_ epoch: Epoch?) throws(StepFailure) {
    try FenceCheck.require(epoch, found: try self.epoch(), database: connection.path)
  }

  /// Sets the fence; the tables exist.
  func setEpoch(_ epoch: Epoch, holder: RunID) throws(StepFailure) {
    try connection.execute(
      "INSERT OR REPLACE INTO \(OwnTables.fence) (id, epoch, holder) VALUES (1, ?, ?)",
      [.integer(epoch.number), .text(holder.text)])
  }

  // MARK: Ledger and history

  /// What the ledger's row says.
  func ledgerRow() throws(StepFailure) -> (version: SchemaVersion?, isDirty: Bool) {
    guard try has(ledger.table) else { return (nil, false) }
    return try ledger.interpret(connection.rows(ledger.reading.text, limit: 16))
  }

  /// What Windlass applied, ascending.
  func history() throws(StepFailure) -> [HistoryEntry] {
    guard try has(OwnTables.history) else { return [] }
    let rows = try connection.rows(
      """
      SELECT version, file, checksum, phase, run, duration_ms, applied_at
      FROM \(OwnTables.history) ORDER BY version
      """, limit: Bounds.migrationFilesMax)
    return rows.map { HistoryEntry($0) }
  }

  /// Makes the ledger's table unless it is there.
  func makeLedger() throws(StepFailure) {
    for statement in ledger.creation { try connection.execute(statement.text) }
  }

  /// Writes the applied migrations of one transaction into the history, and the last one into the
  /// ledger.
  ///
  /// - Parameters:
  ///   - entries: ascending.
  ///   - makesLedger: Whether the ledger's table may be missing.
  func record(_ entries: [HistoryEntry], makesLedger: Bool = true) throws(StepFailure) {
    guard let first = entries.first, let last = entries.last else { return }
    if makesLedger { try makeLedger() }
    for statement in ledger.writing(last.version) {
      try connection.execute(statement.text, statement.parameters)
    }
    let noting = try PreparedStatement(
      """
      INSERT INTO \(OwnTables.history)
        (version, file, checksum, phase, run, duration_ms, applied_at) VALUES (?, ?, ?, ?, ?, ?, ?)
      """, on: connection)
    for entry in entries {
      try noting.bind(entry.values)
      while try noting.step() {}
      noting.reset()
    }
    // In a series the first one does that for all.
    if makesLedger { try forgetBackfills(from: first.version) }
  }

  /// Drops the history above the ledger's version, after a person took migrations back.
  func forgetHistory(above version: SchemaVersion?) throws(StepFailure) {
    try connection.execute(
      "DELETE FROM \(OwnTables.history) WHERE version > ?",
      [.integer(version.map { Int64(bitPattern: $0.number) } ?? -1)])
    try forgetBackfills(from: SchemaVersion((version?.number).map { $0 + 1 } ?? 0))
  }

  // MARK: Commit point

  /// The run whose commit point was recorded last.
  func committedRun() throws(StepFailure) -> RunID? {
    guard try has(OwnTables.run) else { return nil }
    return try connection.scalar(
      "SELECT run FROM \(OwnTables.run) ORDER BY sequence DESC LIMIT 1"
    ).text.map { RunID($0) }
  }

  /// Records a commit point; one that is recorded already stays as it is.
  func recordCommitPoint(
    _ run: RunID, epoch: Epoch, at time: Timestamp
  ) throws(StepFailure) {
    try connection.execute(
      "INSERT OR IGNORE INTO \(OwnTables.run) (run, epoch, committed_at) VALUES (?, ?, ?)",
      [.text(run.text), .integer(epoch.number), .integer(time.milliseconds)])
  }

  // MARK: The rest

  /// The random name of this database; empty before adoption.
  func systemID() throws(StepFailure) -> String {
    guard try has(OwnTables.identity) else { return "" }
    return try connection.scalar("SELECT system FROM \(OwnTables.identity)").text ?? ""
  }

  /// Whether the service has tables of its own.
  func hasServiceTables() throws(StepFailure) -> Bool {
    try connection.schemaEntries().contains { entry in
      entry.type == "table" && !entry.name.hasPrefix("sqlite_") && entry.name != ledger.table
        && !OwnTables.isOwn(entry.name)
    }
  }

  /// Whether a table of that name exists.
  func has(_ table: String) throws(StepFailure) -> Bool {
    try connection.scalar(
      "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name = ?", [.text(table)]
    ) == .integer(1)
  }
}
