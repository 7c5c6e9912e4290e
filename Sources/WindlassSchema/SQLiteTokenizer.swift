/// A token with its place in the text's UTF-8.
struct SQLitePiece: Hashable {
  var token: SQLToken
  var range: Range<Int>
}

/// Cuts SQL text into tokens as SQLite does.
package struct SQLiteTokenizer {
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1

  private init(_ text: String) { bytes = Array(text.utf8) }

  /// All tokens of the text.
  package static func tokens(of text: String) throws(SQLTokenError) -> [SQLToken] {
    var tokenizer = SQLiteTokenizer(text)
    var tokens: [SQLToken] = []
    while let token = try tokenizer.next() { tokens.append(token) }
    return tokens
  }

  /// All tokens of the text with their places.
  static func pieces(of text: String) throws(SQLTokenError) -> [SQLitePiece] {
    var tokenizer = SQLiteTokenizer(text)
    var pieces: [SQLitePiece] = []
    while true {
      tokenizer.skipBlanksAndComments()
      let start = tokenizer.position
      guard let token = try tokenizer.next() else { return pieces }
      pieces.append(SQLitePiece(token: token, range: start..<tokenizer.position))
    }
  }

  private mutating func next() throws(SQLTokenError) -> SQLToken? {
    skipBlanksAndComments()
    guard let byte = peek() else { return nil }
    switch byte {
    case UInt8(ascii: "'"):
      return try quoted(by: byte, as: .literal)
    case UInt8(ascii: "\""), UInt8(ascii: "`"):
      return try quoted(by: byte, as: .quotedName)
    case UInt8(ascii: "["):
      return try quoted(by: UInt8(ascii: "]"), as: .quotedName, doubles: false)
    case UInt8(ascii: "x"), UInt8(ascii: "X"):
      guard peek(1) == UInt8(ascii: "'") else { break }
      position += 1
      return try quoted(by: UInt8(ascii: "'"), as: .literal)
    case UInt8(ascii: "?"), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "$"),
      UInt8(ascii: "#"):
      return run(as: .parameter, startingWith: 1)
    default: break
    }
    if isDigit(byte) || (byte == UInt8(ascii: ".") && isDigit(peek(1))) { return number() }
    if isNamePart(byte) { return run(as: .word, startingWith: 0) }
    guard byte != 0 else { throw SQLTokenError(reason: "there is a zero byte", line: line) }
    position += 1
    return SQLToken(kind: .symbol, text: text(position - 1..<position), line: line)
  }

  private mutating func skipBlanksAndComments() {
    while let byte = peek() {
      if byte == UInt8(ascii: "-"), peek(1) == byte {
        while let byte = peek(), byte != UInt8(ascii: "\n") { position += 1 }
      } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
        skipBlockComment()
      } else if isBlank(byte) {
        if byte == UInt8(ascii: "\n") { line += 1 }
        position += 1
      } else if byte == 0xEF, peek(1) == 0xBB, peek(2) == 0xBF {
        // SQLite takes a byte order mark for a blank.
        position += 3
      } else {
        return
      }
    }
  }

  private mutating func skipBlockComment() {
    position += 2
    while let byte = peek() {
      if byte == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
        position += 2
        return
      }
      if byte == UInt8(ascii: "\n") { line += 1 }
      position += 1
    }
    // A comment that never ends runs to the end of the text, and SQLite accepts that.
  }

  private mutating func quoted(
    by end: UInt8, as kind: SQLToken.Kind, doubles: Bool = true
  ) throws(SQLTokenError) -> SQLToken {
    let startLine = line
    let start = position + 1
    position = start
    while let byte = peek() {
      if byte == 0 { throw SQLTokenError(reason: "there is a zero byte", line: line) }
      if byte == UInt8(ascii: "\n") { line += 1 }
      position += 1
      guard byte == end else { continue }
      if doubles, peek() == end {
        position += 1
        continue
      }
      let inside = text(start..<position - 1)
      let written = kind == .literal ? "'\(inside)'" : inside
      return SQLToken(kind: kind, text: written, line: startLine)
    }
    let what = kind == .literal ? "text" : "quoted name"
    throw SQLTokenError(reason: "a \(what) begins and never ends", line: startLine)
  }

  private mutating func number() -> SQLToken {
    let start = position
    while let byte = peek(), isNamePart(byte) || byte == UInt8(ascii: ".") || isSign(byte) {
      position += 1
    }
    return SQLToken(kind: .number, text: text(start..<position), line: line)
  }

  /// Whether the byte is the sign of an exponent: `1e-5`, but not `1-5`.
  private func isSign(_ byte: UInt8) -> Bool {
    guard byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") else { return false }
    let before = bytes[position - 1]
    return (before == UInt8(ascii: "e") || before == UInt8(ascii: "E")) && isDigit(peek(1))
      && !isHexadecimal
  }

  private var isHexadecimal: Bool {
    var start = position - 1
    while start > 0, isNamePart(bytes[start - 1]) { start -= 1 }
    return bytes[start] == UInt8(ascii: "0") && start + 1 < bytes.count
      && (bytes[start + 1] | 0x20) == UInt8(ascii: "x")
  }

  private mutating func run(as kind: SQLToken.Kind, startingWith prefix: Int) -> SQLToken {
    let start = position
    position += prefix
    while let byte = peek(), isNamePart(byte) || byte == UInt8(ascii: "$") { position += 1 }
    return SQLToken(kind: kind, text: text(start..<position), line: line)
  }

  private func peek(_ distance: Int = 0) -> UInt8? {
    position + distance < bytes.count ? bytes[position + distance] : nil
  }

  private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  private func isDigit(_ byte: UInt8?) -> Bool {
    guard let byte else { return false }
    return (0x30...0x39).contains(byte)
  }

  private func isNamePart(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...0xFF: true
    default: false
    }
  }
}
