/// How statements are written for an engine.
enum Dialect: Sendable {
  case sqlite, postgres, mysql

  /// The name as a column's name where a word of the language would be read.
  func quoted(_ name: String) -> String {
    self == .mysql ? "`\(name)`" : name
  }
}

/// A statement as it is sent to one engine.
struct Query: Hashable, Sendable {
  /// What the engine gets, and what a failure shows.
  let text: String
  /// Which parameter stands at each place, from 1.
  let order: [Int]

  /// Takes a statement with `?1`, `?2` and so on, none of which stands in a literal, and with each
  /// of the numbers followed by something else than a digit.
  init(_ numbered: String, for dialect: Dialect) {
    var text = ""
    var order: [Int] = []
    var rest = numbered[...]
    while let mark = rest.firstIndex(of: "?") {
      text += rest[..<mark]
      rest = rest[mark...].dropFirst()
      let digits = rest.prefix(while: \.isNumber)
      rest = rest[digits.endIndex...]
      let number = Int(digits) ?? 0
      switch dialect {
      // One place stands for all of its repetitions, and PostgreSQL wants the places without gaps.
      case .sqlite, .postgres:
        if !order.contains(number) { order.append(number) }
        let place = (order.firstIndex(of: number) ?? 0) + 1
        text += dialect == .sqlite ? "?\(place)" : "$\(place)"
      case .mysql:
        order.append(number)
        text += "?"
      }
    }
    self.text = text + rest
    self.order = order
  }

  /// The values at the statement's places.
  func arranged(_ parameters: [DatabaseValue]) -> [DatabaseValue] {
    order.map { parameters[$0 - 1] }
  }
}
