import WindlassCore
import WindlassSchema

/// Windlass's own tables on PostgreSQL, in the ledger's schema, and what is read from and written
/// to them.
///
/// Every method runs inside a transaction or snapshot that the caller has opened.
struct PostgresOwnSchema {
  let connection: PostgresConnection
  let place: LedgerPlace
  /// Which of the tables exist, the ledger's and its lock's among them.
  private(set) var existing: Set<String>
  /// What was asked for in the same breath, by the text of the question; only in a snapshot, where
  /// every answer stays true.
  private var answers: [String: [SQLRow]] = [:]

  /// Looks which tables there are.
  init(_ connection: PostgresConnection, _ place: LedgerPlace) throws(StepFailure) {
    let question = Self.tablesQuestion(place)
    self.init(connection, place, tables: try connection.rows(question.text, question.parameters))
  }

  /// Takes the answer to `tablesQuestion`.
  init(_ connection: PostgresConnection, _ place: LedgerPlace, tables: [SQLRow]) {
    self.connection = connection
    self.place = place
    existing = Set(tables.compactMap { $0.values[0].text })
  }

  /// Asks which of Windlass's tables, the ledger's and its lock's there are.
  static func tablesQuestion(_ place: LedgerPlace) -> SQLStatement {
    SQLStatement(
      """
      SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
        AND (c.relname LIKE 'windlass\\_%' OR c.relname = $2 OR c.relname = $3)
      """, [.text(place.schema), .text(place.table), .text(place.lockTable)])
  }

  /// Asks for ledger, history and the stamp of the schema in one turn; call it inside a snapshot.
  mutating func readAhead() throws(StepFailure) {
    guard connection.dialect == .postgres else { return }
    var questions: [SQLStatement] = []
    if has(place.table) { questions.append(ledgerQuestion) }
    if has(OwnTables.history) { questions.append(historyQuestion(of: nil)) }
    if has(OwnTables.catalogue) { questions += [recordQuestion, CatalogueStamp.question] }
    guard questions.count > 1 else { return }
    for (question, rows) in zip(questions, try connection.pipeline(questions)) {
      answers[question.text] = rows
    }
  }

  /// The answer to a question without parameters, which may have come already.
  func rows(_ question: SQLStatement, limit: Int) throws(StepFailure) -> [SQLRow] {
    guard question.parameters.isEmpty, let rows = answers[question.text] else {
      return try connection.rows(question.text, question.parameters, limit: limit)
    }
    guard rows.count <= limit else { throw connection.tooManyRows(limit) }
    return rows
  }

  /// Whether a table of that name exists in the ledger's schema.
  func has(_ table: String) -> Bool { existing.contains(table) }

  /// Takes it that all of Windlass's tables and the ledger's exist, as they did a moment ago; where
  /// one is gone, the statement that names it fails.
  ///
  /// - Parameter hasLockTable: whether golang-migrate's table of locks exists.
  init(complete connection: PostgresConnection, _ place: LedgerPlace, hasLockTable: Bool) {
    self.connection = connection
    self.place = place
    existing = Self.tables.union([place.table])
    if hasLockTable { existing.insert(place.lockTable) }
  }

  /// Whether the ledger's table and all of Windlass's exist.
  var isComplete: Bool { existing.isSuperset(of: Self.tables) && has(place.table) }

  private var creation: String {
    let place = place
    return """
      CREATE TABLE IF NOT EXISTS \(place.own(OwnTables.fence)) (
        id int PRIMARY KEY CHECK (id = 1), epoch bigint NOT NULL, holder text NOT NULL);
      CREATE TABLE IF NOT EXISTS \(place.own(OwnTables.identity)) (
        id int PRIMARY KEY CHECK (id = 1), system text NOT NULL);
      CREATE TABLE IF NOT EXISTS \(place.own(OwnTables.history)) (
        version bigint PRIMARY KEY, file text NOT NULL, checksum text NOT NULL,
        phase text NOT NULL, run text NOT NULL, duration_ms bigint NOT NULL,
        applied_at bigint NOT NULL);
      CREATE TABLE IF NOT EXISTS \(place.own(OwnTables.run)) (
        sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run text NOT NULL UNIQUE,
        epoch bigint NOT NULL, committed_at bigint NOT NULL);
      CREATE TABLE IF NOT EXISTS \(place.own(OwnTables.catalogue)) (
        id int PRIMARY KEY CHECK (id = 1), version bigint, fingerprint text NOT NULL,
        catalogue text NOT NULL);
      CREATE TABLE IF NOT EXISTS \(place.own(OwnTables.progress)) (
        id int PRIMARY KEY CHECK (id = 1), version bigint NOT NULL, before bigint,
        checksum text NOT NULL, run text NOT NULL, done int NOT NULL, begun int NOT NULL);
      \(Self.backfillCreation(place));
      \(identification)
      """
  }

  private var identification: String {
    """
    INSERT INTO \(place.own(OwnTables.identity)) (id, system)
      VALUES (1, replace(gen_random_uuid()::text, '-', '')) ON CONFLICT DO NOTHING
    """
  }

  private static let tables: Set<String> = [
    OwnTables.fence, OwnTables.identity, OwnTables.history, OwnTables.run, OwnTables.catalogue,
    OwnTables.progress, OwnTables.backfill,
  ]

  /// Makes the tables that are missing, and gives the database a random name if it has none.
  ///
  /// - Parameter recordsCatalogue: whether the schema is recorded where none was ever; a migration
  ///   does that afterwards, when it holds no locks.
  mutating func create(recordsCatalogue: Bool = true) throws(StepFailure) {
    let isComplete = existing.isSuperset(of: Self.tables)
    if isComplete, !(try identity()).isEmpty { return }
    let isFirst = !has(OwnTables.catalogue)
    switch connection.dialect {
    case .postgres: try connection.run(script: creation)
    case .cockroachdb:
      precondition(isComplete, "the tables are made outside the transaction")
      try connection.run(script: identification)
    }
    existing.formUnion(Self.tables)
    if isFirst || connection.dialect == .cockroachdb, recordsCatalogue {
      try recordCatalogueIfMissing()
    }
  }

  /// Lets a user read the ledger and Windlass's tables as far as they belong to the session's user,
  /// so that it needs no right on tables that are none of its business; the ledger is made where it
  /// is missing, since nobody may be let read what is not there.
  mutating func letRead(_ user: String) throws(StepFailure) {
    if !has(place.table) {
      try connection.run(script: place.creation)
      existing.insert(place.table)
    }
    let tables = try connection.rows(
      """
      SELECT format('%I.%I', n.nspname, c.relname), quote_ident(r.rolname)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
        pg_catalog.pg_roles r
      WHERE n.nspname = $1 AND r.rolname = $3 AND c.relkind IN ('r', 'p')
        AND (c.relname LIKE 'windlass\\_%' OR c.relname = $2)
        AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
        AND NOT pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT') ORDER BY 1
      """, [.text(place.schema), .text(place.table), .text(user)])
    guard let reader = tables.first?.values[1].text else { return }
    let names = tables.compactMap { $0.values[0].text }.joined(separator: ", ")
    try connection.run(script: "GRANT SELECT ON \(names) TO \(reader)")
  }

  // MARK: Fence

  /// The fence's number; nil when there is no fence yet.
  ///
  /// - Parameter locks: whether nobody may change it until the transaction ends.
  func epoch(locks: Bool = false) throws(StepFailure) -> Epoch? {
    guard has(OwnTables.fence) else { return nil }
    let value = try connection.scalar(
      "SELECT epoch FROM \(place.own(OwnTables.fence)) WHERE id = 1\(locks ? " FOR SHARE" : "")")
    return value.integer.map { Epoch($0) }
  }

  /// Fails with `FenceLost` unless the fence holds exactly that number, and keeps it there until
  /// the transaction ends.
  func requireEpoch(_ epoch: Epoch?) throws(StepFailure) {
    try FenceCheck.require(epoch, found: try self.epoch(locks: true), database: connection.place)
  }

  /// Who took the fence last.
  func fenceHolder() throws(StepFailure) -> String? {
    guard has(OwnTables.fence) else { return nil }
    return try connection.scalar("SELECT holder FROM \(place.own(OwnTables.fence))").text
  }

  /// Moves the fence on, in one statement that finds the number it had; the tables exist.
  ///
  /// - Throws: `FenceLost` when it holds another number.
  func advanceEpoch(
    from current: Epoch?, to next: Epoch, holder: String
  ) throws(StepFailure) {
    let fence = place.own(OwnTables.fence)
    let moved =
      if let current {
        try connection.rows(
          "UPDATE \(fence) SET epoch = $1, holder = $2 WHERE id = 1 AND epoch = $3 RETURNING 1",
          [.integer(next.number), .text(holder), .integer(current.number)])
      } else {
        try connection.rows(
          """
          INSERT INTO \(fence) (id, epoch, holder) VALUES (1, $1, $2)
          ON CONFLICT (id) DO NOTHING RETURNING 1
          """, [.integer(next.number), .text(holder)])
      }
    guard moved.isEmpty else { return }
    throw FenceCheck.lost(current, found: try epoch(), database: connection.place)
  }

  /// Sets the fence whatever it held, as a restore does; the tables exist.
  func setEpoch(_ epoch: Epoch, holder: String) throws(StepFailure) {
    try connection.execute(
      """
      INSERT INTO \(place.own(OwnTables.fence)) (id, epoch, holder) VALUES (1, $1, $2)
      ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, holder = excluded.holder
      """, [.integer(epoch.number), .text(holder)])
  }

  // MARK: Ledger and history

  /// What the ledger's row says.
  func ledgerRow() throws(StepFailure) -> (version: SchemaVersion?, isDirty: Bool) {
    guard has(place.table) else { return (nil, false) }
    return try ledgerRow(rows(ledgerQuestion, limit: 16))
  }

  /// Reads the ledger.
  var ledgerQuestion: SQLStatement { SQLStatement("SELECT version, dirty FROM \(place.name)") }

  /// What the rows of the ledger say.
  func ledgerRow(
    _ rows: [SQLRow]
  ) throws(StepFailure) -> (version: SchemaVersion?, isDirty: Bool) {
    try LedgerRow.interpret(rows, table: place.name)
  }

  /// What Windlass applied, ascending.
  ///
  /// - Parameter version: the only version that is asked for; nil for all.
  func history(of version: SchemaVersion? = nil) throws(StepFailure) -> [HistoryEntry] {
    guard has(OwnTables.history) else { return [] }
    return try rows(historyQuestion(of: version), limit: Bounds.migrationFilesMax).map {
      HistoryEntry($0)
    }
  }

  /// Reads the history.
  func historyQuestion(of version: SchemaVersion?) -> SQLStatement {
    let text = """
      SELECT version, file, checksum, phase, run, duration_ms, applied_at
      FROM \(place.own(OwnTables.history))
      """
    guard let version else { return SQLStatement(text + " ORDER BY version") }
    return SQLStatement(
      text + " WHERE version = $1", [.integer(Int64(bitPattern: version.number))])
  }

  /// Writes the ledger's row, after making the table where it is missing.
  mutating func writeLedger(
    _ version: SchemaVersion?, isDirty: Bool = false
  ) throws(StepFailure) {
    // Without the right to make tables an existing one can still be written.
    let creation = has(place.table) ? "" : place.creation + "; "
    try connection.run(script: creation + place.writing(version, isDirty: isDirty))
    existing.insert(place.table)
  }

  /// Writes applied migrations, ascending, into ledger and history; the record of the schema is
  /// dropped, because it is not true any more.
  mutating func record(_ entries: [HistoryEntry]) throws(StepFailure) {
    guard let last = entries.last else { return }
    let forgetting = SQLStatement("DELETE FROM \(place.own(OwnTables.catalogue))")
    if entries.count == 1, has(place.table), connection.dialect == .postgres {
      let number = SQLValue.integer(Int64(bitPattern: last.version.number))
      _ = try connection.pipeline(
        [
          SQLStatement("DELETE FROM \(place.name)"),
          SQLStatement(
            "INSERT INTO \(place.name) (version, dirty) VALUES ($1, false)", [number]),
          recording(entries), forgetting,
        ] + forgettingBackfills(from: last.version.number))
      return
    }
    try writeLedger(last.version)
    let recording = recording(entries)
    try connection.execute(recording.text, recording.parameters)
    try connection.execute(forgetting.text)
    try forgetBackfills(from: entries[0].version.number)
  }

  private func recording(_ entries: [HistoryEntry]) -> SQLStatement {
    let width = 7
    let rows = entries.indices.map { row in
      "(" + (1...width).map { "$\(row * width + $0)" }.joined(separator: ", ") + ")"
    }
    return SQLStatement(
      """
      INSERT INTO \(place.own(OwnTables.history))
        (version, file, checksum, phase, run, duration_ms, applied_at)
      VALUES \(rows.joined(separator: ", "))
      """, entries.flatMap(\.values))
  }

  /// Drops the history above the ledger's version, after a person took migrations back.
  func forgetHistory(above version: SchemaVersion?) throws(StepFailure) {
    try connection.execute(
      "DELETE FROM \(place.own(OwnTables.history)) WHERE version > $1",
      [.integer(version.map { Int64(bitPattern: $0.number) } ?? -1)])
    try forgetBackfills(from: (version?.number).map { $0 + 1 } ?? 0)
  }

  // MARK: Commit point

  /// The run whose commit point was recorded last.
  func committedRun() throws(StepFailure) -> RunID? {
    guard has(OwnTables.run) else { return nil }
    return try connection.scalar(
      "SELECT run FROM \(place.own(OwnTables.run)) ORDER BY sequence DESC LIMIT 1"
    ).text.map { RunID($0) }
  }

  /// Records a commit point; one that is recorded already stays as it is.
  func recordCommitPoint(
    _ run: RunID, epoch: Epoch, at time: Timestamp
  ) throws(StepFailure) {
    try connection.execute(
      """
      INSERT INTO \(place.own(OwnTables.run)) (run, epoch, committed_at) VALUES ($1, $2, $3)
      ON CONFLICT (run) DO NOTHING
      """, [.text(run.text), .integer(epoch.number), .integer(time.milliseconds)])
  }

  // MARK: The rest

  /// The server's number and the random name of this database; empty before adoption.
  func systemID() throws(StepFailure) -> String {
    let identity = try identity()
    return identity.isEmpty ? "" : "\(connection.server.system):\(identity)"
  }

  private func identity() throws(StepFailure) -> String {
    guard has(OwnTables.identity) else { return "" }
    return try connection.scalar("SELECT system FROM \(place.own(OwnTables.identity))").text ?? ""
  }

  /// Whether the service has tables of its own, in any schema.
  func hasServiceTables() throws(StepFailure) -> Bool {
    try connection.scalar(
      """
      SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
          AND n.nspname NOT IN ('information_schema', 'crdb_internal')
          AND n.nspname NOT LIKE 'pg\\_%'
          AND c.relname NOT LIKE 'windlass\\_%' AND c.relname <> $3
          AND NOT (n.nspname = $1 AND c.relname = $2)
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
            AND d.objid = c.oid AND d.deptype = 'e'))
      """, [.text(place.schema), .text(place.table), .text(place.lockTable)]) == .integer(1)
  }
}
