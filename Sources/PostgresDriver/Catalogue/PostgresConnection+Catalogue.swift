package import WindlassCore
package import WindlassSchema

extension PostgresConnection {
  /// Reads the service's catalogue: everything but the server's, the ledger's, Windlass's and what
  /// extensions brought. Objects outside the ledger's schema bear theirs before their name.
  ///
  /// - Parameter countsRows: whether each table's rows are counted, which reads all of it.
  package func catalogue(
    _ ledger: PostgresLedger, countsRows: Bool
  ) throws(StepFailure) -> Catalogue {
    try catalogue(ledger.located(on: self), countsRows: countsRows)
  }

  /// The same for a ledger whose place is known.
  func catalogue(_ place: LedgerPlace, countsRows: Bool) throws(StepFailure) -> Catalogue {
    let reader = CatalogueReader(connection: self, place: place)
    let cockroach = CockroachCatalogue(connection: self, place: place)
    var tables = try dialect == .postgres ? reader.tables() : cockroach.tables()
    if countsRows {
      for index in tables.indices {
        tables[index].rows =
          try scalar("SELECT count(*) FROM \(reader.statementName(tables[index].name))").integer
          ?? 0
      }
    }
    return Catalogue(
      tables: tables, objects: try dialect == .postgres ? reader.objects() : cockroach.objects())
  }
}

/// Reads the system catalogues once for one snapshot of a schema.
struct CatalogueReader {
  let connection: PostgresConnection
  let place: LedgerPlace

  /// A table's name as a statement writes it, from its name in the catalogue.
  func statementName(_ name: String) -> String {
    let parts = name.split(separator: CatalogueReader.mark, maxSplits: 1).map(String.init)
    return parts.count == 2
      ? "\(parts[0].quotedName).\(parts[1].quotedName)"
      : "\(place.schema.quotedName).\(name.quotedName)"
  }

  /// Between schema and name of what is in another schema than the ledger.
  static let mark: Character = "."

  /// The condition on `n` and `c` for what belongs to the service, and the parameters $1 to $3.
  private static let isService = """
    n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
      AND c.relname NOT LIKE 'windlass\\_%'
      AND NOT (n.nspname = $1 AND c.relname IN ($2, $3))
    """

  private static let tableName =
    "CASE WHEN n.nspname = $1 THEN c.relname::text ELSE n.nspname || '.' || c.relname END"

  private static func isOwnedByExtension(_ table: String, _ oid: String) -> String {
    """
    EXISTS (SELECT FROM pg_depend d WHERE d.classid = '\(table)'::regclass AND d.objid = \(oid)
      AND d.deptype = 'e')
    """
  }

  private var parameters: [SQLValue] {
    [.text(place.schema), .text(place.table), .text(place.lockTable)]
  }

  /// Runs a query on `pg_class c` and `pg_namespace n`, and groups its rows by the first column.
  private func grouped(
    _ columns: String, from: String, where condition: String = "true", order: String
  ) throws(StepFailure) -> [String: [SQLRow]] {
    let rows = try connection.rows(
      """
      SELECT \(Self.tableName) AS owner, \(columns)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \(from)
      WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't' AND \(Self.isService)
        AND NOT \(Self.isOwnedByExtension("pg_class", "c.oid")) AND \(condition)
      ORDER BY \(order)
      """, parameters)
    return Dictionary(grouping: rows) { $0["owner"].text ?? "" }
  }

  // MARK: Tables

  /// Every table, by name, without row counts.
  func tables() throws(StepFailure) -> [CatalogueTable] {
    let tables = try grouped(
      """
      c.relkind::text AS kind, c.relpersistence::text AS persistence,
      c.relrowsecurity AS secured, c.reloptions::text AS options,
      CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END AS bound,
      CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition
      """, from: "", order: "1")
    let columns = try columns()
    let constraints = try constraints()
    let indexes = try indexes()
    return tables.keys.sorted().map { name in
      let constraints = constraints[name] ?? []
      return CatalogueTable(
        name: name, columns: Self.columns(columns[name] ?? [], constraints),
        indexes: (indexes[name] ?? []).map(Self.index),
        foreignKeys: constraints.filter { $0["kind"] == .text("f") }.map(Self.foreignKey),
        checks: constraints.filter { $0["kind"] == .text("c") || $0["kind"] == .text("x") }
          .compactMap { $0["definition"].text }.sorted(),
        options: Self.options(tables[name]?.first))
    }
  }

  private static func options(_ row: SQLRow?) -> [String] {
    guard let row else { return [] }
    var options: [String] = []
    if row["kind"] == .text("f") { options.append("FOREIGN TABLE") }
    if row["persistence"] == .text("u") { options.append("UNLOGGED") }
    if row["secured"] == .integer(1) { options.append("ROW LEVEL SECURITY") }
    if let text = row["options"].text { options.append("WITH \(text)") }
    if let text = row["partition"].text { options.append("PARTITION BY \(text)") }
    if let text = row["bound"].text { options.append("PARTITION \(text)") }
    return options.sorted()
  }

  private func columns() throws(StepFailure) -> [String: [SQLRow]] {
    try grouped(
      """
      a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
      a.attnotnull AS required, a.attgenerated::text AS generated, a.attidentity::text AS identity,
      pg_get_expr(e.adbin, e.adrelid) AS default, a.attnum::int AS number,
      CASE WHEN a.attcollation <> t.typcollation THEN l.collname::text ELSE '' END AS collation
      """,
      from: """
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef e ON e.adrelid = c.oid AND e.adnum = a.attnum
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        """, order: "1, a.attnum")
  }

  private static func columns(_ rows: [SQLRow], _ constraints: [SQLRow]) -> [CatalogueColumn] {
    let key = constraints.first { $0["kind"] == .text("p") }?["columns"].text.map(list) ?? []
    return rows.map { row in
      let name = row["name"].text ?? ""
      let value = row["default"].text
      let generation: String? =
        switch (row["generated"].text ?? "", row["identity"].text ?? "") {
        case ("s", _): "generated and stored as \(value ?? "")"
        case ("v", _): "generated when read as \(value ?? "")"
        case (_, "a"): "identity, always"
        case (_, "d"): "identity, by default"
        default: nil
        }
      return CatalogueColumn(
        name: name, type: row["type"].text ?? "", isNotNull: row["required"] == .integer(1),
        defaultValue: generation == nil ? value : nil,
        keyPosition: (key.firstIndex(of: name) ?? -1) + 1,
        collation: row["collation"].text ?? "", generation: generation)
    }
  }

  private func constraints() throws(StepFailure) -> [String: [SQLRow]] {
    try grouped(
      """
      k.contype::text AS kind, k.conname::text AS name,
      pg_get_constraintdef(k.oid) AS definition,
      (SELECT string_agg(a.attname, e'\\n' ORDER BY u.place) FROM unnest(k.conkey)
        WITH ORDINALITY u(number, place)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number) AS columns,
      (SELECT string_agg(a.attname, e'\\n' ORDER BY u.place) FROM unnest(k.confkey)
        WITH ORDINALITY u(number, place)
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number) AS parents,
      (SELECT CASE WHEN m.nspname = $1 THEN p.relname::text ELSE m.nspname || '.' || p.relname END
        FROM pg_class p JOIN pg_namespace m ON m.oid = p.relnamespace
        WHERE p.oid = k.confrelid) AS parent,
      k.confupdtype::text AS onupdate, k.confdeltype::text AS ondelete
      """, from: "JOIN pg_constraint k ON k.conrelid = c.oid", order: "1, k.conname")
  }

  private static func foreignKey(_ row: SQLRow) -> CatalogueForeignKey {
    CatalogueForeignKey(
      columns: list(row["columns"].text ?? ""), parent: row["parent"].text ?? "",
      parentColumns: list(row["parents"].text ?? ""),
      onUpdate: action(row["onupdate"].text), onDelete: action(row["ondelete"].text))
  }

  private static func action(_ letter: String?) -> String {
    switch letter {
    case "r": "RESTRICT"
    case "c": "CASCADE"
    case "n": "SET NULL"
    case "d": "SET DEFAULT"
    default: "NO ACTION"
    }
  }

  private func indexes() throws(StepFailure) -> [String: [SQLRow]] {
    try grouped(
      """
      i.relname::text AS name, x.indisunique AS is_unique, x.indisvalid AS is_valid,
      pg_get_expr(x.indpred, x.indrelid) AS predicate, m.amname::text AS method,
      (SELECT string_agg(pg_get_indexdef(x.indexrelid, g, true)
          || CASE WHEN x.indoption[g - 1] & 1 = 1 THEN ' DESC' ELSE '' END, e'\\n' ORDER BY g)
        FROM generate_series(1, x.indnkeyatts) g) AS columns
      """,
      from: """
        JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
        JOIN pg_am m ON m.oid = i.relam
        """, order: "1, i.relname")
  }

  private static func index(_ row: SQLRow) -> CatalogueIndex {
    var columns = list(row["columns"].text ?? "")
    if let method = row["method"].text, method != "btree" {
      columns.insert("USING \(method)", at: 0)
    }
    if row["is_valid"] == .integer(0) { columns.append("INVALID") }
    return CatalogueIndex(
      name: row["name"].text ?? "", isUnique: row["is_unique"] == .integer(1), columns: columns,
      predicate: row["predicate"].text)
  }

  private static func list(_ text: String) -> [String] {
    text.split(separator: "\n").map(String.init)
  }

  // MARK: Objects

  /// Views, triggers, routines, types, sequences, policies and extensions, by kind and name.
  func objects() throws(StepFailure) -> [CatalogueObject] {
    let rows = try connection.rows(ObjectQueries.all, parameters)
    return rows.map { row in
      CatalogueObject(
        kind: row.values[0].text ?? "", name: row.values[1].text ?? "",
        definition: row.values[2].text ?? "")
    }.sorted { ($0.kind, $0.name) < ($1.kind, $1.name) }
  }
}
