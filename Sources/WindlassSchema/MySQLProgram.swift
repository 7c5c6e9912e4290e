/// Follows the tokens of one statement and tells whether it is a stored program whose body is still
/// open, so that a semicolon belongs to the body.
struct MySQLProgram {
  /// What is open inside a program.
  private enum Frame {
    /// `BEGIN`, `IF`, `LOOP`, `REPEAT`, `WHILE`, `FOR` and `CASE` as statements.
    case statement
    /// `CASE` inside an expression, which `END` alone closes.
    case expression
  }

  /// Where in the statement the last token was.
  private enum Stage {
    /// Before it is known what the statement is.
    case head
    /// In a program before its body.
    case header
    /// In a program's body.
    case body
    /// In a statement that is no program.
    case ordinary
  }

  private var stage = Stage.head
  private var frames: [Frame] = []
  private var parentheses = 0
  /// Whether the next token begins a statement of the body.
  private var isStart = false
  /// Whether a handler is being declared, whose statement has no semicolon before it.
  private var isHandler = false
  /// Whether the condition of `UNTIL … END REPEAT` is being passed.
  private var isCondition = false
  private var words = 0
  private var previous: SQLToken?

  /// Whether a semicolon here is part of the program.
  var isOpen: Bool { stage == .body && !frames.isEmpty }

  /// Goes on by one token.
  mutating func take(_ token: SQLToken) {
    switch stage {
    case .head: takeHead(token)
    case .header: takeHeader(token)
    case .body: takeBody(token)
    case .ordinary: break
    }
    previous = token
  }

  private mutating func takeHead(_ token: SQLToken) {
    words += 1
    if words == 1 {
      if !["CREATE", "ALTER", "BEGIN"].contains(where: token.isKeyword) { stage = .ordinary }
      return
    }
    if previous?.isKeyword("BEGIN") == true, words == 2 {
      // `BEGIN NOT ATOMIC … END`; any other BEGIN opens a transaction.
      guard token.isKeyword("NOT") else {
        stage = .ordinary
        return
      }
      stage = .body
      frames = [.statement]
      return
    }
    let objects = ["PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"]
    if objects.contains(where: token.isKeyword) {
      stage = .header
    } else if ["TABLE", "VIEW", "INDEX", "DATABASE", "SCHEMA", "USER", "SEQUENCE", "ROLE"]
      .contains(where: token.isKeyword)
    {
      stage = .ordinary
    }
  }

  private mutating func takeHeader(_ token: SQLToken) {
    if token.isSymbol("(") { parentheses += 1 }
    if token.isSymbol(")") { parentheses -= 1 }
    guard token.kind == .word, parentheses <= 0, previous?.isSymbol(".") != true else { return }
    let opening = ["BEGIN", "LOOP", "WHILE", "REPEAT", "CASE"].contains(where: token.isKeyword)
    if opening {
      open(.statement, startsStatement: token.isKeyword("BEGIN") || token.isKeyword("LOOP"))
    } else if previous?.isKeyword("IF") == true {
      // `CREATE PROCEDURE IF NOT EXISTS` is a condition on the whole, any other IF is the body.
      if !token.isKeyword("NOT"), !token.isKeyword("EXISTS") { open(.statement) }
    } else if Self.simpleBodies.contains(where: token.isKeyword),
      previous?.isKeyword("CHARACTER") != true, previous?.isKeyword("BEFORE") != true,
      previous?.isKeyword("AFTER") != true, previous?.isKeyword("OR") != true
    {
      stage = .body
    }
  }

  private static let simpleBodies = [
    "SET", "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "RETURN", "CALL", "SIGNAL", "WITH",
  ]

  private mutating func open(_ frame: Frame, startsStatement: Bool = false) {
    stage = .body
    frames.append(frame)
    isStart = startsStatement
  }

  private mutating func takeBody(_ token: SQLToken) {
    let begins = isStart
    isStart = false
    if token.isSymbol(";") {
      isStart = true
      isHandler = false
      isCondition = false
      return
    }
    if token.isSymbol(":"), previous?.kind == .word || previous?.kind == .quotedName {
      isStart = true
      return
    }
    guard token.kind == .word, previous?.isSymbol(".") != true else { return }
    switch token.text.uppercased() {
    case "HANDLER": isHandler = isHandler || begins || previousIsHandlerAction
    case "BEGIN" where begins || isHandler: open(.statement, startsStatement: true)
    case "LOOP" where begins && !afterEnd, "REPEAT" where begins && !afterEnd:
      open(.statement, startsStatement: true)
    case "IF" where begins, "WHILE" where begins, "FOR" where begins: open(.statement)
    case "CASE" where !afterEnd: open(begins ? .statement : .expression)
    case "THEN", "ELSE": isStart = frames.last == .statement
    case "DO": isStart = !begins && frames.last == .statement
    case "UNTIL" where begins: isCondition = true
    case "END" where frames.last == .expression || begins || isCondition: close()
    default: break
    }
  }

  /// Whether the token before is the `END` whose kind this one names.
  private var afterEnd: Bool { previous?.isKeyword("END") == true }

  private var previousIsHandlerAction: Bool {
    guard let previous else { return false }
    return ["CONTINUE", "EXIT", "UNDO"].contains(where: previous.isKeyword)
  }

  private mutating func close() {
    if frames.last == .statement { isCondition = false }
    if !frames.isEmpty { frames.removeLast() }
  }
}
