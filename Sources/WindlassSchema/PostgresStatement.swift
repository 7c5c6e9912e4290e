/// One statement of a PostgreSQL script.
package struct PostgresStatement: Hashable, Sendable {
  /// The tokens without the semicolon; never empty.
  package var tokens: [SQLToken]
  /// The statement as written, without its semicolon.
  package var text: String
  /// Its place in the script's UTF-8, with the semicolon.
  var range: Range<Int>

  /// The line that it begins on, from 1.
  package var line: Int { tokens[0].line }

  /// Splits a script at its semicolons, but not inside parentheses and inside the bodies of
  /// functions that the SQL standard writes as `BEGIN ATOMIC … END`.
  package static func split(_ text: String) throws(SQLTokenError) -> [PostgresStatement] {
    let bytes = Array(text.utf8)
    var statements: [PostgresStatement] = []
    var current: [PostgresTokenizer.Piece] = []
    var nesting = PostgresNesting()
    func close(end: Int) {
      guard let first = current.first, let last = current.last else { return }
      let body = bytes[first.range.lowerBound..<last.range.upperBound]
      statements.append(
        PostgresStatement(
          tokens: current.map(\.token), text: String(decoding: body, as: UTF8.self),
          range: first.range.lowerBound..<end))
      current = []
      nesting = PostgresNesting()
    }
    for piece in try PostgresTokenizer.pieces(of: text) {
      if piece.token.isSymbol(";"), !nesting.isOpen {
        close(end: piece.range.upperBound)
      } else {
        nesting.take(piece.token)
        current.append(piece)
      }
    }
    close(end: current.last?.range.upperBound ?? 0)
    return statements
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
