import WindlassCore
import WindlassSchema

/// The table that a backfill walks, and the key by which it does, as this database has them.
struct PostgresBackfillTable: Hashable {
  /// The table's number.
  let id: Int64
  /// The table's name with its schema, in quotes.
  let name: String
  /// The key's name in quotes, without the table.
  let column: String
  /// The type as which keys go to and fro.
  let type: String

  /// Types of keys, and the types as which they are compared.
  private static let types = [
    "int2": "bigint", "int4": "bigint", "int8": "bigint", "text": "text", "varchar": "text",
    "uuid": "uuid",
  ]

  /// Looks the table up, its name as it is written or folded as the server folds it.
  ///
  /// - Throws: `BackfillImpossible` when it can't be walked by that key.
  init(
    _ directive: BackfillDirective, on connection: PostgresConnection
  ) throws(StepFailure) {
    func impossible(_ reason: String) -> StepFailure {
      StepFailure(
        code: "BackfillImpossible", disposition: .stop,
        message: "\(directive.table) on \(connection.place) can't be walked by \(directive.key):"
          + " \(reason)")
    }
    let written = directive.table.split(separator: ".").map { String($0).quotedName }
      .joined(separator: ".")
    let found = try connection.rows(
      """
      SELECT c.oid::bigint AS id, c.relkind::text AS kind, n.nspname::text AS schema,
        c.relname::text AS name
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = coalesce(to_regclass($1), to_regclass($2))
      """, [.text(written), .text(written.lowercased())], limit: 1
    ).first
    guard let found, let id = found["id"].integer else {
      throw impossible("there is no such table. Correct the first line of the file.")
    }
    guard ["r", "p"].contains(found["kind"].text) else {
      throw impossible("it is no ordinary table.")
    }
    self.id = id
    name = [found["schema"], found["name"]].compactMap(\.text).map(\.quotedName)
      .joined(separator: ".")
    let columns = try connection.rows(
      """
      SELECT a.attname::text AS name, a.attnotnull AS fixed, b.typname::text AS type,
        EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique
          AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = 1
          AND i.indkey[0] = a.attnum AND i.indcollation[0] = a.attcollation) AS single
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
      WHERE a.attrelid = $1 AND a.attname IN ($2, $3) AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY a.attname = $2 DESC
      """, [.integer(id), .text(directive.key), .text(directive.key.lowercased())])
    guard let column = columns.first, let columnName = column["name"].text else {
      throw impossible("it has no such column. Correct the first line of the file.")
    }
    guard let type = Self.types[column["type"].text ?? ""] else {
      throw impossible(
        "the column is of type \(column["type"].text ?? "?"), and keys are whole numbers, texts or"
          + " uuids.")
    }
    guard column["fixed"] == .integer(1) else {
      throw impossible(
        "the column may hold null, and a row without a key would be left out. Use the primary key,"
          + " or a column that is NOT NULL and unique.")
    }
    guard column["single"] == .integer(1) else {
      throw impossible(
        "the column is not unique by itself, so that rows with an equal key could be left out. Use"
          + " the primary key if it is of one column, or another column that is unique.")
    }
    self.column = columnName.quotedName
    self.type = type
  }

  /// How many rows the table has, by the server's own statistics or by the span of its numbers; nil
  /// where nobody knows.
  func estimate(on connection: PostgresConnection) throws(StepFailure) -> Int64? {
    let counted = try connection.scalar(
      "SELECT greatest(reltuples, -1)::bigint FROM pg_class WHERE oid = $1", [.integer(id)])
    if let counted = counted.integer, counted >= 0 { return counted }
    guard type == "bigint" else { return nil }
    let span = try connection.scalar(
      """
      SELECT least(max(\(column))::numeric - min(\(column)) + 1, 9000000000000000000)::bigint
      FROM \(name)
      """)
    return span.integer ?? 0
  }
}
