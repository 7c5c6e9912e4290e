/// Finds names of other databases in a statement.
///
/// `a.b` is a column of the table or alias `a`, or the object `b` of the database `a`; which one is
/// told by where it stands, and by whether the statement introduces `a` elsewhere.
enum MySQLReferences {
  /// The first token that names a database; nil when none does.
  static func qualifiedName(in statement: [SQLToken]) -> SQLToken? {
    var scan = ReferenceScan(statement)
    return scan.run()
  }
}

private struct ReferenceScan {
  private let tokens: [SQLToken]
  /// Names that stand alone somewhere: tables and aliases among them.
  private let introduced: Set<String>
  /// Where the `ON` of an index or a trigger is.
  private let target: Int?
  /// For each open parenthesis, whether commas in it separate tables.
  private var lists = [false]
  /// Whether the next name is a table's, or another object's of a database.
  private var expectsObject = false

  init(_ tokens: [SQLToken]) {
    self.tokens = tokens
    var introduced: Set<String> = ["new", "old", "excluded"]
    for (index, token) in tokens.enumerated() where Self.isName(token) {
      let isQualifier = index + 1 < tokens.count && tokens[index + 1].isSymbol(".")
      let isQualified = index > 0 && tokens[index - 1].isSymbol(".")
      if !isQualifier, !isQualified { introduced.insert(token.text.lowercased()) }
    }
    self.introduced = introduced
    let makes = tokens[0].isKeyword("CREATE") || tokens[0].isKeyword("DROP")
    let isOnTable = tokens.prefix(24).contains {
      $0.isKeyword("INDEX") || $0.isKeyword("TRIGGER")
    }
    target = makes && isOnTable ? tokens.firstIndex { $0.isKeyword("ON") } : nil
  }

  mutating func run() -> SQLToken? {
    for index in tokens.indices {
      let token = tokens[index]
      if Self.isName(token), index + 1 < tokens.count, tokens[index + 1].isSymbol("."),
        index == 0 || !tokens[index - 1].isSymbol("."), namesDatabase(at: index)
      {
        return token
      }
      follow(at: index)
    }
    return nil
  }

  private func namesDatabase(at index: Int) -> Bool {
    guard index + 2 < tokens.count, Self.isPart(tokens[index + 2]) else { return false }
    if expectsObject || !introduced.contains(tokens[index].text.lowercased()) { return true }
    guard index + 3 < tokens.count else { return false }
    // `a.b.c` is a column of a table of a database, and `a.b(` a function of one.
    return tokens[index + 3].isSymbol(".") || tokens[index + 3].isSymbol("(")
  }

  private static let opening: Set<String> = [
    "FROM", "JOIN", "STRAIGHT_JOIN", "INTO", "UPDATE", "TABLE", "TABLES", "REFERENCES", "VIEW",
    "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "SEQUENCE", "CALL", "EXISTS", "TRUNCATE", "TO",
  ]
  private static let passing: Set<String> = [
    "IF", "NOT", "IGNORE", "LOW_PRIORITY", "QUICK", "ONLY", "LATERAL", "DELAYED", "HIGH_PRIORITY",
  ]
  private static let closing: Set<String> = [
    "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "SET", "VALUES", "VALUE", "SELECT", "UNION",
    "WINDOW", "ADD", "MODIFY", "CHANGE", "BEGIN", "THEN",
  ]

  /// Takes one token into account for those behind it.
  private mutating func follow(at index: Int) {
    let token = tokens[index]
    if token.isSymbol("(") {
      lists.append(expectsObject)
      return
    }
    if token.isSymbol(")") {
      if lists.count > 1 { lists.removeLast() }
      expectsObject = false
      return
    }
    if token.isSymbol(",") {
      expectsObject = lists[lists.count - 1]
      return
    }
    guard token.kind == .word else {
      expectsObject = false
      return
    }
    let word = token.text.uppercased()
    if Self.passing.contains(word) { return }
    if Self.closing.contains(word) { lists[lists.count - 1] = false }
    expectsObject = opensObject(word, at: index)
    if expectsObject, ["FROM", "JOIN", "TABLE", "TABLES", "VIEW", "UPDATE", "TO"].contains(word) {
      lists[lists.count - 1] = true
    }
  }

  private func opensObject(_ word: String, at index: Int) -> Bool {
    let before = index > 0 ? tokens[index - 1] : nil
    switch word {
    case "FROM":
      // `EXTRACT(YEAR FROM t.c)` and its like are no tables.
      return !isInsideExtraction(index)
    case "UPDATE":
      return !["KEY", "ON", "FOR", "BEFORE", "AFTER"].contains { before?.isKeyword($0) == true }
    case "ON":
      // Only an index or a trigger is made on a table; any other ON begins a condition.
      return index == target
    case "LIKE": return tokens[0].isKeyword("CREATE") && tokens.count < index + 5
    case "TO": return tokens[0].isKeyword("RENAME") || before?.isKeyword("RENAME") == true
    default: return Self.opening.contains(word)
    }
  }

  private func isInsideExtraction(_ index: Int) -> Bool {
    var depth = 0
    var place = index - 1
    // Not far: these functions have few tokens before their FROM.
    while place > 0, index - place < 32 {
      if tokens[place].isSymbol(")") { depth += 1 }
      if tokens[place].isSymbol("(") {
        if depth == 0 {
          return ["EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "MID"].contains {
            tokens[place - 1].isKeyword($0)
          }
        }
        depth -= 1
      }
      place -= 1
    }
    return false
  }

  private static func isName(_ token: SQLToken) -> Bool {
    switch token.kind {
    case .word, .quotedName: true
    case .literal: token.text.hasPrefix("\"")
    case .number: !token.text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    default: false
    }
  }

  /// Whether the token can stand behind the point.
  private static func isPart(_ token: SQLToken) -> Bool {
    isName(token) || token.isSymbol("*")
  }
}
