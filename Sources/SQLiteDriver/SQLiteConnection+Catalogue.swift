import CSQLite
package import WindlassCore
package import WindlassSchema

/// One line of SQLite's own list of tables, indexes, views and triggers.
struct SchemaEntry: Hashable {
  var type: String
  var name: String
  var table: String
  /// The stored definition; nil for the indexes that SQLite makes by itself.
  var definition: String?
}

extension SQLiteConnection {
  /// Every entry of the schema, in a fixed order.
  func schemaEntries() throws(StepFailure) -> [SchemaEntry] {
    let rows = try rows(
      "SELECT type, name, tbl_name, sql FROM main.sqlite_schema ORDER BY type, name")
    return rows.map { row in
      SchemaEntry(
        type: row.values[0].text ?? "", name: row.values[1].text ?? "",
        table: row.values[2].text ?? "", definition: row.values[3].text)
    }
  }

  /// Reads the service's catalogue: everything but SQLite's, the ledger's and Windlass's tables.
  ///
  /// - Parameter countsRows: whether each table's rows are counted, which reads all of it.
  package func catalogue(
    ledger: SQLiteLedger, countsRows: Bool
  ) throws(StepFailure) -> Catalogue {
    let entries = try serviceEntries(ledger: ledger)
    var tables: [CatalogueTable] = []
    var objects: [CatalogueObject] = []
    for entry in entries {
      switch entry.type {
      case "table" where !entry.isVirtual:
        tables.append(try table(entry, among: entries, countsRows: countsRows))
      case "table": objects.append(entry.object(kind: "virtual table"))
      case "view", "trigger": objects.append(entry.object(kind: entry.type))
      default: break
      }
    }
    return Catalogue(
      tables: tables, objects: objects.sorted { ($0.kind, $0.name) < ($1.kind, $1.name) })
  }

  /// The digest of the schema's stored text, from which the whole catalogue follows.
  func schemaFingerprint(ledger: SQLiteLedger) throws(StepFailure) -> Digest {
    var text = Array("sqlite_schema\n".utf8)
    for entry in try serviceEntries(ledger: ledger) {
      // Each field with its length, so that no two schemas run together into one text.
      for field in [entry.type, entry.name, entry.table, entry.definition ?? ""] {
        text.append(contentsOf: String(field.utf8.count).utf8)
        text.append(UInt8(ascii: ":"))
        text.append(contentsOf: field.utf8)
      }
      if entry.definition == nil { text.append(UInt8(ascii: "-")) }
      text.append(UInt8(ascii: "\n"))
    }
    return SHA256.digest(of: text)
  }

  private func serviceEntries(ledger: SQLiteLedger) throws(StepFailure) -> [SchemaEntry] {
    try schemaEntries().filter { entry in
      !entry.table.hasPrefix("sqlite_") && entry.table != ledger.table
        && !OwnTables.isOwn(entry.table)
    }
  }

  private func table(
    _ entry: SchemaEntry, among entries: [SchemaEntry], countsRows: Bool
  ) throws(StepFailure) -> CatalogueTable {
    let definition = SQLiteDefinition(entry.definition ?? "")
    let rows =
      countsRows
      ? try scalar("SELECT count(*) FROM main.\(entry.name.quotedName)").integer ?? 0 : 0
    return CatalogueTable(
      name: entry.name, columns: try columns(of: entry.name),
      indexes: try indexes(of: entry.name, among: entries),
      foreignKeys: try foreignKeys(of: entry.name), checks: definition.checks,
      options: definition.options, definition: definition.canonical, rows: rows)
  }

  private func columns(of table: String) throws(StepFailure) -> [CatalogueColumn] {
    let rows = try rows("SELECT * FROM pragma_table_xinfo(?)", [.text(table)])
    var columns: [CatalogueColumn] = []
    for row in rows {
      guard case .text(let name) = row["name"] else { continue }
      let generation: String? =
        switch row["hidden"].integer {
        case 2: "generated when read"
        case 3: "generated and stored"
        default: nil
        }
      columns.append(
        CatalogueColumn(
          name: name, type: row["type"].text ?? "", isNotNull: row["notnull"] == .integer(1),
          defaultValue: row["dflt_value"].text, keyPosition: Int(row["pk"].integer ?? 0),
          collation: collation(of: name, in: table), generation: generation))
    }
    return columns
  }

  private func collation(of column: String, in table: String) -> String {
    var name: UnsafePointer<CChar>?
    let code = sqlite3_table_column_metadata(
      handle, "main", table, column, nil, &name, nil, nil, nil)
    guard code == SQLITE_OK, let name else { return "" }
    let collation = String(cString: name)
    return collation == "BINARY" ? "" : collation
  }

  private func indexes(
    of table: String, among entries: [SchemaEntry]
  ) throws(StepFailure) -> [CatalogueIndex] {
    var indexes: [CatalogueIndex] = []
    for row in try rows("SELECT * FROM pragma_index_list(?)", [.text(table)]) {
      guard case .text(let name) = row["name"] else { continue }
      let definition = entries.first { $0.type == "index" && $0.name == name }?.definition
        .map(SQLiteDefinition.init)
      let columns = try indexedColumns(of: name, definition)
      // SQLite numbers the indexes of constraints; what they are of tells them apart better.
      let kind = row["origin"] == .text("pk") ? "primary key" : "unique"
      let ownName = definition == nil ? "\(kind) (\(columns.joined(separator: ", ")))" : name
      indexes.append(
        CatalogueIndex(
          name: ownName, isUnique: row["unique"] == .integer(1), columns: columns,
          predicate: definition?.predicate))
    }
    return indexes.sorted { $0.name < $1.name }
  }

  private func indexedColumns(
    of index: String, _ definition: SQLiteDefinition?
  ) throws(StepFailure) -> [String] {
    let rows = try rows(
      "SELECT * FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno", [.text(index)])
    return rows.enumerated().map { position, row in
      // An expression has no name; the definition's own text stands for it.
      guard let name = row["name"].text else {
        let parts = definition?.indexedParts ?? []
        return position < parts.count ? parts[position] : "expression"
      }
      let collation = row["coll"].text ?? "BINARY"
      return name + (row["desc"] == .integer(1) ? " DESC" : "")
        + (collation == "BINARY" ? "" : " COLLATE \(collation)")
    }
  }

  private func foreignKeys(of table: String) throws(StepFailure) -> [CatalogueForeignKey] {
    var keys: [Int64: CatalogueForeignKey] = [:]
    let rows = try rows(
      "SELECT * FROM pragma_foreign_key_list(?) ORDER BY id, seq", [.text(table)])
    for row in rows {
      guard let number = row["id"].integer, case .text(let column) = row["from"] else { continue }
      var key =
        keys[number]
        ?? CatalogueForeignKey(
          columns: [], parent: row["table"].text ?? "", parentColumns: [],
          onUpdate: row["on_update"].text ?? "", onDelete: row["on_delete"].text ?? "")
      key.columns.append(column)
      // Without named columns the key points to the parent's primary key.
      if case .text(let parent) = row["to"] { key.parentColumns.append(parent) }
      keys[number] = key
    }
    return keys.values.sorted {
      $0.columns == $1.columns
        ? $0.parent < $1.parent : $0.columns.lexicographicallyPrecedes($1.columns)
    }
  }
}

extension SchemaEntry {
  /// Whether the table's content is a module's, in other tables.
  var isVirtual: Bool {
    guard let definition else { return false }
    let words = definition.split(whereSeparator: \.isWhitespace).prefix(2)
    return words.elementsEqual(["CREATE", "VIRTUAL"]) { $0.uppercased() == $1 }
  }

  fileprivate func object(kind: String) -> CatalogueObject {
    CatalogueObject(
      kind: kind, name: name, definition: SQLiteDefinition(definition ?? "").canonical)
  }
}
