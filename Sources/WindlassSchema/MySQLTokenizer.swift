/// One piece of MySQL text, blanks and comments included: all pieces of a text, put together, are
/// the text.
package struct MySQLPiece: Hashable, Sendable {
  /// What a piece is.
  package enum Kind: Hashable, Sendable {
    /// A keyword or a bare name.
    case word
    /// A name in back quotes.
    case quotedName
    /// A text in single or double quotes.
    case literal
    /// Digits, with the letters that follow them: a number, or a bare name that begins with one.
    case number
    /// `@name`, `@'name'`, `@@scope.name`.
    case variable
    /// Any other character.
    case symbol
    case blank
    case comment
    /// `/*!50100` or `/*M!`: what follows, up to the closing, is code to some servers.
    case conditionOpening
    /// The `*/` of a conditional comment.
    case conditionClosing
  }

  package var kind: Kind
  /// Where it stands in the text's UTF-8.
  package var range: Range<Int>
  /// The line that it begins on, from 1.
  package var line: Int
}

/// Cuts SQL text into pieces as MySQL and MariaDB do with backslash escapes in force.
package struct MySQLTokenizer {
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1
  private var isConditional = false

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// All pieces of the text, without a gap.
  package static func pieces(of bytes: [UInt8]) throws(SQLTokenError) -> [MySQLPiece] {
    var tokenizer = MySQLTokenizer(bytes)
    var pieces: [MySQLPiece] = []
    while tokenizer.position < bytes.count {
      let (start, line) = (tokenizer.position, tokenizer.line)
      let kind = try tokenizer.pass()
      pieces.append(MySQLPiece(kind: kind, range: start..<tokenizer.position, line: line))
    }
    guard !tokenizer.isConditional else {
      throw SQLTokenError(
        reason: "a conditional comment begins and never ends", line: tokenizer.line)
    }
    return pieces
  }

  /// Passes one piece and says what it was.
  private mutating func pass() throws(SQLTokenError) -> MySQLPiece.Kind {
    let byte = bytes[position]
    switch byte {
    case 0: throw SQLTokenError(reason: "there is a zero byte", line: line)
    case UInt8(ascii: "'"), UInt8(ascii: "\""):
      try passQuoted(by: byte, escapes: true)
      return .literal
    case UInt8(ascii: "`"):
      try passQuoted(by: byte, escapes: false)
      return .quotedName
    case UInt8(ascii: "#"):
      try passLine()
      return .comment
    case UInt8(ascii: "-") where peek(1) == byte && isBlankOrEnd(peek(2)):
      try passLine()
      return .comment
    case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"):
      return try passCommentOpening()
    case UInt8(ascii: "*") where isConditional && peek(1) == UInt8(ascii: "/"):
      isConditional = false
      position += 2
      return .conditionClosing
    case UInt8(ascii: "@"):
      try passVariable()
      return .variable
    default:
      return passOrdinary(byte)
    }
  }

  private mutating func passOrdinary(_ byte: UInt8) -> MySQLPiece.Kind {
    if Self.isBlank(byte) {
      while let byte = peek(), Self.isBlank(byte) {
        if byte == UInt8(ascii: "\n") { line += 1 }
        position += 1
      }
      return .blank
    }
    if Self.isNamePart(byte) {
      passName()
      return Self.isDigit(byte) ? .number : .word
    }
    position += 1
    return .symbol
  }

  /// Passes a quoted text; a doubled quote is part of it, and so is one behind a backslash.
  private mutating func passQuoted(
    by end: UInt8, escapes: Bool
  ) throws(SQLTokenError) {
    let startLine = line
    position += 1
    while let byte = peek() {
      if byte == 0 { throw SQLTokenError(reason: "there is a zero byte", line: line) }
      if byte == UInt8(ascii: "\n") { line += 1 }
      if isConditional, closesHere { throw differentlyRead("quoted text") }
      position += 1
      if escapes, byte == UInt8(ascii: "\\"), let next = peek() {
        if next == UInt8(ascii: "\n") { line += 1 }
        if next == 0 { throw SQLTokenError(reason: "there is a zero byte", line: line) }
        position += 1
      } else if byte == end {
        guard peek() == end else { return }
        position += 1
      }
    }
    let what = end == UInt8(ascii: "`") ? "quoted name" : "text"
    throw SQLTokenError(reason: "a \(what) begins and never ends", line: startLine)
  }

  private mutating func passLine() throws(SQLTokenError) {
    while let byte = peek(), byte != UInt8(ascii: "\n") {
      if isConditional, closesHere { throw differentlyRead("comment") }
      position += 1
    }
  }

  private var closesHere: Bool {
    peek() == UInt8(ascii: "*") && peek(1) == UInt8(ascii: "/")
  }

  /// To a server that runs a conditional comment, `*/` inside another piece is part of that piece;
  /// to one that skips it, the comment ends there.
  private func differentlyRead(_ what: String) -> SQLTokenError {
    SQLTokenError(
      reason: "a \(what) inside a conditional comment holds */, which servers read differently",
      line: line)
  }

  private mutating func passCommentOpening() throws(SQLTokenError) -> MySQLPiece.Kind {
    let isMariaDB = peek(2) == UInt8(ascii: "M") && peek(3) == UInt8(ascii: "!")
    if isMariaDB || peek(2) == UInt8(ascii: "!") {
      guard !isConditional else {
        throw SQLTokenError(
          reason: "a conditional comment stands inside another, which servers read differently",
          line: line)
      }
      isConditional = true
      position += isMariaDB ? 4 : 3
      passVersion()
      return .conditionOpening
    }
    let startLine = line
    position += 2
    while let byte = peek() {
      if byte == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
        position += 2
        return .comment
      }
      if byte == UInt8(ascii: "\n") { line += 1 }
      position += 1
    }
    throw SQLTokenError(reason: "a comment begins and never ends", line: startLine)
  }

  /// The server's version is five or six digits; fewer are code.
  private mutating func passVersion() {
    var count = 0
    while count < 6, Self.isDigit(peek(count)) { count += 1 }
    if count >= 5 { position += count }
  }

  private mutating func passVariable() throws(SQLTokenError) {
    position += 1
    if peek() == UInt8(ascii: "@") {
      position += 1
      passName()
      while peek() == UInt8(ascii: "."), let next = peek(1), Self.isNamePart(next) {
        position += 1
        passName()
      }
      return
    }
    switch peek() {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): try passQuoted(by: bytes[position], escapes: true)
    case UInt8(ascii: "`"): try passQuoted(by: UInt8(ascii: "`"), escapes: false)
    default:
      while let byte = peek(), Self.isNamePart(byte) || byte == UInt8(ascii: ".") { position += 1 }
    }
  }

  private mutating func passName() {
    while let byte = peek(), Self.isNamePart(byte) { position += 1 }
  }

  private func peek(_ distance: Int = 0) -> UInt8? {
    position + distance < bytes.count ? bytes[position + distance] : nil
  }

  private func isBlankOrEnd(_ byte: UInt8?) -> Bool {
    guard let byte else { return true }
    return byte <= 0x20
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0D).contains(byte)
  }

  private static func isDigit(_ byte: UInt8?) -> Bool {
    guard let byte else { return false }
    return (0x30...0x39).contains(byte)
  }

  private static func isNamePart(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x24, 0x80...0xFF: true
    default: false
    }
  }
}
