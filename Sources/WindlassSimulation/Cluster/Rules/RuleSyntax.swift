/// An expression of the rule language (CEL), as far as it is supported.
indirect enum RuleExpression: Hashable, Sendable {
  case text(String)
  case number(Double)
  case truth(Bool)
  case null
  case list([RuleExpression])
  case name(String)
  case member(RuleExpression, String)
  case element(RuleExpression, RuleExpression)
  /// A call of a function, or of a method with its receiver as the first argument.
  case call(String, [RuleExpression])
  /// A macro over a list: its name, the list, the variable, the body.
  case comprehension(String, RuleExpression, String, RuleExpression)
}

/// Why a rule could not be read or evaluated, in the words that the server shows.
struct RuleFailure: Error, Hashable, Sendable {
  var message: String
}

/// Reads expressions by recursive descent, one function for a level of precedence.
struct RuleParser {
  private var tokens: [Token] = []
  private var position = 0

  private enum Token: Hashable {
    case name(String)
    case text(String)
    case number(Double)
    case mark(String)
  }

  /// Reads one whole expression.
  static func parse(_ source: String) throws(RuleFailure) -> RuleExpression {
    var parser = RuleParser()
    parser.tokens = try tokens(of: source)
    let expression = try parser.conditional()
    guard parser.position == parser.tokens.count else {
      throw RuleFailure(message: "unexpected text after the expression")
    }
    return expression
  }

  private static let marks = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "+", "-", "*", "/", "%", "(", ")", "[", "]",
    ".", ",", "?", ":",
  ]

  private static func tokens(of source: String) throws(RuleFailure) -> [Token] {
    var tokens: [Token] = []
    var rest = Substring(source)
    while let first = rest.first {
      if first.isWhitespace {
        rest.removeFirst()
      } else if first == "'" || first == "\"" {
        rest.removeFirst()
        guard let end = rest.firstIndex(of: first) else {
          throw RuleFailure(message: "a text without its end")
        }
        tokens.append(.text(String(rest[..<end])))
        rest = rest[rest.index(after: end)...]
      } else if first.isLetter || first == "_" {
        let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        tokens.append(.name(String(word)))
        rest = rest.dropFirst(word.count)
      } else if first.isNumber {
        let digits = rest.prefix { $0.isNumber || $0 == "." }
        tokens.append(.number(Double(digits) ?? 0))
        rest = rest.dropFirst(digits.count)
      } else if let mark = marks.first(where: rest.hasPrefix) {
        tokens.append(.mark(mark))
        rest = rest.dropFirst(mark.count)
      } else {
        throw RuleFailure(message: "unexpected character \(first)")
      }
    }
    return tokens
  }

  private mutating func conditional() throws(RuleFailure) -> RuleExpression {
    let condition = try binary(0)
    guard take("?") else { return condition }
    let first = try binary(0)
    guard take(":") else { throw RuleFailure(message: "a condition without its other branch") }
    return .call("?:", [condition, first, try conditional()])
  }

  private static let levels = [
    ["||"], ["&&"], ["==", "!=", "<=", ">=", "<", ">", "in"], ["+", "-"], ["*", "/", "%"],
  ]

  private mutating func binary(_ level: Int) throws(RuleFailure) -> RuleExpression {
    guard level < Self.levels.count else { return try unary() }
    var left = try binary(level + 1)
    while let mark = Self.levels[level].first(where: { next == .mark($0) || next == .name($0) }) {
      position += 1
      left = .call(mark, [left, try binary(level + 1)])
    }
    return left
  }

  private mutating func unary() throws(RuleFailure) -> RuleExpression {
    if take("!") { return .call("!", [try unary()]) }
    if take("-") { return .call("-", [.number(0), try unary()]) }
    var expression = try primary()
    while true {
      if take(".") {
        guard case .name(let name)? = next else {
          throw RuleFailure(message: "a dot without a name")
        }
        position += 1
        expression = take("(") ? try method(expression, name) : .member(expression, name)
      } else if take("[") {
        expression = .element(expression, try conditional())
        guard take("]") else { throw RuleFailure(message: "a bracket that stays open") }
      } else {
        return expression
      }
    }
  }

  private static let macros: Set<String> = ["all", "exists", "exists_one", "filter", "map"]

  private mutating func method(
    _ receiver: RuleExpression, _ name: String
  ) throws(RuleFailure) -> RuleExpression {
    let arguments = try arguments()
    if Self.macros.contains(name), arguments.count == 2, case .name(let variable) = arguments[0] {
      return .comprehension(name, receiver, variable, arguments[1])
    }
    return .call(name, [receiver] + arguments)
  }

  private mutating func arguments() throws(RuleFailure) -> [RuleExpression] {
    var arguments: [RuleExpression] = []
    if take(")") { return arguments }
    repeat { arguments.append(try conditional()) } while take(",")
    guard take(")") else { throw RuleFailure(message: "a parenthesis that stays open") }
    return arguments
  }

  private mutating func primary() throws(RuleFailure) -> RuleExpression {
    guard let token = next else { throw RuleFailure(message: "the expression ends too early") }
    position += 1
    switch token {
    case .text(let text): return .text(text)
    case .number(let number): return .number(number)
    case .name("true"): return .truth(true)
    case .name("false"): return .truth(false)
    case .name("null"): return .null
    case .name(let name): return take("(") ? .call(name, try arguments()) : .name(name)
    case .mark("("):
      let inner = try conditional()
      guard take(")") else { throw RuleFailure(message: "a parenthesis that stays open") }
      return inner
    case .mark("["):
      var items: [RuleExpression] = []
      if take("]") { return .list(items) }
      repeat { items.append(try conditional()) } while take(",")
      guard take("]") else { throw RuleFailure(message: "a bracket that stays open") }
      return .list(items)
    case .mark(let mark): throw RuleFailure(message: "unexpected \(mark)")
    }
  }

  private var next: Token? { position < tokens.count ? tokens[position] : nil }

  private mutating func take(_ mark: String) -> Bool {
    guard next == .mark(mark) else { return false }
    position += 1
    return true
  }
}
