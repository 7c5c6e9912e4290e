import WindlassCore
import WindlassSchema

/// Tells whether a schema is the one of before, without reading it.
///
/// Each row of the system catalogues bears the transaction that wrote it, and no change of a schema
/// leaves a row as it was. Some rows are written anew without a change of the schema, as when a
/// table is emptied: equal stamps mean equal schemas, and other stamps mean that one has to look.
enum CatalogueStamp {
  /// Everything that the catalogue is read from. What the server brings has lower numbers, and is
  /// never changed.
  private static let rows =
    [
      "SELECT 'class ' || oid || ' ' || xmin FROM pg_class"
        + " WHERE oid >= 16384 AND relpersistence <> 't'",
      "SELECT 'attribute ' || attrelid || '.' || attnum || ' ' || xmin FROM pg_attribute"
        + " WHERE attrelid >= 16384",
      // Not a row of a table that has a number.
      "SELECT 'depend ' || classid || '.' || objid || ' ' || refobjid || ' ' || xmin FROM pg_depend"
        + " WHERE deptype = 'e'",
      "SELECT 'index ' || indexrelid || ' ' || xmin FROM pg_index WHERE indexrelid >= 16384",
      "SELECT 'sequence ' || seqrelid || ' ' || xmin FROM pg_sequence WHERE seqrelid >= 16384",
      // The schema `public` can be renamed.
      "SELECT 'namespace ' || oid || ' ' || xmin FROM pg_namespace",
    ]
    + [
      "am", "attrdef", "collation", "constraint", "enum", "extension", "policy", "proc", "rewrite",
      "trigger", "type",
    ].map { "SELECT '\($0) ' || oid || ' ' || xmin FROM pg_\($0) WHERE oid >= 16384" }

  /// Asks for the stamp. The server makes the digest, since the rows are many.
  static let question = SQLStatement(
    """
    SELECT encode(sha256(convert_to('stamp' || e'\\n'
      || coalesce(string_agg(line, e'\\n' ORDER BY line COLLATE "C"), ''), 'UTF8')), 'hex') FROM
      (\(rows.joined(separator: "\n  UNION ALL "))) AS rows (line)
    """)

  /// The stamp in the answer.
  static func digest(in rows: [SQLRow]) -> Digest { Digest(rows.first?.values[0].text ?? "") }
}

extension PostgresConnection {
  /// The stamp of the schema as it is now; nil where rows do not tell who wrote them.
  func catalogueStamp() throws(StepFailure) -> Digest? {
    guard dialect == .postgres else { return nil }
    return CatalogueStamp.digest(in: try rows(CatalogueStamp.question.text, limit: 1))
  }
}
