/// How a backfill's text is cut into statements; CockroachDB reads PostgreSQL's.
package enum BackfillDialect: Hashable, Sendable, CaseIterable {
  case sqlite, postgres, mysql

  /// One statement of a text.
  struct Piece: Hashable {
    var tokens: [SQLToken]
    /// The statement as written, without its semicolon.
    var text: String
  }

  /// Cuts a text into its statements.
  func pieces(of text: String) throws(SQLTokenError) -> [Piece] {
    switch self {
    case .sqlite: try Self.sqlitePieces(of: text)
    case .postgres:
      try PostgresStatement.splitBySemicolons(text).map {
        Piece(tokens: $0.tokens, text: $0.text)
      }
    case .mysql: try MySQLStatements.split(text).map { Piece(tokens: $0.tokens, text: $0.text) }
    }
  }

  private static func sqlitePieces(of text: String) throws(SQLTokenError) -> [Piece] {
    let bytes = Array(text.utf8)
    var pieces: [Piece] = []
    var current: [SQLitePiece] = []
    func close() {
      guard let first = current.first, let last = current.last else { return }
      let range = first.range.lowerBound..<last.range.upperBound
      pieces.append(
        Piece(
          tokens: current.map(\.token), text: String(decoding: bytes[range], as: UTF8.self)))
      current = []
    }
    // A trigger has semicolons of its own; it is no backfill, whatever it is cut into.
    for piece in try SQLiteTokenizer.pieces(of: text) {
      if piece.token.isSymbol(";") { close() } else { current.append(piece) }
    }
    close()
    return pieces
  }

  /// The name in quotes, as this dialect writes them.
  package func quoted(_ name: String) -> String {
    switch self {
    case .sqlite, .postgres: name.quotedName
    case .mysql:
      "`" + name.split(separator: "`", omittingEmptySubsequences: false).joined(separator: "``")
        + "`"
    }
  }

  /// Whether `||` means OR rather than the joining of texts.
  var barsMeanOr: Bool { self == .mysql }
}
