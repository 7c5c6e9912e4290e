/// The statements of a text in an engine's language, found as that engine finds them.
package enum EngineStatements {
  /// Splits a text; comments around a statement are none of it, nor is what ends it.
  ///
  /// - Parameter engine: as a manifest names it.
  /// - Returns: nil for an engine that is not known.
  package static func split(_ text: String, engine: String) throws(SQLTokenError) -> [String]? {
    switch engine {
    case "sqlite": return try sqlite(text)
    case "mysql": return try MySQLStatements.split(text).map(\.text)
    default:
      guard let dialect = PostgresDialect(rawValue: engine) else { return nil }
      return try PostgresStatement.split(text, dialect).map(\.text)
    }
  }

  private static func sqlite(_ text: String) throws(SQLTokenError) -> [String] {
    let pieces = try SQLiteTokenizer.pieces(of: text)
    let bytes = Array(text.utf8)
    var rest = pieces[...]
    return SQLiteStatements.split(pieces.map(\.token)).compactMap { tokens in
      // No statement begins with what ends one.
      rest = rest.drop { $0.token.isSymbol(";") }
      let own = rest.prefix(tokens.count)
      rest = rest.dropFirst(tokens.count)
      guard let first = own.first, let last = own.last else { return nil }
      return String(
        decoding: bytes[first.range.lowerBound..<last.range.upperBound], as: UTF8.self)
    }
  }
}
