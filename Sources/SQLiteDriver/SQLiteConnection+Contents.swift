import CSQLite
import WindlassCore
import WindlassSchema

extension SQLiteConnection {
  /// Reads everything; call it inside a snapshot.
  func contents() throws(StepFailure) -> DatabaseContents {
    let entries = try schemaEntries().filter { !OwnTables.volatile.contains($0.table) }
    var tables: [TableContents] = []
    for entry in entries where entry.type == "table" && !entry.isVirtual {
      tables.append(try contents(of: entry.name))
    }
    return DatabaseContents(
      tables: tables.sorted { $0.name < $1.name }, fingerprint: try fingerprint(of: entries))
  }

  private func fingerprint(of entries: [SchemaEntry]) throws(StepFailure) -> Digest {
    var fields: [String] = []
    for pragma in ["encoding", "user_version", "application_id"] {
      fields.append("\(pragma)=\(try scalar("PRAGMA main.\(pragma)"))")
    }
    for entry in entries {
      fields += [entry.type, entry.name, entry.table, entry.definition ?? ""]
    }
    var hash = SHA256()
    for field in fields {
      hash.update(Array("\(field.utf8.count):".utf8))
      hash.update(Array(field.utf8))
    }
    return hash.finish()
  }

  private func contents(of table: String) throws(StepFailure) -> TableContents {
    let columns = try rows("SELECT * FROM pragma_table_xinfo(?)", [.text(table)])
    // Generated columns follow from the others, and their functions may be the service's own.
    let written = columns.filter { $0["hidden"] == .integer(0) }.compactMap { $0["name"].text }
    let key = columns.filter { ($0["pk"].integer ?? 0) > 0 }
      .sorted { ($0["pk"].integer ?? 0) < ($1["pk"].integer ?? 0) }
      .compactMap { $0["name"].text?.quotedName }
    let isWithoutRowID =
      try scalar(
        "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?",
        [
          .text(table)
        ]) == .integer(1)
    let taken = Set(columns.compactMap { $0["name"].text?.lowercased() })
    let rowID = isWithoutRowID ? nil : ["rowid", "oid", "_rowid_"].first { !taken.contains($0) }
    let selected = (rowID.map { [$0] } ?? []) + written.map(\.quotedName)
    let order = rowID ?? (key.isEmpty ? "1" : key.joined(separator: ", "))
    let statement = try PreparedStatement(
      "SELECT \(selected.joined(separator: ", ")) FROM main.\(table.quotedName) ORDER BY \(order)",
      on: self)
    var hash = SHA256()
    var rows: Int64 = 0
    let count = Int32(selected.count)
    while try statement.step() {
      rows += 1
      for index in 0..<count { statement.add(index, to: &hash) }
    }
    return TableContents(name: table, rows: rows, digest: hash.finish())
  }
}

extension PreparedStatement {
  /// Adds a value to a hash: its type, its length, its bytes.
  fileprivate func add(_ index: Int32, to hash: inout SHA256) {
    let type = sqlite3_column_type(handle, index)
    var header: (UInt64, UInt64) = (UInt64(type), 0)
    switch type {
    case SQLITE_INTEGER: header.1 = UInt64(bitPattern: sqlite3_column_int64(handle, index))
    case SQLITE_FLOAT: header.1 = sqlite3_column_double(handle, index).bitPattern
    case SQLITE_TEXT, SQLITE_BLOB: header.1 = UInt64(bytes(at: index).count)
    default: break
    }
    header = (header.0.littleEndian, header.1.littleEndian)
    withUnsafeBytes(of: header) { hash.update($0) }
    if type == SQLITE_TEXT || type == SQLITE_BLOB { hash.update(bytes(at: index)) }
  }
}
