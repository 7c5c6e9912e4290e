import WindlassCore
import WindlassSchema

/// The table that a backfill walks, and the key by which it does, as this database has them.
struct MySQLBackfillTable: Hashable {
  /// The table's name as the catalogue has it, and in quotes.
  let plainName: String
  let name: String
  /// The key's name in quotes, without the table.
  let column: String
  /// Whether keys are whole numbers, rather than texts.
  let isNumber: Bool

  private static let numbers: Set<String> = [
    "tinyint", "smallint", "mediumint", "int", "bigint",
  ]
  private static let texts: Set<String> = ["char", "varchar", "uuid"]

  /// Looks the table up, with the tables that the statements name.
  ///
  /// - Throws: `BackfillImpossible` when it can't be walked by that key, or when what a batch does
  ///   could not be taken back.
  init(_ backfill: Backfill, on connection: MySQLConnection) throws(StepFailure) {
    let directive = backfill.directive
    func impossible(_ reason: String) -> StepFailure {
      StepFailure(
        code: "BackfillImpossible", disposition: .stop,
        message: "\(directive.table) in \(connection.address.name) can't be walked by"
          + " \(directive.key): \(reason)")
    }
    let database = connection.address.database
    if let schema = directive.schema, schema.lowercased() != database.lowercased() {
      throw impossible("it is in another database. Write the table's name alone.")
    }
    let found = try connection.rows(
      """
      SELECT TABLE_NAME AS name, TABLE_TYPE AS kind, ENGINE AS engine
      FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?
      """, [.text(directive.plainTable)]
    ).first
    guard let found, let plainName = found["name"].text else {
      throw impossible("there is no such table. Correct the first line of the file.")
    }
    guard found["kind"].text == "BASE TABLE" else {
      throw impossible("it is no ordinary table.")
    }
    self.plainName = plainName
    name = MySQLText.quoted(plainName)
    let row = try connection.rows(
      """
      SELECT c.COLUMN_NAME AS name, c.DATA_TYPE AS type, c.IS_NULLABLE AS nullable,
        EXISTS (SELECT 1 FROM information_schema.STATISTICS s
          WHERE s.TABLE_SCHEMA = c.TABLE_SCHEMA AND s.TABLE_NAME = c.TABLE_NAME
            AND s.COLUMN_NAME = c.COLUMN_NAME AND s.NON_UNIQUE = 0 AND s.SUB_PART IS NULL
            AND (SELECT COUNT(*) FROM information_schema.STATISTICS o
              WHERE o.TABLE_SCHEMA = s.TABLE_SCHEMA AND o.TABLE_NAME = s.TABLE_NAME
                AND o.INDEX_NAME = s.INDEX_NAME) = 1) AS single
      FROM information_schema.COLUMNS c
      WHERE c.TABLE_SCHEMA = DATABASE() AND c.TABLE_NAME = ? AND c.COLUMN_NAME = ?
      """, [.text(plainName), .text(directive.key)]
    ).first
    guard let row, let columnName = row["name"].text else {
      throw impossible("it has no such column. Correct the first line of the file.")
    }
    let type = row["type"].text?.lowercased() ?? "?"
    guard Self.numbers.contains(type) || Self.texts.contains(type) else {
      throw impossible("the column is of type \(type), and keys are whole numbers or texts.")
    }
    guard row["nullable"].text == "NO" else {
      throw impossible(
        "the column may hold null, and a row without a key would be left out. Use the primary key,"
          + " or a column that is NOT NULL and unique.")
    }
    guard row["single"] == .integer(1) else {
      throw impossible(
        "the column is not unique by itself, so that rows with an equal key could be left out. Use"
          + " the primary key if it is of one column, or another column that is unique.")
    }
    column = MySQLText.quoted(columnName)
    isNumber = Self.numbers.contains(type)
    if let table = try Self.withoutTransactions(in: backfill, on: connection) {
      throw impossible(
        "changes of \(table) can't be taken back, because its engine knows no transactions. Change"
          + " its engine to InnoDB first.")
    }
  }

  /// A table that a statement names and whose changes can't be rolled back; nil for none.
  private static func withoutTransactions(
    in backfill: Backfill, on connection: MySQLConnection
  ) throws(StepFailure) -> String? {
    let names = try connection.rows(
      """
      SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
        AND TABLE_TYPE = 'BASE TABLE' AND ENGINE NOT IN ('InnoDB', 'ROCKSDB', 'TokuDB')
      """
    ).compactMap { $0.values.first?.text }
    guard !names.isEmpty else { return nil }
    var used: Set<String> = []
    for statement in backfill.statements {
      let pieces = (try? MySQLStatements.split(statement.text(where: "TRUE"))) ?? []
      used.formUnion(pieces.flatMap { $0.tokens.map { $0.text.lowercased() } })
    }
    return names.first { used.contains($0.lowercased()) }
  }

  /// A key as a statement compares with it.
  func literal(_ key: SQLValue) -> String {
    // Every value was made by the server itself, as the text of a whole number.
    if isNumber, let text = key.text, text.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == "-") })
    {
      return text
    }
    return MySQLText.literal(key)
  }

  /// How many rows the table has, by the server's own statistics; nil where nobody knows.
  func estimate(on connection: MySQLConnection) throws(StepFailure) -> Int64? {
    try connection.scalar(
      """
      SELECT TABLE_ROWS FROM information_schema.TABLES
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?
      """, [.text(plainName)]
    ).integer
  }
}
