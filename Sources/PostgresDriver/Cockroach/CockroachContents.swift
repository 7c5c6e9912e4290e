import WindlassCore
import WindlassSchema

extension PostgresConnection {
  /// What a value's text depends on besides the value itself, set alike for every reading.
  private static let outputSettings = """
    SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; \
    SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL extra_float_digits = 1; \
    SET LOCAL bytea_output = 'hex'
    """

  /// Everything that a backup must hold; call it inside a snapshot.
  func cockroachContents(_ place: LedgerPlace) throws(StepFailure) -> DatabaseContents {
    try run(script: Self.outputSettings)
    var catalogue = try self.catalogue(place, countsRows: false)
    // What belongs to the ledger stands outside the service's schema, and is compared by its rows.
    catalogue.tables.removeAll { OwnTables.isOwn($0.name) }
    let tables = try storedTables(place).map { table throws(StepFailure) in
      try contents(of: table)
    }
    return DatabaseContents(
      tables: tables.sorted { $0.name < $1.name },
      fingerprint: SHA256.digest(of: catalogue.canonicalText))
  }

  private struct StoredTable {
    var schema: String
    var name: String
    var columns: [String] = []
  }

  /// Tables with rows that travel, and their columns.
  private func storedTables(_ place: LedgerPlace) throws(StepFailure) -> [StoredTable] {
    let rows = try rows(
      """
      SELECT n.nspname::text, c.relname::text, a.attname::text
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relkind = 'r' AND c.relpersistence <> 't'
        AND n.nspname NOT IN ('information_schema', 'crdb_internal', 'pg_catalog', 'pg_extension')
      ORDER BY 1, 2, a.attnum
      """, limit: Bounds.definitionsMax)
    var tables: [StoredTable] = []
    for row in rows {
      let (schema, name) = (row.values[0].text ?? "", row.values[1].text ?? "")
      if OwnTables.volatile.contains(name) || (schema == place.schema && name == place.lockTable) {
        continue
      }
      if tables.last?.name != name || tables.last?.schema != schema {
        tables.append(StoredTable(schema: schema, name: name))
      }
      tables[tables.count - 1].columns.append(row.values[2].text ?? "")
    }
    return tables
  }

  /// Counts the rows of a table and digests them in an order of their own, in which the server
  /// sends a digest of each.
  private func contents(of table: StoredTable) throws(StepFailure) -> TableContents {
    let row = table.columns.map { "quote_nullable(\($0.quotedName)::text)" }
      .joined(separator: " || ',' || ")
    var hash = SHA256()
    var count: Int64 = 0
    try digests(
      """
      SELECT sha256(row_text) AS h FROM (
        SELECT \(row) AS row_text FROM \(table.schema.quotedName).\(table.name.quotedName)
      ) AS texts ORDER BY h
      """
    ) { digest in
      hash.update(Array(digest.utf8))
      count += 1
    }
    return TableContents(
      name: table.schema == "public" ? table.name : "\(table.schema).\(table.name)", rows: count,
      digest: hash.finish())
  }

  /// Reads a column of texts row by row, so that none but the present one is in memory.
  private func digests(_ query: String, _ take: (String) -> Void) throws(StepFailure) {
    try exchange(
      query,
      send: {
        let sent = library.sendQueryParams(handle, query, 0, nil, nil, nil, nil, 0)
        if sent == 1 { _ = library.setSingleRowMode(handle) }
        return sent
      },
      read: { result throws(StepFailure) in
        for row in 0..<result.rowCount { take(result.value(row, 0).text ?? "") }
      })
  }
}
