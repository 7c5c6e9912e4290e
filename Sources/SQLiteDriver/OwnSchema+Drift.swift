import WindlassCore
import WindlassSchema

extension OwnSchema {
  /// Records the schema as it is now, as the one from which drift is told.
  func recordCatalogue() throws(StepFailure) {
    let record = try RecordedCatalogue(
      connection.catalogue(ledger: ledger, countsRows: false), version: ledgerRow().version,
      fingerprint: connection.schemaFingerprint(ledger: ledger), database: connection.path)
    try connection.execute(
      """
      INSERT OR REPLACE INTO \(OwnTables.catalogue) (id, version, fingerprint, catalogue)
      VALUES (1, ?, ?, ?)
      """,
      [
        record.version.map { .integer(Int64(bitPattern: $0.number)) } ?? .null,
        .text(record.fingerprint), .text(record.json),
      ])
  }

  /// Drops the record: nothing is told of drift until the next one.
  func forgetCatalogue() throws(StepFailure) {
    try connection.execute("DELETE FROM \(OwnTables.catalogue)")
  }

  /// How the schema differs from the recorded one; nil when it does not, or none is recorded.
  func drift() throws(StepFailure) -> SchemaDrift? {
    guard try has(OwnTables.catalogue),
      let row = try connection.rows(
        "SELECT version, fingerprint FROM \(OwnTables.catalogue)", limit: 1
      ).first
    else { return nil }
    var record = RecordedCatalogue(
      version: row["version"].integer.map { SchemaVersion(UInt64(bitPattern: $0)) },
      fingerprint: row["fingerprint"].text ?? "", json: "")
    let version = try ledgerRow().version
    // The catalogue follows from the stored text alone, so it need not be made while that is equal.
    if record.version == version,
      record.fingerprint == (try connection.schemaFingerprint(ledger: ledger)).text
    {
      return nil
    }
    record.json =
      try connection.scalar("SELECT catalogue FROM \(OwnTables.catalogue)").text ?? ""
    return try record.drift(
      to: connection.catalogue(ledger: ledger, countsRows: false), version: version,
      database: connection.path)
  }
}

extension SchemaDrift {
  /// The failure for a schema that is not as it was left.
  func failure(path: String) -> StepFailure {
    failure(database: path, reference: SQLiteURL.url(of: path))
  }
}
