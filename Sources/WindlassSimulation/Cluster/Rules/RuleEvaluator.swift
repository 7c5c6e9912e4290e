import WindlassWire

/// Computes expressions over JSON values.
struct RuleEvaluator {
  /// What names stand for: `self`, `oldSelf`, variables of macros.
  var names: [String: JSONValue]

  /// The value of an expression.
  func value(_ expression: RuleExpression) throws(RuleFailure) -> JSONValue {
    switch expression {
    case .text(let text): return .string(text)
    case .number(let number):
      return number == number.rounded() ? .integer(Int64(number)) : .double(number)
    case .truth(let truth): return .bool(truth)
    case .null: return .null
    case .list(let items):
      var values: [JSONValue] = []
      for item in items { values.append(try value(item)) }
      return .array(values)
    case .name(let name):
      guard let value = names[name] else {
        throw RuleFailure(message: "undeclared reference to '\(name)'")
      }
      return value
    case .member(let base, let name):
      guard let value = try value(base)[name] else {
        throw RuleFailure(message: "no such key: \(name)")
      }
      return value
    case .element(let base, let index): return try element(base, index)
    case .call(let name, let arguments): return try call(name, arguments)
    case .comprehension(let name, let list, let variable, let body):
      return try comprehension(name, try value(list), variable, body)
    }
  }

  private func element(
    _ base: RuleExpression, _ index: RuleExpression
  ) throws(RuleFailure) -> JSONValue {
    let container = try value(base)
    let place = try value(index)
    if let name = place.string {
      guard let found = container[name] else { throw RuleFailure(message: "no such key: \(name)") }
      return found
    }
    guard let number = place.integer, container.elements.indices.contains(Int(number)) else {
      throw RuleFailure(message: "index out of bounds: \(place.text)")
    }
    return container.elements[Int(number)]
  }

  private func call(
    _ name: String, _ arguments: [RuleExpression]
  ) throws(RuleFailure) -> JSONValue {
    switch name {
    case "has":
      guard case .member(let base, let member)? = arguments.first else {
        throw RuleFailure(message: "has() wants a field")
      }
      return .bool(try value(base)[member] != nil)
    case "||", "&&": return try logic(name, arguments)
    case "?:": return try value(truth(arguments[0]) ? arguments[1] : arguments[2])
    case "!": return .bool(!(try truth(arguments[0])))
    default:
      var values: [JSONValue] = []
      for argument in arguments { values.append(try value(argument)) }
      return try function(name, values)
    }
  }

  /// Either side may fail as long as the other one decides.
  private func logic(
    _ name: String, _ arguments: [RuleExpression]
  ) throws(RuleFailure) -> JSONValue {
    let deciding = name == "||"
    var failure: RuleFailure?
    for argument in arguments {
      do throws(RuleFailure) {
        if try truth(argument) == deciding { return .bool(deciding) }
      } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
    return .bool(!deciding)
  }

  private func truth(_ expression: RuleExpression) throws(RuleFailure) -> Bool {
    guard case .bool(let truth) = try value(expression) else {
      throw RuleFailure(message: "no such overload")
    }
    return truth
  }

  private func comprehension(
    _ name: String, _ list: JSONValue, _ variable: String, _ body: RuleExpression
  ) throws(RuleFailure) -> JSONValue {
    var picked: [JSONValue] = []
    var results: [JSONValue] = []
    let items = list.object.map { $0.map { .string($0.name) } } ?? list.elements
    for item in items {
      var inner = self
      inner.names[variable] = item
      let result = try inner.value(body)
      results.append(result)
      if result == .bool(true) { picked.append(item) }
    }
    switch name {
    case "all": return .bool(picked.count == items.count)
    case "exists": return .bool(!picked.isEmpty)
    case "exists_one": return .bool(picked.count == 1)
    case "filter": return .array(picked)
    default: return .array(results)
    }
  }

  private func function(_ name: String, _ values: [JSONValue]) throws(RuleFailure) -> JSONValue {
    switch (name, values.count) {
    case ("==", 2): return .bool(same(values[0], values[1]))
    case ("!=", 2): return .bool(!same(values[0], values[1]))
    case ("size", 1):
      return .integer(
        Int64(
          values[0].string?.unicodeScalars.count ?? values[0].members.count
            + values[0].elements.count))
    case ("string", 1): return .string(values[0].string ?? values[0].text)
    case ("int", 1):
      return .integer(values[0].string.flatMap(Int64.init) ?? Int64(values[0].double ?? 0))
    case ("in", 2):
      return .bool(
        values[1].elements.contains { same($0, values[0]) }
          || values[0].string.map { values[1][$0] != nil } ?? false)
    case ("startsWith", 2): return .bool(text(values[0]).hasPrefix(text(values[1])))
    case ("endsWith", 2): return .bool(text(values[0]).hasSuffix(text(values[1])))
    case ("contains", 2): return .bool(text(values[0]).contains(text(values[1])))
    case ("matches", 2):
      guard let expression = try? Regex(text(values[1])) else {
        throw RuleFailure(message: "bad regular expression")
      }
      return .bool(text(values[0]).firstMatch(of: expression) != nil)
    case ("+", 2) where values[0].string != nil && values[1].string != nil:
      return .string(text(values[0]) + text(values[1]))
    case ("+", 2):
      guard let first = values[0].array, let second = values[1].array else {
        return try arithmetic(name, values[0], values[1])
      }
      return .array(first + second)
    case ("split", 2) where values[0].string != nil && !text(values[1]).isEmpty:
      return .array(text(values[0]).split(by: text(values[1])).map { .string($0) })
    case (_, 2): return try arithmetic(name, values[0], values[1])
    default: throw RuleFailure(message: "undeclared reference to '\(name)'")
    }
  }

  private func text(_ value: JSONValue) -> String { value.string ?? "" }

  private func same(_ left: JSONValue, _ right: JSONValue) -> Bool {
    if let left = left.double, let right = right.double { return left == right }
    return left == right
  }

  private func arithmetic(
    _ name: String, _ left: JSONValue, _ right: JSONValue
  ) throws(RuleFailure) -> JSONValue {
    if let left = left.string, let right = right.string {
      switch name {
      case "<": return .bool(left < right)
      case "<=": return .bool(left <= right)
      case ">": return .bool(left > right)
      case ">=": return .bool(left >= right)
      default: break
      }
    }
    guard let first = left.double, let second = right.double else {
      throw RuleFailure(message: "no such overload")
    }
    switch name {
    case "<": return .bool(first < second)
    case "<=": return .bool(first <= second)
    case ">": return .bool(first > second)
    case ">=": return .bool(first >= second)
    case "+": return number(first + second)
    case "-": return number(first - second)
    case "*": return number(first * second)
    case "/", "%":
      guard second != 0 else { throw RuleFailure(message: "division by zero") }
      let quotient = (first / second).rounded(.towardZero)
      return name == "/" ? number(quotient) : number(first - quotient * second)
    default: throw RuleFailure(message: "undeclared reference to '\(name)'")
    }
  }

  private func number(_ value: Double) -> JSONValue {
    value == value.rounded() ? .integer(Int64(value)) : .double(value)
  }
}

extension String {
  /// The parts between separators, empty ones too.
  fileprivate func split(by separator: String) -> [String] {
    var parts = [""]
    var rest = self[...]
    while let first = rest.first {
      if rest.hasPrefix(separator) {
        parts.append("")
        rest = rest.dropFirst(separator.count)
      } else {
        parts[parts.count - 1].append(first)
        rest.removeFirst()
      }
    }
    return parts
  }
}
