/// How one column's type relates to the one before, as far as their spelling shows.
enum TypeChange {
  case same
  /// Every value of the old type is one of the new type.
  case wider
  /// Narrower, or not comparable.
  case other

  init(from old: String, to new: String) {
    let old = ColumnType(old)
    let new = ColumnType(new)
    if old == new {
      self = .same
    } else if new.holds(old) {
      self = .wider
    } else {
      self = .other
    }
  }
}

/// A type's name and its arguments, spelled one way.
private struct ColumnType: Equatable {
  var name: String
  var arguments: [Int]

  /// Types of whole numbers, of texts and of inexact numbers, each from narrow to wide.
  private static let ladders: [[String]] = [
    ["tinyint", "smallint", "mediumint", "integer", "bigint"],
    ["char", "varchar", "text"],
    ["tinytext", "text", "mediumtext", "longtext"],
    ["real", "double"],
    ["tinyblob", "blob", "mediumblob", "longblob"],
  ]

  private static let synonyms = [
    "int": "integer", "int2": "smallint", "int4": "integer", "int8": "bigint",
    "character": "char", "character varying": "varchar", "float": "double",
    "double precision": "double", "decimal": "numeric", "bool": "boolean",
  ]

  init(_ text: String) {
    let lowered = text.lowercased()
    let open = lowered.firstIndex(of: "(") ?? lowered.endIndex
    let words = lowered[..<open].split(whereSeparator: \.isWhitespace).joined(separator: " ")
    let close = lowered.lastIndex(of: ")") ?? lowered.endIndex
    let inside = open < close ? lowered[open..<close].dropFirst() : ""
    let rest = close < lowered.endIndex ? lowered[close...].dropFirst() : ""
    let tail = rest.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    let name = Self.synonyms[words] ?? words
    self.name = tail.isEmpty ? name : "\(name) \(tail)"
    let parts = inside.split(separator: ",")
    arguments = parts.compactMap { Int($0.filter { !$0.isWhitespace }) }
    // Arguments that are no numbers, such as an enum's labels, make a name of their own.
    if arguments.count != parts.count { self.name += "(\(inside))" }
  }

  /// Whether every value of `other` fits into this type.
  func holds(_ other: ColumnType) -> Bool {
    if name == other.name { return holds(other.arguments) }
    for ladder in Self.ladders {
      guard let here = ladder.firstIndex(of: name), let there = ladder.firstIndex(of: other.name)
      else { continue }
      return here > there
        && (arguments.isEmpty || (arguments[0] >= (other.arguments.first ?? .max)))
    }
    return false
  }

  private func holds(_ other: [Int]) -> Bool {
    if arguments.isEmpty { return true }
    guard arguments.count == other.count else { return false }
    guard name == "numeric", arguments.count == 2 else {
      return zip(arguments, other).allSatisfy { $0 >= $1 }
    }
    // Digits before and behind the point may both only grow.
    return arguments[1] >= other[1] && arguments[0] - arguments[1] >= other[0] - other[1]
  }
}
