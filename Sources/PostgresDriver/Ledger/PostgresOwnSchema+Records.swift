import WindlassCore
import WindlassSchema

/// How far a migration that can't run in one transaction has come.
struct MigrationProgress: Hashable {
  var version: SchemaVersion
  /// What the ledger said before.
  var before: SchemaVersion?
  /// The SHA-256 of the file, which must not change on the way.
  var checksum: Digest
  var run: RunID
  /// Steps that are done.
  var done: Int
  /// Steps that were begun.
  var begun: Int

  /// Where the migration stands.
  var interruption: InterruptedMigration {
    InterruptedMigration(
      version: version, before: before, run: run, file: "", position: done + 1, count: nil,
      line: nil, standing: begun > done ? .begun : .notBegun, unit: .step)
  }
}

extension PostgresOwnSchema {
  // MARK: Progress

  /// The migration under way, if the ledger says that it is.
  func progress() throws(StepFailure) -> MigrationProgress? {
    guard has(OwnTables.progress),
      let row = try connection.rows(
        """
        SELECT version, before, checksum, run, done, begun
        FROM \(place.own(OwnTables.progress))
        """, limit: 1
      ).first
    else { return nil }
    let progress = MigrationProgress(
      version: SchemaVersion(UInt64(bitPattern: row["version"].integer ?? 0)),
      before: row["before"].integer.map { SchemaVersion(UInt64(bitPattern: $0)) },
      checksum: Digest(row["checksum"].text ?? ""), run: RunID(row["run"].text ?? ""),
      done: Int(row["done"].integer ?? 0), begun: Int(row["begun"].integer ?? 0))
    // A person who cleared the ledger's mark has ended the migration in their own way.
    let (version, isDirty) = try ledgerRow()
    return isDirty && version == progress.version ? progress : nil
  }

  /// Writes how far the migration has come.
  func write(_ progress: MigrationProgress) throws(StepFailure) {
    try connection.execute(
      """
      INSERT INTO \(place.own(OwnTables.progress))
        (id, version, before, checksum, run, done, begun) VALUES (1, $1, $2, $3, $4, $5, $6)
      ON CONFLICT (id) DO UPDATE SET version = excluded.version, before = excluded.before,
        checksum = excluded.checksum, run = excluded.run, done = excluded.done,
        begun = excluded.begun
      """,
      [
        .integer(Int64(bitPattern: progress.version.number)),
        progress.before.map { .integer(Int64(bitPattern: $0.number)) } ?? .null,
        .text(progress.checksum.text), .text(progress.run.text), .integer(Int64(progress.done)),
        .integer(Int64(progress.begun)),
      ])
  }

  /// Forgets the migration under way.
  func endProgress() throws(StepFailure) {
    try connection.execute("DELETE FROM \(place.own(OwnTables.progress))")
  }

  // MARK: Drift

  /// Records the schema as it is now, as the one from which drift is told.
  func recordCatalogue() throws(StepFailure) {
    // Read first: what changes meanwhile makes the stamp an old one, and is looked at.
    let stamp = try connection.catalogueStamp()
    let record = try RecordedCatalogue(
      connection.catalogue(place, countsRows: false), version: ledgerRow().version,
      fingerprint: stamp, database: connection.place)
    try connection.execute(
      """
      INSERT INTO \(place.own(OwnTables.catalogue)) (id, version, fingerprint, catalogue)
      VALUES (1, $1, $2, $3) ON CONFLICT (id) DO UPDATE SET version = excluded.version,
        fingerprint = excluded.fingerprint, catalogue = excluded.catalogue
      """,
      [
        record.version.map { .integer(Int64(bitPattern: $0.number)) } ?? .null,
        .text(record.fingerprint), .text(record.json),
      ])
  }

  /// Records the schema where no record is.
  func recordCatalogueIfMissing() throws(StepFailure) {
    let count = try connection.scalar("SELECT count(*) FROM \(place.own(OwnTables.catalogue))")
    if count == .integer(0) { try recordCatalogue() }
  }

  /// Records the schema anew after a restore, where the record is of the ledger's version: the
  /// server prints some expressions differently once they were restored, which is no drift.
  func renewCatalogue() throws(StepFailure) {
    guard has(OwnTables.catalogue),
      let row = try connection.rows(
        "SELECT version FROM \(place.own(OwnTables.catalogue))", limit: 1
      ).first,
      try row.values[0].integer == ledgerRow().version.map({ Int64(bitPattern: $0.number) })
    else { return }
    try recordCatalogue()
  }

  /// Reads what is recorded but for the schema itself.
  var recordQuestion: SQLStatement {
    SQLStatement("SELECT version, fingerprint FROM \(place.own(OwnTables.catalogue))")
  }

  /// How the schema differs from the recorded one; nil when it does not, none is recorded, or a
  /// migration of Windlass is under way.
  func drift() throws(StepFailure) -> SchemaDrift? {
    guard has(OwnTables.catalogue) else { return nil }
    let (version, isDirty) = try ledgerRow()
    if isDirty, try progress() != nil { return nil }
    guard let row = try rows(recordQuestion, limit: 1).first else { return nil }
    var record = RecordedCatalogue(
      version: row["version"].integer.map { SchemaVersion(UInt64(bitPattern: $0)) },
      fingerprint: row["fingerprint"].text ?? "", json: "")
    if record.version == version, try isStamped(record.fingerprint) { return nil }
    record.json =
      try connection.scalar("SELECT catalogue FROM \(place.own(OwnTables.catalogue))").text ?? ""
    return try record.drift(
      to: connection.catalogue(place, countsRows: false), version: version,
      database: connection.place)
  }

  /// Whether the schema as it is now bears a stamp that was recorded; false where one has to look.
  private func isStamped(_ recorded: String) throws(StepFailure) -> Bool {
    guard connection.dialect == .postgres else { return false }
    if try CatalogueStamp.digest(in: rows(CatalogueStamp.question, limit: 1)).text == recorded {
      return true
    }
    let former = try rows(FormerCatalogueStamp.question, limit: 1)
    return FormerCatalogueStamp.digest(in: former).text == recorded
  }

  // MARK: Locking by rows

  /// Locks the way of the versions of golang-migrate that lock by rows, where their table exists,
  /// until the transaction ends. The rows are never committed, so that none is left by a crash.
  func lockRows() throws(StepFailure) {
    guard has(place.lockTable) else { return }
    for key in place.rowKeys {
      let count = try connection.execute(
        "INSERT INTO \(place.own(place.lockTable)) (lock_id) VALUES ($1) ON CONFLICT DO NOTHING",
        [.integer(key)])
      guard count == 1 else {
        throw StepFailure(
          code: "DatabaseLocked", disposition: .retry,
          message: "A row of \(place.lockTable) on \(connection.place) says that golang-migrate"
            + " migrates, or was killed while it did. If nothing migrates there, delete the row.")
      }
    }
  }

  /// Takes the rows away before the transaction commits.
  func unlockRows() throws(StepFailure) {
    guard has(place.lockTable) else { return }
    let keys = place.rowKeys.map(String.init).joined(separator: ", ")
    try connection.execute(
      "DELETE FROM \(place.own(place.lockTable)) WHERE lock_id IN (\(keys))")
  }
}
