import WindlassCore
import WindlassSchema

/// Reads the schema of a CockroachDB database for one snapshot of it.
///
/// The parts come from `pg_catalog` by plain joins; what it does not tell (families, storage,
/// partitions, localities) is in what SHOW CREATE says of each table. Names of the database itself
/// are left out, so that a copy under another name has the same schema.
struct CockroachCatalogue {
  let connection: PostgresConnection
  let place: LedgerPlace

  private static let isService = """
    n.nspname NOT IN ('information_schema', 'crdb_internal', 'pg_catalog', 'pg_extension')
      AND n.nspname NOT LIKE 'pg\\_%' AND c.relname NOT LIKE 'windlass\\_%'
      AND NOT (n.nspname = $1 AND c.relname IN ($2, $3))
    """

  private var parameters: [SQLValue] {
    [.text(place.schema), .text(place.table), .text(place.lockTable)]
  }

  /// Runs a query on `pg_class c` and `pg_namespace n`, and groups its rows by the table's name.
  private func grouped(
    _ columns: String, from: String = "", order: String
  ) throws(StepFailure) -> [String: [SQLRow]] {
    let rows = try connection.rows(
      """
      SELECT n.nspname::text AS schema, c.relname::text AS owner, \(columns)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \(from)
      WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND \(Self.isService)
      ORDER BY n.nspname, c.relname, \(order)
      """, parameters)
    return Dictionary(grouping: rows) {
      name(schema: $0["schema"].text ?? "", $0["owner"].text ?? "")
    }
  }

  private func name(schema: String, _ name: String) -> String {
    schema == place.schema ? name : "\(schema)\(CatalogueReader.mark)\(name)"
  }

  // MARK: Tables

  /// Every table, by name, without row counts.
  func tables() throws(StepFailure) -> [CatalogueTable] {
    let columns = try grouped(
      """
      a.attname::text AS name, a.attnum::int8 AS number,
      format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
      a.attgenerated::text AS generated, pg_get_expr(d.adbin, d.adrelid) AS value
      """,
      from: """
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
          AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        """, order: "a.attnum")
    let keys = try grouped(
      """
      k.conname::text AS name, k.contype::text AS kind, k.conkey::text AS columns,
      k.confkey::text AS parents, k.confupdtype::text AS onupdate, k.confdeltype::text AS ondelete,
      m.nspname::text AS parent_schema, p.relname::text AS parent,
      pg_get_constraintdef(k.oid) AS definition
      """,
      from: """
        JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid
        LEFT JOIN pg_catalog.pg_class p ON p.oid = k.confrelid
        LEFT JOIN pg_catalog.pg_namespace m ON m.oid = p.relnamespace
        """, order: "k.conname")
    let indexes = try grouped(
      """
      i.relname::text AS name, x.indisunique AS is_unique, x.indkey::text AS columns,
      x.indnkeyatts::int8 AS count, pg_get_expr(x.indpred, x.indrelid) AS predicate
      """,
      from: """
        JOIN pg_catalog.pg_index x ON x.indrelid = c.oid
        JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
        """, order: "i.relname")
    let definitions = try definitions()
    return columns.keys.sorted().map { table in
      CockroachTable(columns: columns, keys: keys[table] ?? [], indexes: indexes[table] ?? [])
        .table(table, definition: definitions["TABLE \(table)"] ?? "") { name(schema: $0, $1) }
    }
  }

  // MARK: Definitions

  /// What SHOW CREATE says, by kind and name, without the database's own name.
  private func definitions() throws(StepFailure) -> [String: String] {
    var definitions: [String: String] = [:]
    let rows = try connection.rows("SHOW CREATE ALL TABLES", limit: Bounds.definitionsMax)
    let text = rows.compactMap(\.values.first?.text).joined(separator: "\n")
    for statement in try statements(of: text) {
      guard let (kind, parts) = statement.describedObject else { continue }
      let full = parts.count == 2 ? name(schema: parts[0], parts[1]) : parts.joined(separator: ".")
      if isOwn(parts) { continue }
      definitions["\(kind) \(full)", default: ""] += normalised(statement) + ";"
    }
    return definitions
  }

  private func isOwn(_ parts: [String]) -> Bool {
    guard let last = parts.last else { return true }
    return OwnTables.isOwn(last)
      || (parts.first == place.schema && [place.table, place.lockTable].contains(last))
  }

  private func statements(of text: String) throws(StepFailure) -> [PostgresStatement] {
    do throws(SQLTokenError) {
      return try PostgresStatement.split(text, .cockroachdb)
    } catch {
      throw StepFailure(
        code: "CatalogueUnreadable", disposition: .stop,
        message: "What \(connection.place) says with SHOW CREATE ALL TABLES can't be read in line"
          + " \(error.line): \(error.reason). Report it.")
    }
  }

  private func normalised(_ statement: PostgresStatement) -> String {
    let words = statement.tokens.map { token in
      token.kind == .quotedName ? token.text.quotedName : token.text
    }
    return withoutDatabase(
      words.joined(separator: " ").split(separator: " ").joined(separator: " "))
  }

  /// The text without the database's name in front of names.
  func withoutDatabase(_ text: String) -> String {
    let database = connection.server.database
    var text = text
    for prefix in [
      "\(database).", "\(database) . ", "\(database.quotedName).", "\(database.quotedName) . ",
    ] {
      text = text.removing(prefix: prefix)
    }
    return text
  }

  // MARK: Objects

  /// Views, sequences, types, routines and triggers, by kind and name.
  func objects() throws(StepFailure) -> [CatalogueObject] {
    var objects = try definitions().filter { !$0.key.hasPrefix("TABLE ") }.map { entry in
      let parts = entry.key.split(separator: " ", maxSplits: 1).map(String.init)
      return CatalogueObject(
        kind: parts[0].lowercased(), name: parts.count > 1 ? parts[1] : "",
        definition: entry.value)
    }
    objects += try enums() + routines() + triggers()
    return objects.sorted { ($0.kind, $0.name) < ($1.kind, $1.name) }
  }

  private func enums() throws(StepFailure) -> [CatalogueObject] {
    let rows = try connection.rows(
      """
      SELECT n.nspname::text, t.typname::text, e.enumlabel::text
      FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid
      JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
      WHERE n.nspname NOT LIKE 'crdb\\_%' ORDER BY n.nspname, t.typname, e.enumsortorder
      """)
    let grouped = Dictionary(grouping: rows) {
      name(schema: $0.values[0].text ?? "", $0.values[1].text ?? "")
    }
    return grouped.map { entry in
      CatalogueObject(
        kind: "enum", name: entry.key,
        definition: entry.value.map { "'\($0.values[2].text ?? "")'" }.joined(separator: ", "))
    }
  }

  private func routines() throws(StepFailure) -> [CatalogueObject] {
    let rows = try connection.rows(
      """
      SELECT n.nspname::text, p.proname::text, pg_get_function_identity_arguments(p.oid),
        pg_get_functiondef(p.oid)
      FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      WHERE n.nspname NOT IN ('information_schema', 'crdb_internal', 'pg_catalog', 'pg_extension')
      """)
    return rows.map { row in
      let full = name(schema: row.values[0].text ?? "", row.values[1].text ?? "")
      return CatalogueObject(
        kind: "routine", name: "\(full)(\(row.values[2].text ?? ""))",
        definition: withoutDatabase(row.values[3].text ?? ""))
    }
  }

  private func triggers() throws(StepFailure) -> [CatalogueObject] {
    // Older servers have none, and no statement to show them.
    guard !connection.server.release.lexicographicallyPrecedes([24, 3]) else { return [] }
    let tables = try grouped("c.oid::int8 AS number", order: "c.oid")
    var objects: [CatalogueObject] = []
    for (table, rows) in tables.sorted(by: { $0.key < $1.key }) {
      guard let row = rows.first else { continue }
      let written =
        "\((row["schema"].text ?? "").quotedName).\((row["owner"].text ?? "").quotedName)"
      for trigger in try connection.rows("SELECT trigger_name FROM [SHOW TRIGGERS FROM \(written)]")
      {
        let name = trigger.values[0].text ?? ""
        let shown = try connection.scalar(
          "SELECT create_statement FROM [SHOW CREATE TRIGGER \(name.quotedName) ON \(written)]")
        objects.append(
          CatalogueObject(
            kind: "trigger", name: "\(table).\(name)",
            definition: withoutDatabase(shown.text ?? "")))
      }
    }
    return objects
  }
}

/// The rows of one table's catalogue, put together.
private struct CockroachTable {
  let columns: [String: [SQLRow]]
  let keys: [SQLRow]
  let indexes: [SQLRow]

  func table(
    _ name: String, definition: String, _ full: (String, String) -> String
  ) -> CatalogueTable {
    let rows = columns[name] ?? []
    let names = numbered(rows)
    let primary = keys.first { $0["kind"] == .text("p") }
    let primaryColumns = list(primary?["columns"], names)
    return CatalogueTable(
      name: name,
      columns: rows.map { row in
        let isGenerated = !(row["generated"].text ?? "").isEmpty
        let column = row["name"].text ?? ""
        return CatalogueColumn(
          name: column, type: row["type"].text ?? "", isNotNull: row["required"] == .integer(1),
          defaultValue: isGenerated ? nil : row["value"].text,
          keyPosition: (primaryColumns.firstIndex(of: column) ?? -1) + 1,
          generation: isGenerated ? "generated as \(row["value"].text ?? "")" : nil)
      },
      indexes: indexes.map { row in
        CatalogueIndex(
          name: row["name"].text ?? "", isUnique: row["is_unique"] == .integer(1),
          columns: Array(list(row["columns"], names).prefix(Int(row["count"].integer ?? 0))),
          predicate: row["predicate"].text)
      },
      foreignKeys: keys.filter { $0["kind"] == .text("f") }.map { row in
        let parent = full(row["parent_schema"].text ?? "", row["parent"].text ?? "")
        return CatalogueForeignKey(
          columns: list(row["columns"], names), parent: parent,
          parentColumns: list(row["parents"], numbered(columns[parent] ?? [])),
          onUpdate: action(row["onupdate"].text), onDelete: action(row["ondelete"].text))
      },
      checks: keys.filter { $0["kind"] == .text("c") }.compactMap { $0["definition"].text }
        .sorted(), definition: definition)
  }

  private func numbered(_ rows: [SQLRow]) -> [Int64: String] {
    Dictionary(
      rows.map { ($0["number"].integer ?? 0, $0["name"].text ?? "") },
      uniquingKeysWith: { first, _ in first })
  }

  /// The names of columns by their numbers, in whatever brackets a list of them is written.
  private func list(_ value: SQLValue?, _ names: [Int64: String]) -> [String] {
    (value?.text ?? "").split { !$0.isNumber && $0 != "-" }.compactMap { Int64($0) }
      .map { names[$0] ?? "(expression)" }
  }

  private func action(_ letter: String?) -> String {
    switch letter {
    case "r": "RESTRICT"
    case "c": "CASCADE"
    case "n": "SET NULL"
    case "d": "SET DEFAULT"
    default: "NO ACTION"
    }
  }
}

extension PostgresStatement {
  /// What a statement of SHOW CREATE describes; nil for one that describes nothing by itself.
  fileprivate var describedObject: (kind: String, name: [String])? {
    let kinds = ["TABLE", "VIEW", "SEQUENCE"]
    let head = tokens.prefix(4)
    guard let place = head.firstIndex(where: { token in kinds.contains(where: token.isKeyword) })
    else { return nil }
    let kind = tokens[place].text.uppercased()
    var parts: [String] = []
    var index = place + 1
    while index < tokens.count, tokens[index].kind == .word || tokens[index].kind == .quotedName {
      parts.append(tokens[index].text)
      guard index + 1 < tokens.count, tokens[index + 1].isSymbol(".") else { break }
      index += 2
    }
    return parts.isEmpty ? nil : (kind, parts)
  }
}

extension String {
  /// The text without that prefix of names: nothing of a name stands in front of it.
  fileprivate func removing(prefix: String) -> String {
    let (bytes, mark) = (Array(utf8), Array(prefix.utf8))
    var kept: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let before = index == 0 ? UInt8(ascii: " ") : bytes[index - 1]
      let isInside =
        before == UInt8(ascii: ".") || before == UInt8(ascii: "_") || before >= 0x80
        || before == UInt8(ascii: "\"")
        || (0x30...0x39).contains(before) || (0x41...0x5A).contains(before & 0xDF)
      if !isInside, bytes[index...].starts(with: mark) {
        index += mark.count
      } else {
        kept.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: kept, as: UTF8.self)
  }
}
