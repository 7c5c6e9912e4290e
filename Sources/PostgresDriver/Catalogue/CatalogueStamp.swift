import WindlassCore
import WindlassSchema

/// Tells whether a schema is the one of before, without reading it.
///
/// Each row of the system catalogues bears the transaction that wrote it, and no change of a schema
/// leaves a row as it was. Some rows are written anew without a change of the schema, as when a
/// table is emptied: equal stamps mean equal schemas, and other stamps mean that one has to look.
///
/// The server makes of each row, by its catalogue, its number and its transaction, two numbers of
/// 64 bits that have nothing to do with each other, counts the rows and adds up the numbers: sums
/// need no order, and to sort the rows as text took it longer than to read them. That other rows
/// come to the same two sums is as likely as to guess 128 bits.
enum CatalogueStamp {
  /// A catalogue as the stamp reads it.
  private struct Source {
    var catalogue: String
    /// The column with the row's number.
    var number = "oid"
    /// What tells rows of one number apart, from 0 to 65,535; nil where they are alone.
    var part: String?
    /// Which rows count; nil for those that the server did not bring, which have higher numbers.
    /// What it brings is never changed.
    var condition: String?

    /// The rows with their numbers, their transactions, and what else tells them apart.
    func rows(place: Int) -> String {
      let part = part.map { "\(place << 16) + \($0)" } ?? "\(place << 16)"
      return "SELECT \(number), xmin, (\(part))::bigint FROM pg_\(catalogue)"
        + " WHERE \(condition ?? "\(number) >= 16384")"
    }
  }

  /// Everything that the catalogue is read from. The order is part of the stamp.
  private static let sources =
    [
      Source(catalogue: "class", condition: "oid >= 16384 AND relpersistence <> 't'"),
      // Those of the system have numbers below zero, and change with their table alone.
      Source(
        catalogue: "attribute", number: "attrelid", part: "attnum",
        condition: "attrelid >= 16384 AND attnum > 0"),
      // Not a row of a table that has a number.
      Source(catalogue: "depend", number: "objid", condition: "deptype = 'e'"),
      Source(catalogue: "index", number: "indexrelid"),
      Source(catalogue: "sequence", number: "seqrelid"),
      // The schema `public` can be renamed.
      Source(catalogue: "namespace", condition: "true"),
    ]
    + [
      "am", "attrdef", "collation", "constraint", "enum", "extension", "policy", "proc", "rewrite",
      "trigger", "type",
    ].map { Source(catalogue: $0) }

  /// Asks for the stamp.
  static let question = SQLStatement(
    """
    SELECT count(*)::text || ' ' || coalesce(sum(hashoidextended(number, seed)), 0)::text
      || ' ' || coalesce(sum(hashoidextended(number, ~seed)), 0)::text
    FROM (SELECT number, place << 32 | written::text::bigint FROM
      (\(sources.enumerated().map { $1.rows(place: $0) }.joined(separator: "\n  UNION ALL ")))
      AS rows (number, written, place)) AS seeds (number, seed)
    """)

  /// The stamp in the answer.
  static func digest(in rows: [SQLRow]) -> Digest {
    SHA256.digest(of: "stamp 2 " + (rows.first?.values[0].text ?? ""))
  }
}

/// The stamp as Windlass 0.1 recorded it at first: the same rows as lines of a text.
///
/// A record that has it stays good, and costs one question more, until the next migration.
enum FormerCatalogueStamp {
  private static let rows =
    [
      "SELECT 'class ' || oid || ' ' || xmin FROM pg_class"
        + " WHERE oid >= 16384 AND relpersistence <> 't'",
      "SELECT 'attribute ' || attrelid || '.' || attnum || ' ' || xmin FROM pg_attribute"
        + " WHERE attrelid >= 16384",
      "SELECT 'depend ' || classid || '.' || objid || ' ' || refobjid || ' ' || xmin FROM pg_depend"
        + " WHERE deptype = 'e'",
      "SELECT 'index ' || indexrelid || ' ' || xmin FROM pg_index WHERE indexrelid >= 16384",
      "SELECT 'sequence ' || seqrelid || ' ' || xmin FROM pg_sequence WHERE seqrelid >= 16384",
      "SELECT 'namespace ' || oid || ' ' || xmin FROM pg_namespace",
    ]
    + [
      "am", "attrdef", "collation", "constraint", "enum", "extension", "policy", "proc", "rewrite",
      "trigger", "type",
    ].map { "SELECT '\($0) ' || oid || ' ' || xmin FROM pg_\($0) WHERE oid >= 16384" }

  /// Asks for the stamp.
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
