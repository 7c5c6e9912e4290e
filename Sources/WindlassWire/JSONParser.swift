import WindlassCore

extension JSONValue {
  /// Reads one JSON document by RFC 8259, without leniency.
  ///
  /// Decisions where the RFC leaves room: bytes must be UTF-8 without a byte order mark; white
  /// space around the value is fine, anything else is not. Two members of one name are an error
  /// (names that Unicode calls equivalent count as one, because a look-up could not tell them
  /// apart). A number without fraction and exponent must fit an `Int64` and stays exact; every
  /// other one is the nearest finite `Double`. `\u0000` is text; a half of a surrogate pair is not.
  public static func parse(
    _ bytes: some Collection<UInt8>, limits: JSONLimits = JSONLimits()
  ) throws(JSONError) -> JSONValue {
    guard bytes.count <= limits.sizeMax else {
      throw JSONError(
        .tooLarge, offset: 0, line: 1, column: 1,
        message: "the document has \(bytes.count) bytes, more than the \(limits.sizeMax) allowed")
    }
    var parser = JSONParser(bytes: Array(bytes), limits: limits)
    return try parser.document()
  }
}

/// One pass over one document; recursion is bounded by `JSONLimits.depthMax`.
struct JSONParser {
  let bytes: [UInt8]
  let limits: JSONLimits
  /// The next byte to read.
  var position = 0

  /// Makes a parser that stands before the first byte.
  init(bytes: [UInt8], limits: JSONLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  /// Reads the only value of the document and nothing behind it.
  mutating func document() throws(JSONError) -> JSONValue {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
      throw error(.byteOrderMark, "the document starts with a byte order mark; save it without")
    }
    skipSpace()
    let result = try value(depth: 0)
    skipSpace()
    guard position == bytes.count else {
      throw error(.trailingBytes, "the document ends here, but more bytes follow")
    }
    return result
  }

  /// Reads a value inside `depth` arrays and objects.
  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    guard position < bytes.count else { throw truncated("a value") }
    switch bytes[position] {
    case UInt8(ascii: "{"): return try object(depth: depth + 1)
    case UInt8(ascii: "["): return try array(depth: depth + 1)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: throw unexpected("a value")
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    try enter(depth)
    var elements: [JSONValue] = []
    if take(UInt8(ascii: "]")) { return .array([]) }
    while true {
      guard elements.count < limits.elementsMax else { throw tooManyElements("array") }
      elements.append(try value(depth: depth))
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(elements) }
      try expect(UInt8(ascii: ","), "\",\" or \"]\"")
      skipSpace()
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    try enter(depth)
    var members: [JSONMember] = []
    var names = JSONNames()
    if take(UInt8(ascii: "}")) { return .object([]) }
    while true {
      guard members.count < limits.elementsMax else { throw tooManyElements("object") }
      let start = position
      guard position < bytes.count else { throw truncated("a member's name") }
      guard bytes[position] == UInt8(ascii: "\"") else { throw unexpected("a member's name") }
      let name = try string()
      guard names.insert(name, after: members) else {
        position = start
        throw error(
          .duplicateName, "the object has two members named \(JSONValue.string(name).text)")
      }
      skipSpace()
      try expect(UInt8(ascii: ":"), "\":\"")
      skipSpace()
      members.append(JSONMember(name, try value(depth: depth)))
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(members) }
      try expect(UInt8(ascii: ","), "\",\" or \"}\"")
      skipSpace()
    }
  }

  private mutating func literal(
    _ word: StaticString, _ result: JSONValue
  ) throws(JSONError) -> JSONValue {
    for index in 0..<word.utf8CodeUnitCount {
      guard position < bytes.count else { throw truncated("\"\(word)\"") }
      guard bytes[position] == word.utf8Start[index] else { throw unexpected("\"\(word)\"") }
      position += 1
    }
    return result
  }

  /// Passes the bracket that opens a container of that depth.
  private mutating func enter(_ depth: Int) throws(JSONError) {
    guard depth <= limits.depthMax else {
      throw error(.tooDeep, "more than \(limits.depthMax) arrays and objects inside each other")
    }
    position += 1
    skipSpace()
  }
}

// MARK: - Bytes

extension JSONParser {
  /// Passes white space.
  mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  /// Passes that byte if it is next.
  mutating func take(_ byte: UInt8) -> Bool {
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  /// Passes that byte or fails, naming what was wanted.
  mutating func expect(_ byte: UInt8, _ wanted: String) throws(JSONError) {
    guard position < bytes.count else { throw truncated(wanted) }
    guard bytes[position] == byte else { throw unexpected(wanted) }
    position += 1
  }

  /// An error at the next byte.
  func error(_ code: JSONError.Code, _ message: String) -> JSONError {
    let before = bytes[..<min(position, bytes.count)]
    let line = before.reduce(1) { $1 == 0x0A ? $0 + 1 : $0 }
    let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    return JSONError(
      code, offset: position, line: line, column: position - lineStart + 1, message: message)
  }

  /// The error for bytes that end too early.
  func truncated(_ wanted: String) -> JSONError {
    error(.truncated, "the document ends where \(wanted) should be")
  }

  /// The error for a byte that no document has at this place.
  func unexpected(_ wanted: String) -> JSONError {
    let byte = bytes[position]
    let found =
      (0x21...0x7E).contains(byte)
      ? "\"\(Unicode.Scalar(byte))\"" : "byte 0x" + String(byte, radix: 16, uppercase: true)
    return error(.unexpectedByte, "found \(found) where \(wanted) should be")
  }

  private func tooManyElements(_ container: String) -> JSONError {
    error(.tooManyElements, "the \(container) has more than \(limits.elementsMax) elements")
  }
}

/// The names of one object so far: compared one by one while few, hashed when many.
private struct JSONNames {
  /// Up to here comparing is faster than hashing.
  private static let linearMax = 12
  private var hashed: Set<String> = []

  /// Whether the name is new; `members` are those that came before it.
  mutating func insert(_ name: String, after members: [JSONMember]) -> Bool {
    if members.count < JSONNames.linearMax { return !members.contains { $0.name == name } }
    if hashed.isEmpty { hashed = Set(members.lazy.map(\.name)) }
    return hashed.insert(name).inserted
  }
}
