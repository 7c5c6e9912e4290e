/// What SQLite's own text of a definition tells beyond its pragmas.
package struct SQLiteDefinition: Hashable, Sendable {
  /// The text with single blanks, without comments, names without quotes.
  package let canonical: String
  /// The conditions of a table's CHECK constraints, sorted.
  package let checks: [String]
  /// A table's options: `AUTOINCREMENT`, `STRICT`, `WITHOUT ROWID`, sorted.
  package let options: [String]
  /// The text of what an index is of, without its parentheses, split at commas.
  package let indexedParts: [String]
  /// The condition of a partial index.
  package let predicate: String?

  /// Reads a definition; a text that can't be cut into tokens is kept as it is.
  package init(_ text: String) {
    // A text without tokens is compared as it stands, which is stricter and never wrong.
    let tokens = (try? SQLiteTokenizer.tokens(of: text)) ?? []
    canonical = tokens.isEmpty ? text : Self.text(tokens[...])
    let (body, rest) = Self.body(of: tokens)
    checks = Self.checks(in: body)
    var options = Self.split(rest).map { Self.text($0).uppercased() }.filter { !$0.isEmpty }
    if body.contains(where: { $0.isKeyword("AUTOINCREMENT") }) { options.append("AUTOINCREMENT") }
    self.options = options.sorted()
    indexedParts = Self.split(body).map(Self.text)
    predicate = rest.first?.isKeyword("WHERE") == true ? Self.text(rest.dropFirst()) : nil
  }

  /// The tokens in the outermost parentheses, and those behind them.
  private static func body(
    of tokens: [SQLToken]
  ) -> (body: ArraySlice<SQLToken>, rest: ArraySlice<SQLToken>) {
    guard let start = tokens.firstIndex(where: { $0.isSymbol("(") }),
      let end = closing(of: start, in: tokens[...])
    else { return ([], []) }
    return (tokens[(start + 1)..<end], tokens[(end + 1)...])
  }

  private static func closing(of start: Int, in tokens: ArraySlice<SQLToken>) -> Int? {
    var depth = 0
    for index in start..<tokens.endIndex {
      if tokens[index].isSymbol("(") { depth += 1 }
      if tokens[index].isSymbol(")") { depth -= 1 }
      if depth == 0 { return index }
    }
    return nil
  }

  private static func checks(in body: ArraySlice<SQLToken>) -> [String] {
    var checks: [String] = []
    for index in body.indices.dropLast()
    where body[index].isKeyword("CHECK") && body[index + 1].isSymbol("(") {
      guard let end = closing(of: index + 1, in: body) else { continue }
      checks.append(text(body[(index + 2)..<end]))
    }
    return checks.sorted()
  }

  private static func split(_ tokens: ArraySlice<SQLToken>) -> [ArraySlice<SQLToken>] {
    var parts: [ArraySlice<SQLToken>] = []
    var depth = 0
    var start = tokens.startIndex
    for index in tokens.indices {
      if tokens[index].isSymbol("(") { depth += 1 }
      if tokens[index].isSymbol(")") { depth -= 1 }
      if depth == 0, tokens[index].isSymbol(",") {
        parts.append(tokens[start..<index])
        start = index + 1
      }
    }
    parts.append(tokens[start..<tokens.endIndex])
    return parts
  }

  private static func text(_ tokens: ArraySlice<SQLToken>) -> String {
    tokens.map(\.text).joined(separator: " ")
  }
}
