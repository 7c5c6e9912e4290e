package import WindlassCore

/// golang-migrate's ledger on SQLite: one row, or none when nothing is applied.
package struct SQLiteLedger: Hashable, Sendable {
  /// The table's name where nobody chose another.
  package static let defaultTable = "schema_migrations"

  package let table: String

  /// Makes a ledger; nil unless the name is a plain word, since the other tool does not quote it.
  package init?(table: String = SQLiteLedger.defaultTable) {
    let isPlain = table.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
      default: false
      }
    }
    guard isPlain, let first = table.utf8.first, !(0x30...0x39).contains(first),
      table.utf8.count <= 128
    else { return nil }
    self.table = table
  }

  private init(plain table: String) { self.table = table }

  /// The ledger under its usual name.
  package static let standard = SQLiteLedger(plain: defaultTable)

  /// Makes the table as the other tool does, so that the stored text is the same to the letter.
  package var creation: [SQLStatement] {
    [
      SQLStatement("CREATE TABLE IF NOT EXISTS \(table) (version uint64,dirty bool)"),
      SQLStatement("CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON \(table) (version)"),
    ]
  }

  /// Replaces the row; for nil the table is left empty.
  package func writing(_ version: SchemaVersion?) -> [SQLStatement] {
    let clearing = SQLStatement("DELETE FROM \(table)")
    guard let version else { return [clearing] }
    return [
      clearing,
      SQLStatement(
        "INSERT INTO \(table) (version, dirty) VALUES (?, ?)",
        [.integer(Int64(bitPattern: version.number)), .integer(0)]),
    ]
  }

  /// Reads every row, of which there must be at most one.
  package var reading: SQLStatement { SQLStatement("SELECT version, dirty FROM \(table)") }

  /// What the rows say.
  ///
  /// - Throws: `LedgerMalformed` for more than one row or for values that are no version.
  package func interpret(
    _ rows: [SQLRow]
  ) throws(StepFailure) -> (version: SchemaVersion?, isDirty: Bool) {
    try LedgerRow.interpret(rows, table: table)
  }
}
