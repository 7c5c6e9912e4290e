import WindlassWire

/// Reads JSON as an API server does: a member given twice is not an error but noted, and errors
/// have the words of the decoder of Go's standard library.
struct GoJSONReader {
  /// Why the bytes are no JSON, in the decoder's words.
  struct Failure: Error { var message: String }

  /// One step on the way to a value.
  private enum PathPart {
    case name(String)
    case index(Int)
  }

  private let bytes: [UInt8]
  private var position = 0
  private var path: [PathPart] = []
  /// Paths of members that were given more than once, such as `spec.image`; the last one counts.
  private(set) var duplicates: [String] = []

  /// Prepares to read these bytes.
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Reads the one value that the bytes hold, in canonical form.
  mutating func read() throws(Failure) -> JSONValue {
    let value = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else { throw unexpected("after top-level value") }
    return value
  }

  private mutating func value(depth: Int) throws(Failure) -> JSONValue {
    skipSpace()
    guard position < bytes.count, depth < 200 else { throw ended }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try object(depth)
    case UInt8(ascii: "["): return try array(depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw unexpected("looking for beginning of value")
    }
  }

  private mutating func object(_ depth: Int) throws(Failure) -> JSONValue {
    position += 1
    var members: [JSONMember] = []
    skipSpace()
    if take("}") { return .object([]) }
    while true {
      skipSpace()
      guard position < bytes.count else { throw ended }
      guard bytes[position] == UInt8(ascii: "\"") else {
        throw unexpected("looking for beginning of object key string")
      }
      let name = try string()
      skipSpace()
      guard position < bytes.count else { throw ended }
      guard take(":") else { throw unexpected("after object key") }
      path.append(.name(name))
      let value = try value(depth: depth + 1)
      if let index = members.firstIndex(where: { $0.name == name }) {
        duplicates.append(pathText)
        members[index].value = value
      } else {
        members.append(JSONMember(name, value))
      }
      path.removeLast()
      skipSpace()
      guard position < bytes.count else { throw ended }
      if take("}") { return .object(Self.inOrder(members)) }
      guard take(",") else { throw unexpected("after object key:value pair") }
    }
  }

  /// Members in the order of their names, as the canonical form has them.
  private static func inOrder(_ members: [JSONMember]) -> [JSONMember] {
    let isOrdered = zip(members, members.dropFirst()).allSatisfy { $0.name < $1.name }
    return isOrdered ? members : members.sorted { $0.name < $1.name }
  }

  /// The way to the value that is read, such as `spec.windows[0].max`.
  private var pathText: String {
    path.enumerated().reduce(into: "") { text, part in
      switch part.element {
      case .name(let name): text += part.offset == 0 ? name : ".\(name)"
      case .index(let index): text += "[\(index)]"
      }
    }
  }

  private mutating func array(_ depth: Int) throws(Failure) -> JSONValue {
    position += 1
    var elements: [JSONValue] = []
    skipSpace()
    if take("]") { return .array([]) }
    while true {
      path.append(.index(elements.count))
      elements.append(try value(depth: depth + 1))
      path.removeLast()
      skipSpace()
      guard position < bytes.count else { throw ended }
      if take("]") { return .array(elements) }
      guard take(",") else { throw unexpected("after array element") }
    }
  }

  private mutating func string() throws(Failure) -> String {
    let start = position
    var isPlain = true
    position += 1
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      let byte = bytes[position]
      if byte < 0x20 || byte >= 0x7F || byte == UInt8(ascii: "\\") { isPlain = false }
      position += byte == UInt8(ascii: "\\") ? 2 : 1
    }
    guard position < bytes.count else { throw ended }
    position += 1
    // What stands for itself needs no second look.
    if isPlain { return String(decoding: bytes[start + 1..<position - 1], as: UTF8.self) }
    let text = Array(bytes[start..<position])
    guard case .string(let value)? = try? JSONValue.parse(text, limits: .request) else {
      throw Failure(message: "invalid character in string literal")
    }
    return value
  }

  private mutating func number() throws(Failure) -> JSONValue {
    let start = position
    while position < bytes.count,
      "+-.eE0123456789".utf8.contains(bytes[position])
    { position += 1 }
    guard let value = try? JSONValue.parse(bytes[start..<position], limits: .request)
    else { throw Failure(message: "invalid character in numeric literal") }
    return value
  }

  private mutating func literal(_ word: String, _ value: JSONValue) throws(Failure) -> JSONValue {
    guard bytes[position...].starts(with: word.utf8) else {
      throw unexpected("looking for beginning of value")
    }
    position += word.utf8.count
    return value
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private var ended: Failure { Failure(message: "unexpected end of JSON input") }

  private func unexpected(_ place: String) -> Failure {
    let character = Character(Unicode.Scalar(bytes[position]))
    return Failure(message: "invalid character '\(character)' \(place)")
  }
}

extension JSONLimits {
  /// What a request to an API server may hold.
  static let request = JSONLimits(sizeMax: 4 << 20, depthMax: 200, elementsMax: 1 << 20)
}
