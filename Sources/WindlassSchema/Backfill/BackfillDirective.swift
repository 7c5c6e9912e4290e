import WindlassCore

/// What the first line of a backfill file says behind `-- windlass: backfill`: which table is
/// walked, by which key, and how.
package struct BackfillDirective: Hashable, Sendable {
  /// The table whose rows are walked, with its schema where one is written: `flags`, `app.flags`.
  package var table: String
  /// The one column by which it is walked.
  package var key: String
  /// Rows of the first batch; later ones are as large as their time allows.
  package var batch: Int
  /// Whether the table is walked again until a whole walk changes no row.
  package var isRepeated: Bool

  package init(
    table: String, key: String, batch: Int = Bounds.backfillBatchDefault, isRepeated: Bool = false
  ) {
    self.table = table
    self.key = key
    self.batch = batch
    self.isRepeated = isRepeated
  }

  /// The table's schema, where one is written.
  package var schema: String? {
    table.firstIndex(of: ".").map { String(table[..<$0]) }
  }

  /// The table's name without its schema.
  package var plainTable: String {
    table.firstIndex(of: ".").map { String(table[table.index(after: $0)...]) } ?? table
  }

  /// Reads the words behind the phase; nil without any, where the file is an ordinary migration.
  ///
  /// - Throws: what is wrong, as the end of a sentence that begins with the file.
  static func read(_ words: ArraySlice<Substring>) throws(SQLTokenError) -> BackfillDirective? {
    guard !words.isEmpty else { return nil }
    var fields: [Substring: Substring] = [:]
    for word in words {
      guard let equals = word.firstIndex(of: "=") else { throw unknown(word) }
      let name = word[..<equals]
      guard names.contains(String(name)) else { throw unknown(word) }
      guard fields[name] == nil else { throw wrong("\(name) is written twice") }
      fields[name] = word[word.index(after: equals)...]
    }
    let table = try name(fields["table"], "table")
    let parts = table.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, !parts.contains(where: \.isEmpty) else {
      throw wrong("\"\(table)\" is no table; write `table=flags` or `table=schema.flags`")
    }
    let key = try name(fields["key"], "key")
    guard !key.contains(",") else {
      throw wrong(
        "the key \"\(key)\" is of several columns; name the one column that is the primary key,"
          + " or unique and never null")
    }
    guard !key.contains(".") else {
      throw wrong("\"\(key)\" is no column; write its name alone, such as `key=id`")
    }
    return BackfillDirective(
      table: table, key: key, batch: try batch(fields["batch"]),
      isRepeated: try isRepeated(fields["repeat"]))
  }

  private static let names = ["table", "key", "batch", "repeat"]

  private static func name(
    _ value: Substring?, _ field: String
  ) throws(SQLTokenError) -> String {
    guard let value, !value.isEmpty else {
      throw wrong("\(field) is missing; write `-- windlass: backfill table=flags key=id`")
    }
    let isPlain = value.unicodeScalars.allSatisfy { scalar in
      scalar.properties.isAlphabetic || scalar.properties.numericType != nil
        || "_$.,".unicodeScalars.contains(scalar)
    }
    guard isPlain, value.utf8.count <= Bounds.nameLengthMax else {
      throw wrong("\"\(value)\" is no plain name; write \(field) without quotes")
    }
    return String(value)
  }

  private static func batch(_ value: Substring?) throws(SQLTokenError) -> Int {
    guard let value else { return Bounds.backfillBatchDefault }
    guard let rows = Int(value), (1...Bounds.backfillBatchMax).contains(rows) else {
      throw wrong(
        "batch is \"\(value)\"; write the rows of the first batch, 1 to \(Bounds.backfillBatchMax)")
    }
    return rows
  }

  private static func isRepeated(_ value: Substring?) throws(SQLTokenError) -> Bool {
    guard let value else { return false }
    guard value == "until-unchanged" else {
      throw wrong("repeat is \"\(value)\"; the only repetition is `repeat=until-unchanged`")
    }
    return true
  }

  private static func unknown(_ word: Substring) -> SQLTokenError {
    wrong(
      "\"\(word)\" is not understood; behind `backfill` come `table=`, `key=`, and if wanted"
        + " `batch=` and `repeat=until-unchanged`")
  }

  private static func wrong(_ reason: String) -> SQLTokenError {
    SQLTokenError(reason: reason, line: 1)
  }
}
