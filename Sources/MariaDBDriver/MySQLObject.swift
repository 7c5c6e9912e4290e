import WindlassCore
import WindlassSchema

/// An object that a statement makes, changes or drops.
struct MySQLObject: Hashable, Sendable {
  /// What kind of thing it is, as `SHOW CREATE` asks for it; views and sequences are tables there.
  enum Kind: String, Hashable, Sendable {
    case table, trigger, procedure, function, event
  }

  var kind: Kind
  var name: String

  /// How the journal calls it.
  var key: String { "\(kind.rawValue) \(name)" }

  /// The objects that a definition names; empty where the text does not tell.
  static func named(in statement: MySQLStatement) -> [MySQLObject] {
    let tokens = statement.tokens
    guard let head = tokens.first else { return [] }
    let place = tokens.indices.prefix(24).first { index in
      index > 0 && tokens[index].kind == .word
        && Self.keywords.keys.contains(tokens[index].text.uppercased())
    }
    guard let place else { return [] }
    let word = tokens[place].text.uppercased()
    guard let kind = Self.keywords[word] else {
      return []
    }
    if word == "INDEX" { return indexed(tokens) }
    var names = Self.names(tokens[(place + 1)...], lists: !head.isKeyword("CREATE"))
    if head.isKeyword("ALTER") {
      names = Array(names.prefix(1))
      names += renamed(tokens[(place + 1)...])
    }
    return names.map { MySQLObject(kind: kind, name: $0) }
  }

  /// The tables that foreign keys of a definition point at, in this database.
  static func referenced(in statement: MySQLStatement) -> [String] {
    let tokens = statement.tokens
    return tokens.indices.dropLast().filter { tokens[$0].isKeyword("REFERENCES") }
      .map { tokens[$0 + 1].text }
  }

  private static let keywords: [String: Kind] = [
    "TABLE": .table, "TABLES": .table, "VIEW": .table, "SEQUENCE": .table, "INDEX": .table,
    "TRIGGER": .trigger, "PROCEDURE": .procedure, "FUNCTION": .function, "EVENT": .event,
  ]

  /// The table of `CREATE INDEX … ON t` and `DROP INDEX … ON t`.
  private static func indexed(_ tokens: [SQLToken]) -> [MySQLObject] {
    guard let place = tokens.firstIndex(where: { $0.isKeyword("ON") }), place + 1 < tokens.count
    else { return [] }
    return [MySQLObject(kind: .table, name: tokens[place + 1].text)]
  }

  /// The names behind the keyword: one, or several with commas and `TO` between.
  private static func names(_ tokens: ArraySlice<SQLToken>, lists: Bool) -> [String] {
    var names: [String] = []
    var expectsName = true
    for token in tokens {
      if ["IF", "NOT", "EXISTS"].contains(where: token.isKeyword), names.isEmpty { continue }
      if token.isSymbol(",") || token.isKeyword("TO") {
        guard lists else { break }
        expectsName = true
      } else if expectsName,
        token.kind == .word || token.kind == .quotedName
          || token.kind == .number
      {
        names.append(token.text)
        expectsName = false
        if !lists { break }
      } else if !["WAIT", "NOWAIT", "RESTRICT", "CASCADE"].contains(where: token.isKeyword),
        token.kind != .number
      {
        break
      }
    }
    return names
  }

  /// The new name of `ALTER TABLE … RENAME TO name`.
  private static func renamed(_ tokens: ArraySlice<SQLToken>) -> [String] {
    for index in tokens.indices where tokens[index].isKeyword("RENAME") {
      var next = index + 1
      guard next < tokens.endIndex else { break }
      if ["COLUMN", "INDEX", "KEY", "CONSTRAINT"].contains(where: tokens[next].isKeyword) {
        continue
      }
      if tokens[next].isKeyword("TO") || tokens[next].isKeyword("AS")
        || tokens[next].isSymbol("=")
      {
        next += 1
      }
      guard next < tokens.endIndex, tokens[next].kind != .symbol else { break }
      return [tokens[next].text]
    }
    return []
  }
}

extension MySQLObject {
  /// Asks how the object is defined.
  var asking: String {
    "SHOW CREATE \(kind.rawValue.uppercased()) \(MySQLText.quoted(name))"
  }

  /// The definition in the answer.
  func definition(in row: SQLRow?) -> String {
    let place: Int =
      switch kind {
      case .table: 1
      case .trigger, .procedure, .function: 2
      case .event: 3
      }
    guard let row, place < row.values.count else { return "" }
    // What this user may not see is there all the same.
    return row.values[place].text.map(MySQLConnection.withoutCounter) ?? "hidden"
  }

  /// Whether an error says that there is no such table, trigger, routine or event.
  static func isMissing(_ number: UInt32) -> Bool {
    [1146, 1305, 1360, 1539, 4091].contains(number)
  }
}

extension MySQLConnection {
  /// How the objects are defined now, by the journal's names; empty text for one that is not there.
  func definitions(of objects: [MySQLObject]) throws(StepFailure) -> [String: String] {
    if let definition = foreseen(objects) { return [objects[0].key: definition] }
    var definitions: [String: String] = [:]
    for object in objects {
      definitions[object.key] = try definition(of: object)
    }
    return definitions
  }

  private func definition(of object: MySQLObject) throws(StepFailure) -> String {
    do throws(StepFailure) {
      return object.definition(in: try run(object.asking).rows.first)
    } catch {
      guard MySQLObject.isMissing(errorNumber) else { throw error }
      return ""
    }
  }

  /// A table's definition without the counter for its next row.
  static func withoutCounter(_ text: String) -> String {
    // To look through a text by its characters takes a hundred times as long as by its bytes, which
    // are the same where all of them are ASCII.
    guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return withoutCounterByCharacters(text) }
    let bytes = Array(text.utf8)
    let word = Array(" AUTO_INCREMENT=".utf8)
    guard bytes.count >= word.count else { return text }
    for start in stride(from: bytes.count - word.count, through: 0, by: -1)
    where bytes[start] == word[0] && bytes[start..<start + word.count].elementsEqual(word) {
      let rest = bytes[(start + word.count)...].drop { (0x30...0x39).contains($0) }
      return String(decoding: bytes[..<start] + rest, as: UTF8.self)
    }
    return text
  }

  private static func withoutCounterByCharacters(_ text: String) -> String {
    guard let mark = text.ranges(of: " AUTO_INCREMENT=").last else { return text }
    let rest = text[mark.upperBound...].drop(while: \.isNumber)
    return String(text[..<mark.lowerBound] + rest)
  }
}
