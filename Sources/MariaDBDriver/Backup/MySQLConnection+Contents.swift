import WindlassCore
import WindlassSchema

extension MySQLConnection {
  /// Reads everything that a backup must hold; call it inside a snapshot.
  func contents(
    ledger: MySQLLedger, within limit: Interval
  ) throws(StepFailure) -> DatabaseContents {
    try limitStatements(to: .zero)
    // As a dump does, so that moments in time read alike in every session.
    try run("SET SESSION time_zone = '+00:00'")
    let columns = try columnsByTable()
    var tables: [TableContents] = []
    let deadline = ContinuousClock.now + .milliseconds(limit.milliseconds)
    for (table, columns) in columns.sorted(by: { $0.key < $1.key }) {
      let rest = (deadline - ContinuousClock.now).interval
      guard rest > .zero else { throw tooSlow(limit) }
      tables.append(try contents(of: table, columns, within: rest))
    }
    let catalogue = try catalogue(ledger: ledger, countsRows: false)
    // The catalogue leaves out Windlass's own tables and the ledger; a backup must hold them too.
    let own = columns.filter { OwnTables.isOwn($0.key) || $0.key == ledger.table }
      .sorted { $0.key < $1.key }.flatMap { table, columns in
        columns.map { "\n\(table).\($0.name) \($0.type)" }
      }
    return DatabaseContents(
      tables: tables, fingerprint: SHA256.digest(of: catalogue.canonicalText + own.joined()),
      counters: try counters())
  }

  private struct Column {
    var name: String
    /// As the server writes it, such as `varchar(16)`.
    var type: String
    var keyPosition: Int64
  }

  /// The written columns of every table whose rows count; generated ones follow from the others.
  private func columnsByTable() throws(StepFailure) -> [String: [Column]] {
    let rows = try rows(
      """
      SELECT c.TABLE_NAME AS table_name, c.COLUMN_NAME AS column_name, c.EXTRA AS extra,
        c.COLUMN_TYPE AS column_type,
        COALESCE(s.SEQ_IN_INDEX, 0) AS key_position
      FROM information_schema.COLUMNS c
      JOIN information_schema.TABLES t
        ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
      LEFT JOIN information_schema.STATISTICS s
        ON s.TABLE_SCHEMA = c.TABLE_SCHEMA AND s.TABLE_NAME = c.TABLE_NAME
          AND s.COLUMN_NAME = c.COLUMN_NAME AND s.INDEX_NAME = 'PRIMARY'
      WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_SCHEMA = DATABASE()
        AND t.TABLE_TYPE = 'BASE TABLE'
      ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION
      """)
    var tables: [String: [Column]] = [:]
    for row in rows {
      let table = row.text("table_name")
      guard !OwnTables.volatile.contains(table) else { continue }
      let extra = row.text("extra").lowercased()
      let isGenerated =
        extra.contains("virtual generated") || extra.contains("stored generated")
        || extra.contains("persistent")
      guard !isGenerated else { continue }
      tables[table, default: []].append(
        Column(
          name: row.text("column_name"), type: row.text("column_type"),
          keyPosition: row["key_position"].integer ?? 0))
    }
    return tables
  }

  private func contents(
    of table: String, _ columns: [Column], within limit: Interval
  ) throws(StepFailure) -> TableContents {
    let list = columns.map { MySQLText.quoted($0.name) }.joined(separator: ", ")
    let key = columns.filter { $0.keyPosition > 0 }.sorted { $0.keyPosition < $1.keyPosition }
      .map { MySQLText.quoted($0.name) }
    let order = key.isEmpty ? "" : " ORDER BY \(key.joined(separator: ", "))"
    try send(
      "SELECT \(list) FROM \(MySQLText.quoted(table))\(order)", StatementWatch(limit: limit))
    guard let result = library.useResult(handle) else { throw failed() }
    defer { library.freeResult(result) }
    let decoder = RowDecoder(result, library)
    let deadline = ContinuousClock.now + .milliseconds(limit.milliseconds)
    var rows: Int64 = 0
    var sum = RowSum()
    var hash = SHA256()
    while decoder.withNext({ fields in
      // Without a key the rows have no order, so that a sum of their digests stands for them.
      if key.isEmpty { sum.add(fields) } else { Self.add(fields, to: &hash) }
    }) {
      rows += 1
      if rows % 10_000 == 0, ContinuousClock.now > deadline { throw abandoned(limit) }
    }
    guard library.errorNumber(handle) == 0 else { throw failed() }
    let digest = key.isEmpty ? sum.digest : hash.finish()
    return TableContents(name: table, rows: rows, digest: digest)
  }

  /// Adds a row to a hash: for each field its length, or that it is null, and its bytes.
  fileprivate static func add(_ fields: [UnsafeRawBufferPointer?], to hash: inout SHA256) {
    for field in fields {
      var length = (field.map { Int64($0.count) } ?? -1).littleEndian
      withUnsafeBytes(of: &length) { hash.update($0) }
      if let field { hash.update(field) }
    }
  }

  private func abandoned(_ limit: Interval) -> StepFailure {
    // Rows are left in the connection, which is of no use any more.
    giveUp()
    return tooSlow(limit)
  }

  private func tooSlow(_ limit: Interval) -> StepFailure {
    StepFailure(
      code: "BackupTimedOut", disposition: .stop,
      message: "Reading every row of \(address.name) took longer than \(limit) and was given up.")
  }
}

/// The sum of the digests of rows, which does not depend on their order.
private struct RowSum {
  private var words: [UInt64] = [0, 0, 0, 0]

  mutating func add(_ fields: [UnsafeRawBufferPointer?]) {
    var hash = SHA256()
    MySQLConnection.add(fields, to: &hash)
    let text = hash.finish().text
    var carry: UInt64 = 0
    var rest = Substring(text)
    for index in 0..<4 {
      let word = UInt64(rest.prefix(16), radix: 16) ?? 0
      rest = rest.dropFirst(16)
      let (partial, first) = words[index].addingReportingOverflow(word)
      let (whole, second) = partial.addingReportingOverflow(carry)
      words[index] = whole
      carry = first || second ? 1 : 0
    }
  }

  var digest: Digest {
    SHA256.digest(of: words.map { String($0, radix: 16) }.joined(separator: "-"))
  }
}
