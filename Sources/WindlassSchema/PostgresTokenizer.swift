/// Cuts SQL text into tokens as PostgreSQL does with `standard_conforming_strings` on, and
/// CockroachDB, in whose `b'…'` a backslash escapes.
package struct PostgresTokenizer {
  /// A token with its place in the text's UTF-8.
  package struct Piece: Hashable, Sendable {
    package var token: SQLToken
    package var range: Range<Int>
  }

  private let bytes: [UInt8]
  private let dialect: PostgresDialect
  private var position = 0
  private var line = 1

  private init(_ text: String, _ dialect: PostgresDialect) {
    bytes = Array(text.utf8)
    self.dialect = dialect
  }

  /// A zero byte would end the text for the server's client and for the parser, wherever it stands.
  private func refuseZero() throws(SQLTokenError) {
    guard let place = bytes.firstIndex(of: 0) else { return }
    let line = 1 + bytes[..<place].count { $0 == UInt8(ascii: "\n") }
    throw SQLTokenError(reason: "there is a zero byte", line: line)
  }

  /// All tokens of the text with their places.
  package static func pieces(
    of text: String, _ dialect: PostgresDialect = .postgres
  ) throws(SQLTokenError) -> [Piece] {
    var tokenizer = PostgresTokenizer(text, dialect)
    try tokenizer.refuseZero()
    var pieces: [Piece] = []
    while let piece = try tokenizer.next() { pieces.append(piece) }
    return pieces
  }

  private mutating func next() throws(SQLTokenError) -> Piece? {
    try skipBlanksAndComments()
    guard position < bytes.count else { return nil }
    let (start, startLine) = (position, line)
    let (kind, text) = try token()
    return Piece(
      token: SQLToken(kind: kind, text: text, line: startLine), range: start..<position)
  }

  private mutating func token() throws(SQLTokenError) -> (SQLToken.Kind, String) {
    let start = position
    let byte = bytes[position]
    if let prefix = quotePrefix() {
      position += prefix.length
      let end = bytes[position]
      let inside = try quoted(escapes: prefix.escapes)
      guard end == UInt8(ascii: "\"") else { return (.literal, "'\(inside)'") }
      return (.quotedName, Self.name(inside, hasEscapes: prefix.length > 0))
    }
    if byte == UInt8(ascii: "$") {
      if let tag = dollarTag() { return (.literal, try dollarQuoted(tag)) }
      if Self.isDigit(peek(1)) {
        position += 1
        while Self.isDigit(peek()) { position += 1 }
        return (.parameter, text(start..<position))
      }
    }
    if Self.isDigit(byte) || (byte == UInt8(ascii: ".") && Self.isDigit(peek(1))) {
      return (.number, number())
    }
    if Self.isNameStart(byte) {
      while let byte = peek(), Self.isNamePart(byte) { position += 1 }
      return (.word, text(start..<position))
    }
    position += 1
    return (.symbol, text(start..<position))
  }

  // MARK: Blanks and comments

  private mutating func skipBlanksAndComments() throws(SQLTokenError) {
    while let byte = peek() {
      if byte == UInt8(ascii: "-"), peek(1) == byte {
        while let byte = peek(), byte != UInt8(ascii: "\n") { position += 1 }
      } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
        try skipBlockComment()
      } else if byte == 0x20 || (0x09...0x0D).contains(byte) {
        if byte == UInt8(ascii: "\n") { line += 1 }
        position += 1
      } else {
        return
      }
    }
  }

  /// Block comments nest.
  private mutating func skipBlockComment() throws(SQLTokenError) {
    let startLine = line
    var depth = 0
    while let byte = peek() {
      if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
        depth += 1
        position += 2
      } else if byte == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
        depth -= 1
        position += 2
        if depth == 0 { return }
      } else {
        if byte == UInt8(ascii: "\n") { line += 1 }
        position += 1
      }
    }
    throw SQLTokenError(reason: "a comment begins and never ends", line: startLine)
  }

  // MARK: Quotes

  /// How many bytes stand before an opening quote, and whether a backslash escapes in it.
  private func quotePrefix() -> (length: Int, escapes: Bool)? {
    let (single, double) = (UInt8(ascii: "'"), UInt8(ascii: "\""))
    switch bytes[position] {
    case single, double: return (0, false)
    case UInt8(ascii: "e"), UInt8(ascii: "E"): return peek(1) == single ? (1, true) : nil
    case UInt8(ascii: "b"), UInt8(ascii: "B"):
      return peek(1) == single ? (1, dialect == .cockroachdb) : nil
    case UInt8(ascii: "x"), UInt8(ascii: "X"), UInt8(ascii: "n"), UInt8(ascii: "N"):
      return peek(1) == single ? (1, false) : nil
    case UInt8(ascii: "u"), UInt8(ascii: "U"):
      guard peek(1) == UInt8(ascii: "&") else { return nil }
      return peek(2) == single || peek(2) == double ? (2, false) : nil
    default: return nil
    }
  }

  /// Passes a quoted text from its quote on; a doubled quote is part of it.
  private mutating func quoted(escapes: Bool) throws(SQLTokenError) -> String {
    let startLine = line
    let end = bytes[position]
    position += 1
    let start = position
    while let byte = peek() {
      if byte == UInt8(ascii: "\n") { line += 1 }
      position += 1
      if escapes, byte == UInt8(ascii: "\\"), let next = peek() {
        if next == UInt8(ascii: "\n") { line += 1 }
        position += 1
      } else if byte == end {
        guard peek() == end else { return text(start..<position - 1) }
        position += 1
      }
    }
    let what = end == UInt8(ascii: "'") ? "text" : "quoted name"
    throw SQLTokenError(reason: "a \(what) begins and never ends", line: startLine)
  }

  /// A quoted name as it is meant: doubled quotes count once, and `U&` reads `\0061` as a letter.
  private static func name(_ inside: String, hasEscapes: Bool) -> String {
    var name = ""
    var rest = Array(inside)[...]
    while let character = rest.popFirst() {
      if character == "\"", rest.first == "\"" { rest.removeFirst() }
      guard hasEscapes, character == "\\", let next = rest.first, next != "\\" else {
        if hasEscapes, character == "\\" { rest = rest.dropFirst() }
        name.append(character)
        continue
      }
      let digits = next == "+" ? rest.dropFirst().prefix(6) : rest.prefix(4)
      guard let scalar = UInt32(String(digits), radix: 16).flatMap(Unicode.Scalar.init) else {
        name.append(character)
        continue
      }
      rest = rest.dropFirst(next == "+" ? 7 : 4)
      name.unicodeScalars.append(scalar)
    }
    return name
  }

  /// The `$tag$` that begins here; nil when none does.
  private func dollarTag() -> ArraySlice<UInt8>? {
    var end = position + 1
    guard end < bytes.count, !Self.isDigit(bytes[end]) else { return nil }
    while end < bytes.count, Self.isNamePart(bytes[end]), bytes[end] != UInt8(ascii: "$") {
      end += 1
    }
    guard end < bytes.count, bytes[end] == UInt8(ascii: "$") else { return nil }
    return bytes[position...end]
  }

  private mutating func dollarQuoted(_ tag: ArraySlice<UInt8>) throws(SQLTokenError) -> String {
    let (start, startLine) = (position, line)
    position += tag.count
    while let byte = peek() {
      if byte == UInt8(ascii: "$"), bytes[position...].starts(with: tag) {
        position += tag.count
        return text(start..<position)
      }
      if byte == UInt8(ascii: "\n") { line += 1 }
      position += 1
    }
    throw SQLTokenError(
      reason: "\(String(decoding: tag, as: UTF8.self)) opens a text that never ends",
      line: startLine)
  }

  // MARK: The rest

  private mutating func number() -> String {
    let start = position
    while let byte = peek(), Self.isNamePart(byte) || byte == UInt8(ascii: ".") {
      // `1..10` is a range of a loop.
      if byte == UInt8(ascii: "."), peek(1) == byte { break }
      let isExponent = byte | 0x20 == UInt8(ascii: "e")
      position += 1
      if isExponent, let sign = peek(), sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+"),
        Self.isDigit(peek(1))
      {
        position += 1
      }
    }
    return text(start..<position)
  }

  private func peek(_ distance: Int = 0) -> UInt8? {
    position + distance < bytes.count ? bytes[position + distance] : nil
  }

  private func text(_ range: Range<Int>) -> String {
    String(decoding: bytes[range], as: UTF8.self)
  }

  private static func isDigit(_ byte: UInt8?) -> Bool {
    guard let byte else { return false }
    return (0x30...0x39).contains(byte)
  }

  private static func isNameStart(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...0xFF: true
    default: false
    }
  }

  private static func isNamePart(_ byte: UInt8) -> Bool {
    isNameStart(byte) || isDigit(byte) || byte == UInt8(ascii: "$")
  }
}
