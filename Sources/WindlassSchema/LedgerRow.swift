package import WindlassCore

/// What golang-migrate's ledger says, on any engine: one row, or none when nothing is applied.
package enum LedgerRow {
  /// Reads the rows `version, dirty` of a ledger's table.
  ///
  /// - Throws: `LedgerMalformed` for more than one row or for values that are no version.
  package static func interpret(
    _ rows: [SQLRow], table: String
  ) throws(StepFailure) -> (version: SchemaVersion?, isDirty: Bool) {
    guard rows.count < 2 else { throw malformed("it has \(rows.count) rows instead of one", table) }
    guard let row = rows.first else { return (nil, false) }
    guard row.values.count == 2, case .integer(let version) = row.values[0] else {
      throw malformed("its version is no whole number", table)
    }
    let isDirty = row.values[1] != .integer(0)
    // While the first migration is taken back, the row is (-1, dirty).
    if version == -1, isDirty { return (nil, true) }
    guard version >= 0 else { throw malformed("its version is \(version)", table) }
    return (SchemaVersion(UInt64(version)), isDirty)
  }

  private static func malformed(_ what: String, _ table: String) -> StepFailure {
    StepFailure(
      code: "LedgerMalformed", disposition: .stop,
      message: "The ledger \(table) can't be read: \(what). Look at it with `SELECT * FROM"
        + " \(table)` and leave the one row that is true.")
  }
}
