import WindlassWire

/// Reads the short notation in which the fields of built-in kinds are written.
///
/// `{name: type, …}` is a struct, `{*: type}` a map, `[type]` a list that is replaced as a whole,
/// `[type]<set>` a set, `[type]<key,…>` a list of type map, `@Name` another entry. Behind a type,
/// `?` marks a pointer (an empty value is kept), `!` a struct that is never absent, `^` an object
/// that is replaced as a whole, `=value` a default.
struct SchemaNotation {
  private let text: [Character]
  private var position = 0
  private let named: [String: String]

  /// The schema of one entry of a table of entries.
  static func schema(_ name: String, in named: [String: String]) -> FieldSchema {
    guard let text = named[name] else { return .anything }
    var notation = SchemaNotation(text: Array(text), named: named)
    return notation.type()
  }

  private init(text: [Character], named: [String: String]) {
    self.text = text
    self.named = named
  }

  private mutating func type() -> FieldSchema {
    skipSpace()
    var schema: FieldSchema
    switch peek {
    case "{": schema = object()
    case "[": schema = list()
    case "@":
      position += 1
      schema = Self.schema(word(), in: named)
    default: schema = scalar(word())
    }
    while let mark = peek, "?!^=".contains(mark) {
      position += 1
      switch mark {
      case "?": schema.isPointer = true
      case "!": schema.isEmbedded = true
      case "^": schema.isAtomic = true
      default: schema.defaultValue = literal()
      }
    }
    return schema
  }

  private func scalar(_ word: String) -> FieldSchema {
    switch word {
    case "int": return FieldSchema(type: "integer")
    case "bool": return FieldSchema(type: "boolean")
    case "any": return .anything
    case "intstr":
      var schema = FieldSchema()
      schema.isIntOrString = true
      return schema
    case "microtime":
      var schema = FieldSchema(type: "string")
      schema.format = word
      return schema
    default: return FieldSchema(type: "string")
    }
  }

  private mutating func object() -> FieldSchema {
    var schema = FieldSchema(type: "object")
    position += 1
    while true {
      skipSpace()
      if take("}") { return schema }
      let name = word()
      _ = take(":")
      if name == "*" { schema.value = type() } else { schema.properties[name] = type() }
      skipSpace()
      _ = take(",")
    }
  }

  private mutating func list() -> FieldSchema {
    var schema = FieldSchema(type: "array")
    position += 1
    schema.item = type()
    skipSpace()
    _ = take("]")
    if take("<") {
      var keys: [String] = []
      repeat { keys.append(word()) } while take(",")
      _ = take(">")
      schema.list = keys == ["set"] ? .set : .map(keys)
    }
    return schema
  }

  private mutating func literal() -> JSONValue {
    var text = ""
    if peek == "{" {
      while let character = peek, character != "}" {
        text.append(character)
        position += 1
      }
      position += 1
      return .object([])
    }
    text = word()
    if text == "true" || text == "false" { return .bool(text == "true") }
    return Int64(text).map(JSONValue.integer) ?? .string(text)
  }

  private var peek: Character? { position < text.count ? text[position] : nil }

  private mutating func word() -> String {
    var word = ""
    while let character = peek,
      character.isLetter || character.isNumber || "-_*./%$".contains(character)
    {
      word.append(character)
      position += 1
    }
    return word
  }

  private mutating func take(_ character: Character) -> Bool {
    guard peek == character else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while let character = peek, character.isWhitespace { position += 1 }
  }
}
