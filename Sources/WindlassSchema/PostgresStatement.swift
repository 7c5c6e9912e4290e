/// One statement of a PostgreSQL script.
package struct PostgresStatement: Hashable, Sendable {
  /// The tokens without the semicolon; never empty.
  package var tokens: [SQLToken]
  /// The statement as written, without its semicolon.
  package var text: String
  /// Its place in the script's UTF-8, with the semicolon.
  package var range: Range<Int>
  /// What it does.
  package var facts: PostgresFacts

  /// The line that it begins on, from 1.
  package var line: Int { tokens[0].line }

  /// Splits a script where PostgreSQL's own parser does, or, where the script holds something newer
  /// than the parser, at its semicolons.
  package static func split(_ text: String) throws(SQLTokenError) -> [PostgresStatement] {
    let pieces = try PostgresTokenizer.pieces(of: text)
    return statements(parserCuts(pieces, text) ?? cut(pieces), in: text)
  }

  /// Splits a script of that dialect: CockroachDB's at its semicolons, because its language is not
  /// the parser's, and is judged by its words.
  package static func split(
    _ text: String, _ dialect: PostgresDialect
  ) throws(SQLTokenError) -> [PostgresStatement] {
    guard dialect == .cockroachdb else { return try split(text) }
    return statements(
      cut(try PostgresTokenizer.pieces(of: text, dialect)), in: text, parses: false)
  }

  /// Splits a script where the parser does; nil when the parser does not know it.
  package static func splitByParser(
    _ text: String
  ) throws(SQLTokenError) -> [PostgresStatement]? {
    let pieces = try PostgresTokenizer.pieces(of: text)
    return parserCuts(pieces, text).map { statements($0, in: text) }
  }

  /// Splits a script at its semicolons, but not inside parentheses and inside the bodies of
  /// functions that the SQL standard writes as `BEGIN ATOMIC … END`.
  package static func splitBySemicolons(
    _ text: String
  ) throws(SQLTokenError) -> [PostgresStatement] {
    statements(cut(try PostgresTokenizer.pieces(of: text)), in: text)
  }

  private static func parserCuts(_ pieces: [PostgresTokenizer.Piece], _ text: String) -> [Cut]? {
    pieces.isEmpty ? [] : PostgresParser.statements(in: text).flatMap { cut(pieces, at: $0) }
  }

  private static func statements(
    _ cuts: [Cut], in text: String, parses: Bool = true
  ) -> [PostgresStatement] {
    let bytes = Array(text.utf8)
    return cuts.compactMap { cut in
      guard let first = cut.pieces.first, let last = cut.pieces.last else { return nil }
      let body = bytes[first.range.lowerBound..<last.range.upperBound]
      let tokens = cut.pieces.map(\.token)
      let text = String(decoding: body, as: UTF8.self)
      let tree = parses ? PostgresParser.tree(of: text, tokens: tokens.count) : nil
      return PostgresStatement(
        tokens: tokens, text: text, range: first.range.lowerBound..<cut.end,
        facts: tree.flatMap(PostgresFacts.init) ?? PostgresFacts(tokens))
    }
  }

  /// The tokens of one statement, and the place behind its semicolon.
  private typealias Cut = (pieces: ArraySlice<PostgresTokenizer.Piece>, end: Int)

  /// Cuts at the places that the parser told; nil when a token stands in none of them.
  private static func cut(
    _ pieces: [PostgresTokenizer.Piece], at places: [Range<Int>]
  ) -> [Cut]? {
    var cuts: [Cut] = []
    var rest = pieces[...]
    for place in places {
      rest = rest.drop { $0.token.isSymbol(";") }
      let statement = rest.prefix {
        place.lowerBound <= $0.range.lowerBound && $0.range.upperBound <= place.upperBound
      }
      guard let last = statement.last else { return nil }
      rest = rest.dropFirst(statement.count)
      let semicolon = rest.first.flatMap { $0.token.isSymbol(";") ? $0.range.upperBound : nil }
      cuts.append((statement, semicolon ?? last.range.upperBound))
    }
    return rest.allSatisfy { $0.token.isSymbol(";") } ? cuts : nil
  }

  /// Cuts at the semicolons.
  private static func cut(_ pieces: [PostgresTokenizer.Piece]) -> [Cut] {
    var cuts: [Cut] = []
    var start = 0
    var nesting = PostgresNesting()
    for (index, piece) in pieces.enumerated() {
      guard piece.token.isSymbol(";"), !nesting.isOpen else {
        nesting.take(piece.token)
        continue
      }
      if start < index { cuts.append((pieces[start..<index], piece.range.upperBound)) }
      start = index + 1
      nesting = PostgresNesting()
    }
    if let last = pieces.last, start < pieces.count {
      cuts.append((pieces[start...], last.range.upperBound))
    }
    return cuts
  }

  /// Whether the statement begins with these keywords.
  package func begins(with keywords: String...) -> Bool {
    tokens.count >= keywords.count && zip(tokens, keywords).allSatisfy { $0.isKeyword($1) }
  }

  /// Names that stand where a statement names a table or an index, folded as the server folds them;
  /// a keyword may be among them, a column is not.
  package var relationNames: Set<String> {
    let isList = ["DROP", "TRUNCATE", "LOCK"].contains { begins(with: $0) }
    var names: Set<String> = []
    for (before, token) in zip(tokens, tokens.dropFirst()) {
      let introduces =
        before.isSymbol(".") || (isList && before.isSymbol(","))
        || Self.introductions.contains { before.isKeyword($0) }
      guard introduces else { continue }
      if token.kind == .word { names.insert(token.text.lowercased()) }
      if token.kind == .quotedName { names.insert(token.text) }
    }
    return names
  }

  /// Words behind which a table or an index is named.
  private static let introductions = [
    "CLUSTER", "CONCURRENTLY", "EXISTS", "FROM", "INDEX", "INTO", "JOIN", "LIKE", "LOCK", "OF",
    "ON", "ONLY", "PARTITION", "REFERENCES", "TABLE", "TRUNCATE", "UPDATE", "USING", "VACUUM",
    "VIEW",
  ]
}

/// Follows the tokens of one statement, and tells whether a semicolon belongs to it.
private struct PostgresNesting {
  private var parentheses = 0
  private var blocks = 0
  private var words: [String] = []
  private var previous: SQLToken?

  var isOpen: Bool { parentheses > 0 || blocks > 0 }

  mutating func take(_ token: SQLToken) {
    defer { previous = token }
    if token.isSymbol("(") { parentheses += 1 }
    if token.isSymbol(")") { parentheses -= 1 }
    guard token.kind == .word, previous?.isSymbol(".") != true else { return }
    let word = token.text.uppercased()
    if words.count < 4 { words.append(word) }
    guard isRoutine else { return }
    switch word {
    case "ATOMIC" where previous?.isKeyword("BEGIN") == true: blocks += 1
    case "CASE" where blocks > 0: blocks += 1
    case "END" where blocks > 0: blocks -= 1
    default: break
    }
  }

  private var isRoutine: Bool {
    guard words.first == "CREATE" else { return false }
    let kind = words.count > 3 && words[1] == "OR" ? words[3] : words.dropFirst().first
    return kind == "FUNCTION" || kind == "PROCEDURE"
  }
}
