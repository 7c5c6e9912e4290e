import WindlassCore
import WindlassSchema

/// The table that a backfill walks, and the key by which it does, as this database has them.
struct SQLiteBackfillTable: Hashable {
  /// The table's name in quotes.
  let name: String
  /// The key's name in quotes, without the table.
  let column: String
  /// The order in which the key is unique, as it stands behind a name; empty for a row's number.
  let order: String
  /// Whether the key is the row's own number.
  let isRowNumber: Bool

  /// The key as a statement names it, in the order in which it is unique.
  func key(_ name: String) -> String { "\(name)\(order)" }

  /// Looks the table up.
  ///
  /// - Throws: `BackfillImpossible` when it can't be walked by that key.
  init(_ directive: BackfillDirective, on connection: SQLiteConnection) throws(StepFailure) {
    func impossible(_ reason: String) -> StepFailure {
      StepFailure(
        code: "BackfillImpossible", disposition: .stop,
        message: "\(directive.table) in \(connection.path) can't be walked by \(directive.key):"
          + " \(reason)")
    }
    if let schema = directive.schema, schema.lowercased() != "main" {
      throw impossible("there is no schema \(schema). Write the table's name alone.")
    }
    let table = directive.plainTable
    let found = try connection.rows(
      "SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?)",
      [.text(table)], limit: 1)
    guard let found = found.first else {
      throw impossible("there is no such table. Correct the first line of the file.")
    }
    guard found["type"] == .text("table") else {
      throw impossible("it is a \(found["type"].text ?? "view") and no ordinary table.")
    }
    let columns = try connection.rows(
      "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?)", [.text(table)])
    guard
      let column = columns.first(where: {
        $0["name"].text?.lowercased() == directive.key.lowercased()
      }), let columnName = column["name"].text
    else { throw impossible("it has no such column. Correct the first line of the file.") }
    name = table.quotedName
    self.column = columnName.quotedName
    let hasRowNumbers = found["wr"] == .integer(0)
    let keys = columns.filter { $0["pk"] != .integer(0) }
    if hasRowNumbers, keys.count == 1, column["pk"] == .integer(1),
      column["type"].text?.uppercased() == "INTEGER"
    {
      (order, isRowNumber) = ("", true)
      return
    }
    isRowNumber = false
    // A primary key of a table with row numbers may hold null, as other columns may.
    guard column["notnull"] == .integer(1) || (!hasRowNumbers && column["pk"] != .integer(0)) else {
      throw impossible(
        "the column may hold null, and a row without a key would be left out. Use the primary key,"
          + " or a column that is NOT NULL and unique.")
    }
    guard let order = try Self.order(of: columnName, in: table, on: connection) else {
      throw impossible(
        "the column is not unique by itself, so that rows with an equal key could be left out. Use"
          + " the primary key if it is of one column, or another column that is unique.")
    }
    self.order = " COLLATE \(order.quotedName)"
  }

  /// The order in which a column is unique by an index of its own; nil when it is not.
  private static func order(
    of column: String, in table: String, on connection: SQLiteConnection
  ) throws(StepFailure) -> String? {
    try connection.scalar(
      """
      SELECT min(x.coll) FROM pragma_index_list(?1) AS l, pragma_index_xinfo(l.name) AS x
      WHERE l."unique" = 1 AND l.partial = 0 AND x.key = 1 AND x.name = ?2
        AND (SELECT count(*) FROM pragma_index_xinfo(l.name) AS y WHERE y.key = 1) = 1
      """, [.text(table), .text(column)]
    ).text
  }

  /// How many rows the table has: counted where that is quick, else taken from the row's numbers;
  /// nil where nobody knows.
  func estimate(on connection: SQLiteConnection) throws(StepFailure) -> Int64? {
    do throws(StepFailure) {
      return try connection.snapshot(within: Bounds.backfillCountDeadline) {
        connection throws(StepFailure) in
        try connection.scalar("SELECT count(*) FROM \(name)").integer
      }
    } catch {
      guard error.code == "ReadTimedOut" else { throw error }
      guard isRowNumber else { return nil }
      let last = try connection.scalar("SELECT max(\(column)) FROM \(name)").integer
      let first = try connection.scalar("SELECT min(\(column)) FROM \(name)").integer
      guard let last, let first else { return nil }
      let (span, isTooLarge) = last.subtractingReportingOverflow(first)
      return isTooLarge ? nil : span
    }
  }
}
