import WindlassCore
import WindlassSchema

/// Windlass's own tables on MySQL and MariaDB, and what is read from and written to them.
struct MySQLOwnSchema {
  let connection: MySQLConnection
  let ledger: MySQLLedger

  private static let creation: [(table: String, columns: String)] = [
    (
      OwnTables.fence,
      "id TINYINT NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL, holder VARCHAR(255) NOT NULL"
    ),
    (OwnTables.identity, "id TINYINT NOT NULL PRIMARY KEY, name VARCHAR(64) NOT NULL"),
    (
      OwnTables.history,
      """
      version BIGINT NOT NULL PRIMARY KEY, file VARCHAR(512) NOT NULL, checksum CHAR(64) NOT NULL,
      phase VARCHAR(16) NOT NULL, run VARCHAR(255) NOT NULL, duration_ms BIGINT NOT NULL,
      applied_at BIGINT NOT NULL
      """
    ),
    (
      OwnTables.run,
      """
      sequence BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, run VARCHAR(255) NOT NULL UNIQUE,
      epoch BIGINT NOT NULL, committed_at BIGINT NOT NULL
      """
    ),
    (
      OwnTables.catalogue,
      """
      id TINYINT NOT NULL PRIMARY KEY, version BIGINT, fingerprint CHAR(64) NOT NULL,
      catalogue LONGTEXT NOT NULL
      """
    ),
    (OwnTables.step, MySQLStepJournal.columns), (OwnTables.backfill, backfillColumns),
  ]

  /// Makes the tables that are missing, and gives the database a random name if it has none; each
  /// statement commits by itself.
  func create() throws(StepFailure) {
    let present = try tables()
    var isNew = false
    for (table, columns) in Self.creation where !present.contains(table) {
      isNew = true
      try connection.run(
        """
        CREATE TABLE IF NOT EXISTS \(table) (\(columns))
        ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
        """)
    }
    guard isNew else { return }
    var bytes: [UInt64] = []
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2 { bytes.append(generator.next()) }
    let name = bytes.map { String(1 << 63 | $0, radix: 16) }.joined()
    try connection.run(
      SQLStatement(
        "INSERT IGNORE INTO \(OwnTables.identity) (id, name) VALUES (1, ?)", [.text(name)]))
    if try connection.scalar("SELECT COUNT(*) FROM \(OwnTables.catalogue)") == .integer(0),
      try history().isEmpty
    {
      try recordCatalogue()
    }
  }

  /// The names of the tables that are there of Windlass's and the ledger's.
  func tables() throws(StepFailure) -> Set<String> {
    if let known = connection.knownTables { return known }
    let rows = try connection.rows(
      """
      SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
        AND (TABLE_NAME LIKE 'windlass\\_%' OR TABLE_NAME = ?)
      """, [.text(ledger.table)])
    let tables = Set(rows.compactMap { $0.values.first?.text })
    note(tables)
    return tables
  }

  /// Remembers the tables for as long as the connection lasts, if all of them are there.
  func note(_ tables: Set<String>) {
    let isComplete = Self.creation.allSatisfy { tables.contains($0.table) }
    if isComplete, hasLedger(tables) { connection.knownTables = tables }
  }

  /// Whether the ledger's table is among those.
  func hasLedger(_ tables: Set<String>) -> Bool {
    tables.contains { $0.lowercased() == ledger.table.lowercased() }
  }

  // MARK: Fence

  /// The fence's number; nil when there is no fence yet.
  func epoch(_ tables: Set<String>) throws(StepFailure) -> Epoch? {
    guard tables.contains(OwnTables.fence) else { return nil }
    return try connection.scalar("SELECT epoch FROM \(OwnTables.fence) WHERE id = 1").integer
      .map { Epoch($0) }
  }

  /// Fails with `FenceLost` unless the fence holds exactly that number; in a transaction it keeps
  /// the fence from changing until the end.
  func requireEpoch(_ expected: Epoch?) throws(StepFailure) {
    let isThere = try tables().contains(OwnTables.fence)
    let found =
      isThere
      ? try connection.scalar("SELECT epoch FROM \(OwnTables.fence) WHERE id = 1 FOR UPDATE")
        .integer.map { Epoch($0) } : nil
    try FenceCheck.require(expected, found: found, database: connection.address.name)
  }

  /// Sets the fence; the tables exist.
  func setEpoch(_ epoch: Epoch, holder: RunID) throws(StepFailure) {
    try connection.run(
      SQLStatement(
        "REPLACE INTO \(OwnTables.fence) (id, epoch, holder) VALUES (1, ?, ?)",
        [.integer(epoch.number), .text(holder.text)]))
  }

  // MARK: Ledger and history

  /// What the ledger's row says.
  func ledgerRow(
    _ tables: Set<String>? = nil
  ) throws(StepFailure) -> (version: SchemaVersion?, isDirty: Bool) {
    let present = if let tables { tables } else { try self.tables() }
    guard hasLedger(present) else { return (nil, false) }
    return try ledger.interpret(connection.rows(ledger.reading))
  }

  /// Makes the ledger's table unless it is there.
  func createLedger() throws(StepFailure) {
    if hasLedger(try tables()) { return }
    try connection.run(ledger.creation)
  }

  /// Writes the ledger's row, inside a transaction.
  func writeLedger(_ version: SchemaVersion?, isDirty: Bool) throws(StepFailure) {
    _ = try connection.run(together: ledger.writing(version, isDirty: isDirty))
  }

  /// What Windlass applied, ascending.
  func history(_ tables: Set<String>? = nil) throws(StepFailure) -> [HistoryEntry] {
    let present = if let tables { tables } else { try self.tables() }
    guard present.contains(OwnTables.history) else { return [] }
    return try connection.run(Self.readingHistory).rows.map { HistoryEntry($0) }
  }

  /// The question for the whole history; the table exists.
  static let readingHistory = SQLStatement(
    """
    SELECT version, file, checksum, phase, run, duration_ms, applied_at
    FROM \(OwnTables.history) ORDER BY version
    """)

  /// The history's line of one migration; the table exists.
  func historyEntry(of version: SchemaVersion) throws(StepFailure) -> HistoryEntry? {
    try connection.run(readingHistory(of: version)).rows.first.map { HistoryEntry($0) }
  }

  /// The question for the history's line of one migration.
  func readingHistory(of version: SchemaVersion) -> SQLStatement {
    SQLStatement(
      """
      SELECT version, file, checksum, phase, run, duration_ms, applied_at
      FROM \(OwnTables.history) WHERE version = \(version.number)
      """)
  }

  /// Writes an applied migration into ledger and history, inside a transaction.
  func record(_ entry: HistoryEntry) throws(StepFailure) {
    _ = try connection.run(
      together: ledger.writing(entry.version, isDirty: false) + ending(entry))
  }

  /// What is written of an applied migration besides the ledger.
  ///
  /// - Parameter forgetsBackfills: false where there are surely none.
  func ending(_ entry: HistoryEntry, forgetsBackfills: Bool = true) -> [SQLStatement] {
    [
      SQLStatement(
        """
        INSERT INTO \(OwnTables.history)
          (version, file, checksum, phase, run, duration_ms, applied_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """, entry.values)
    ] + (forgetsBackfills ? [forgettingBackfills(from: entry.version.number)] : [])
  }

  /// Whether a backfill is under way; the table exists.
  func hasBackfills() throws(StepFailure) -> Bool {
    try connection.scalar("SELECT COUNT(*) FROM \(OwnTables.backfill)") != .integer(0)
  }

  /// Drops the history above the ledger's version, after a person took migrations back.
  func forgetHistory(above version: SchemaVersion?) throws(StepFailure) {
    let number = version.map { Int64(bitPattern: $0.number) } ?? -1
    try connection.run("DELETE FROM \(OwnTables.history) WHERE version > \(number)")
    try connection.run(MySQLStepJournal.clearing)
    try forgetBackfills(from: (version?.number).map { $0 + 1 } ?? 0)
  }

  // MARK: Commit point and the rest

  /// The run whose commit point was recorded last.
  func committedRun(_ tables: Set<String>) throws(StepFailure) -> RunID? {
    guard tables.contains(OwnTables.run) else { return nil }
    return try connection.scalar(
      "SELECT run FROM \(OwnTables.run) ORDER BY sequence DESC LIMIT 1"
    ).text.map { RunID($0) }
  }

  /// Records a commit point; one that is recorded already stays as it is.
  func recordCommitPoint(
    _ run: RunID, epoch: Epoch, at time: Timestamp
  ) throws(StepFailure) {
    try connection.run(
      SQLStatement(
        "INSERT IGNORE INTO \(OwnTables.run) (run, epoch, committed_at) VALUES (?, ?, ?)",
        [.text(run.text), .integer(epoch.number), .integer(time.milliseconds)]))
  }

  /// The random name of this database; empty before adoption.
  func systemID(_ tables: Set<String>) throws(StepFailure) -> String {
    guard tables.contains(OwnTables.identity) else { return "" }
    return try connection.scalar("SELECT name FROM \(OwnTables.identity)").text ?? ""
  }

  /// Whether the service has tables of its own.
  func hasServiceTables() throws(StepFailure) -> Bool {
    let count = try connection.scalar(
      """
      SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
        AND TABLE_NAME NOT LIKE 'windlass\\_%' AND TABLE_NAME <> ?
      """, [.text(ledger.table)])
    return count != .integer(0)
  }

  // MARK: Drift

  /// Records the schema as it is now, as the one from which drift is told.
  func recordCatalogue() throws(StepFailure) {
    try connection.limitStatements(to: .zero)
    // Asked for first: what changes between the two is told by the next look.
    let stamp = try connection.schemaStamp(ledger: ledger)
    let record = try RecordedCatalogue(
      connection.catalogue(ledger: ledger, countsRows: false), version: ledgerRow().version,
      fingerprint: stamp, database: connection.address.name)
    try connection.run(
      SQLStatement(
        """
        REPLACE INTO \(OwnTables.catalogue) (id, version, fingerprint, catalogue)
        VALUES (1, ?, ?, ?)
        """,
        [
          record.version.map { .integer(Int64(bitPattern: $0.number)) } ?? .null,
          .text(record.fingerprint), .text(record.json),
        ]))
  }

  /// Says that the schema is about to change: until it is recorded again, nothing is drift.
  func forgetCatalogue() throws(StepFailure) {
    try connection.run("DELETE FROM \(OwnTables.catalogue)")
  }

  /// How the schema differs from the recorded one; nil when it does not, or none is recorded.
  func drift(_ tables: Set<String>) throws(StepFailure) -> SchemaDrift? {
    guard tables.contains(OwnTables.catalogue),
      let mark = try connection.run(Self.readingFingerprint).rows.first
    else { return nil }
    let version = try ledgerRow(tables).version
    if mark["version"].integer == version.map({ Int64(bitPattern: $0.number) }),
      mark["fingerprint"].text == (try connection.schemaStamp(ledger: ledger))?.text
    {
      return nil
    }
    let row = try connection.rows(
      "SELECT version, fingerprint, catalogue FROM \(OwnTables.catalogue) WHERE id = 1"
    ).first
    guard let row else { return nil }
    let record = RecordedCatalogue(
      version: row["version"].integer.map { SchemaVersion(UInt64(bitPattern: $0)) },
      fingerprint: row["fingerprint"].text ?? "", json: row["catalogue"].text ?? "")
    let drift = try record.drift(
      to: connection.catalogue(ledger: ledger, countsRows: false),
      version: version, database: connection.address.name)
    // What the user may not see would be told as gone.
    if drift != nil { try MySQLRights(connection).requireSeeingAll() }
    return drift
  }

  /// The question for what tells the recorded schema from another; the table exists.
  static let readingFingerprint = SQLStatement(
    "SELECT version, fingerprint FROM \(OwnTables.catalogue) WHERE id = 1")
}
