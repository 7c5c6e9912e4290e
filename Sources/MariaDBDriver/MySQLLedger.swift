import WindlassCore

/// golang-migrate's ledger on MySQL and MariaDB: one row, or none when nothing is applied.
package struct MySQLLedger: Hashable, Sendable {
  /// The table's name where nobody chose another.
  package static let defaultTable = "schema_migrations"

  package let table: String

  /// Makes a ledger; nil for a name that no table can have, or that has a quote.
  package init?(table: String = MySQLLedger.defaultTable) {
    guard !table.isEmpty, table.count <= 64, !table.contains("`"), !table.utf8.contains(0) else {
      return nil
    }
    self.table = table
  }

  private init(plain table: String) { self.table = table }

  /// The ledger under its usual name.
  package static let standard = MySQLLedger(plain: defaultTable)

  /// The table's name in back quotes.
  var name: String { MySQLText.quoted(table) }

  /// Makes the table as the other tool does.
  var creation: String {
    "CREATE TABLE \(name) (version bigint not null primary key, dirty boolean not null)"
  }

  /// Replaces the row, inside a transaction; for nil the table is left empty.
  ///
  /// One row is deleted, as the other tool does it; there is never a second one.
  func writing(_ version: SchemaVersion?, isDirty: Bool) -> [SQLStatement] {
    let clearing = SQLStatement("DELETE FROM \(name) LIMIT 1")
    guard let version else { return [clearing] }
    return [
      clearing,
      SQLStatement(
        "INSERT INTO \(name) (version, dirty) VALUES (\(version.number), \(isDirty ? 1 : 0))"),
    ]
  }

  /// Marks the row as dirty at a version, where it is the only one and says what it has to; inside
  /// a transaction, and in two statements, of which the second fails for anything else, and where
  /// one of the named locks is not this session's. For MariaDB alone.
  ///
  /// - Returns: nothing for a table without a row.
  func marking(
    _ version: SchemaVersion, from state: MySQLLedgerState, locks: [String]
  ) -> [SQLStatement] {
    guard let before = state.version else { return [] }
    let found = "@windlass_ledger"
    let conditions =
      ["ROW_COUNT() = 1", "\(found) = '\(before.number) \(state.isDirty ? 1 : 0)'"]
      + locks.map { _ in "IS_USED_LOCK(?) = CONNECTION_ID()" }
    return [
      SQLStatement(
        "DELETE FROM \(name)"
          + " WHERE (\(found) := CONCAT(version, ' ', dirty <> 0)) IS NOT NULL LIMIT 2"),
      // The column takes no null.
      SQLStatement(
        "INSERT INTO \(name) (version, dirty)"
          + " VALUES (IF(\(conditions.joined(separator: " AND ")), \(version.number), NULL), 1)",
        locks.map { .text($0) }),
    ]
  }

  /// The number of the error by which `marking` fails where the row is another.
  static let movedError: UInt32 = 1048

  /// Reads every row, of which there must be at most one.
  var reading: String { "SELECT version, dirty FROM \(name) LIMIT 2" }

  /// What the rows say.
  ///
  /// - Throws: `LedgerMalformed` for more than one row or for values that are no version.
  func interpret(
    _ rows: [SQLRow]
  ) throws(StepFailure) -> (version: SchemaVersion?, isDirty: Bool) {
    guard rows.count < 2 else { throw malformed("it has more than one row") }
    guard let row = rows.first else { return (nil, false) }
    guard row.values.count == 2, case .integer(let version) = row.values[0] else {
      throw malformed("its version is no whole number")
    }
    let isDirty = row.values[1] != .integer(0)
    // While the first migration is taken back, the row is (-1, dirty).
    if version == -1, isDirty { return (nil, true) }
    guard version >= 0 else { throw malformed("its version is \(version)") }
    return (SchemaVersion(UInt64(version)), isDirty)
  }

  /// The name of the lock by which golang-migrate keeps others out, for a database.
  func lockName(database: String) -> String {
    let input = Array("\(database):\(table)".utf8)
    return String(CRC32.checksum(of: input) &* 1_486_364_155)
  }

  private func malformed(_ what: String) -> StepFailure {
    StepFailure(
      code: "LedgerMalformed", disposition: .stop,
      message: "The ledger \(table) can't be read: \(what). Look at it with `SELECT * FROM"
        + " \(table)` and leave the one row that is true.")
  }
}

/// The checksum of zip files and PNG images.
enum CRC32 {
  /// The checksum of all bytes.
  static func checksum(of bytes: [UInt8]) -> UInt32 {
    var value = UInt32.max
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }
    return ~value
  }
}
