/// The statements of a SQLite script, each a run of tokens without its semicolon.
package enum SQLiteStatements {
  /// Splits at semicolons, and keeps the body of `CREATE TRIGGER … BEGIN …; END` together.
  package static func split(_ tokens: [SQLToken]) -> [[SQLToken]] {
    var statements: [[SQLToken]] = []
    var current: [SQLToken] = []
    for token in tokens {
      guard token.isSymbol(";") else {
        current.append(token)
        continue
      }
      // A trigger's statements end in semicolons of their own; only `; END` closes it.
      if isTrigger(current), !isClosed(current) {
        current.append(token)
      } else {
        if !current.isEmpty { statements.append(current) }
        current = []
      }
    }
    if !current.isEmpty { statements.append(current) }
    return statements
  }

  /// Whether the tokens are a trigger whose `END` has not come.
  static func isUnfinishedTrigger(_ tokens: [SQLToken]) -> Bool {
    isTrigger(tokens) && !isClosed(tokens)
  }

  private static func isTrigger(_ tokens: [SQLToken]) -> Bool {
    var words = tokens.prefix(6)[...]
    if words.first?.isKeyword("EXPLAIN") == true {
      words = words.dropFirst()
      if words.first?.isKeyword("QUERY") == true { words = words.dropFirst(2) }
    }
    guard words.first?.isKeyword("CREATE") == true else { return false }
    words = words.dropFirst()
    if let word = words.first, word.isKeyword("TEMP") || word.isKeyword("TEMPORARY") {
      words = words.dropFirst()
    }
    return words.first?.isKeyword("TRIGGER") == true
  }

  private static func isClosed(_ tokens: [SQLToken]) -> Bool {
    guard tokens.count > 1, let last = tokens.last else { return false }
    return last.isKeyword("END") && tokens[tokens.count - 2].isSymbol(";")
  }
}
