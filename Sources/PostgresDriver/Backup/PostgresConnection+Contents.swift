import WindlassCore
import WindlassSchema

extension PostgresConnection {
  /// What a row's text depends on besides the row itself, set alike for every reading.
  private static let outputSettings = """
    SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; \
    SET LOCAL IntervalStyle = 'iso_8601'; SET LOCAL extra_float_digits = 1; \
    SET LOCAL bytea_output = 'hex'; SET LOCAL xmloption = 'content'; \
    SET LOCAL lc_monetary = 'C'; SET LOCAL search_path = ''
    """

  /// Everything that a backup must hold; call it inside a snapshot.
  func contents() throws(StepFailure) -> DatabaseContents {
    try run(script: Self.outputSettings)
    return DatabaseContents(
      tables: try tableContents(), fingerprint: try fingerprint(), counters: try counters())
  }

  /// The SHA-256 of all definitions.
  private func fingerprint() throws(StepFailure) -> Digest {
    // Plain names of Windlass's own, so that no sign in them needs an escape.
    let outside = SQLValue.text("{" + OwnTables.volatile.sorted().joined(separator: ",") + "}")
    var definitions: [String] = []
    for query in DefinitionQueries.all {
      definitions += try rows(query, [outside], limit: Bounds.definitionsMax)
        .compactMap(\.values.first?.text)
    }
    var hash = SHA256()
    // Sorted by bytes: the server's order depends on its locale.
    for definition in definitions.map({ Array($0.utf8) }).sorted(by: {
      $0.lexicographicallyPrecedes($1)
    }) {
      hash.update(Array("\(definition.count):".utf8))
      hash.update(definition)
    }
    return hash.finish()
  }

  /// Each table's row count and digest.
  ///
  /// The digest does not depend on the order of the rows, in which a restored table may differ: it
  /// is made of the sums of two halves of each row's SHA-256. The server computes it, so that no
  /// row travels.
  private func tableContents() throws(StepFailure) -> [TableContents] {
    var tables: [TableContents] = []
    for (schema, name) in try storedTables() where !OwnTables.volatile.contains(name) {
      let table = "\(schema.quotedName).\(name.quotedName)"
      tables.append(
        try contents(
          named: schema == "public" ? name : "\(schema).\(name)", column: "t", source: "\(table) t")
      )
    }
    let large = try scalar("SELECT count(*) FROM pg_catalog.pg_largeobject_metadata")
    if let count = large.integer, count > 0 {
      tables.append(
        try contents(
          named: "large objects", column: "(m.oid, pg_catalog.lo_get(m.oid))",
          source: "pg_catalog.pg_largeobject_metadata m"))
    }
    return tables.sorted { $0.name < $1.name }
  }

  /// Tables with rows of their own, but those of the server and of extensions.
  private func storedTables() throws(StepFailure) -> [(schema: String, name: String)] {
    let rows = try rows(
      """
      SELECT n.nspname, c.relname
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND c.relpersistence <> 't'
        AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend d
          WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
            AND d.deptype = 'e')
      ORDER BY 1, 2
      """)
    return rows.map { ($0.values[0].text ?? "", $0.values[1].text ?? "") }
  }

  private func contents(
    named name: String, column: String, source: String
  ) throws(StepFailure) -> TableContents {
    let row = try rows(
      """
      SELECT count(*),
        coalesce(sum(('x' || substr(h, 1, 16))::bit(64)::bigint), 0)::text,
        coalesce(sum(('x' || substr(h, 17, 16))::bit(64)::bigint), 0)::text
      FROM (
        SELECT encode(sha256(convert_to(\(column)::text, 'UTF8')), 'hex') AS h FROM \(source)
      ) AS hashes
      """, limit: 1
    ).first
    let sums = "\(row?.values[1].text ?? "") \(row?.values[2].text ?? "")"
    return TableContents(
      name: name, rows: row?.values[0].integer ?? 0,
      digest: SHA256.digest(of: Array(sums.utf8)))
  }
}
