/// One statement of a MySQL or MariaDB script.
package struct MySQLStatement: Hashable, Sendable {
  /// The statement as written, without its delimiter; comments inside it stay.
  package var text: String
  /// The line that it begins on, from 1.
  package var line: Int
  /// Its significant pieces, what stands in conditional comments included.
  package var tokens: [SQLToken]
}

/// The statements of a MySQL or MariaDB script, found as the server finds them.
package enum MySQLStatements {
  /// Splits at delimiters, keeps the bodies of stored programs together, and takes a `DELIMITER`
  /// line of the client for a statement of its own.
  package static func split(_ text: String) throws(SQLTokenError) -> [MySQLStatement] {
    var splitter = MySQLSplitter(Array(text.utf8))
    return try splitter.split()
  }
}

/// The work of one splitting.
private struct MySQLSplitter {
  private let bytes: [UInt8]
  private var statements: [MySQLStatement] = []
  private var current: [MySQLPiece] = []
  private var tokens: [SQLToken] = []
  private var program = MySQLProgram()
  private var delimiter: [UInt8] = [UInt8(ascii: ";")]

  /// What the client accepts as well.
  private static let delimiterLengthMax = 16

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func split() throws(SQLTokenError) -> [MySQLStatement] {
    let pieces = try MySQLTokenizer.pieces(of: bytes)
    var isConditional = false
    var index = 0
    while index < pieces.count {
      let piece = pieces[index]
      if tokens.isEmpty, isWord(piece, "DELIMITER") {
        index = try changeDelimiter(at: index, pieces)
        continue
      }
      if piece.kind == .conditionOpening { isConditional = true }
      if piece.kind == .conditionClosing { isConditional = false }
      guard let length = delimiterLength(at: index, pieces) else {
        take(piece)
        index += 1
        continue
      }
      if isConditional {
        throw SQLTokenError(
          reason: "a statement ends inside a conditional comment", line: piece.line)
      }
      finish()
      index += length
    }
    finish()
    return statements
  }

  private mutating func take(_ piece: MySQLPiece) {
    current.append(piece)
    guard let token = token(piece) else { return }
    tokens.append(token)
    program.take(token)
  }

  private mutating func finish() {
    // Blanks and comments around a statement are none of it, nor is a comment by itself.
    let significant = { (piece: MySQLPiece) in piece.kind != .blank && piece.kind != .comment }
    if let first = current.firstIndex(where: significant),
      let last = current.lastIndex(where: significant), !tokens.isEmpty
    {
      let range = current[first].range.lowerBound..<current[last].range.upperBound
      statements.append(
        MySQLStatement(
          text: String(decoding: bytes[range], as: UTF8.self), line: current[first].line,
          tokens: tokens))
    }
    current = []
    tokens = []
    program = MySQLProgram()
  }

  /// How many pieces the delimiter takes that stands here; nil without one.
  private func delimiterLength(at index: Int, _ pieces: [MySQLPiece]) -> Int? {
    let start = pieces[index].range.lowerBound
    guard start + delimiter.count <= bytes.count,
      bytes[start..<start + delimiter.count].elementsEqual(delimiter),
      pieces[index].kind != .blank
    else { return nil }
    let isOrdinary = delimiter == [UInt8(ascii: ";")]
    if isOrdinary, pieces[index].kind != .symbol || program.isOpen { return nil }
    var end = index
    while end < pieces.count, pieces[end].range.upperBound <= start + delimiter.count { end += 1 }
    // A delimiter that ends inside a piece, such as in a text, is none.
    guard end > index, pieces[end - 1].range.upperBound == start + delimiter.count else {
      return nil
    }
    return end - index
  }

  /// Reads a line `DELIMITER //` and returns the index of the piece behind it.
  private mutating func changeDelimiter(
    at index: Int, _ pieces: [MySQLPiece]
  ) throws(SQLTokenError) -> Int {
    let start = pieces[index].range.lowerBound
    var end = start
    while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
    let word = bytes[pieces[index].range.upperBound..<end]
      .split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }.first.map(Array.init)
    guard (word?.count ?? 0) <= Self.delimiterLengthMax else {
      throw SQLTokenError(
        reason: "a delimiter is longer than \(Self.delimiterLengthMax) bytes",
        line: pieces[index].line)
    }
    delimiter = word ?? [UInt8(ascii: ";")]
    finish()
    statements.append(
      MySQLStatement(
        text: String(decoding: bytes[start..<end], as: UTF8.self), line: pieces[index].line,
        tokens: [SQLToken(kind: .word, text: "DELIMITER", line: pieces[index].line)]))
    var next = index
    while next < pieces.count, pieces[next].range.lowerBound < end { next += 1 }
    return next
  }

  private func isWord(_ piece: MySQLPiece, _ word: String) -> Bool {
    piece.kind == .word && token(piece)?.isKeyword(word) == true
  }

  /// The significant token of a piece; a quoted name without its quotes.
  private func token(_ piece: MySQLPiece) -> SQLToken? {
    let text = { (range: Range<Int>) in String(decoding: bytes[range], as: UTF8.self) }
    let kind: SQLToken.Kind
    switch piece.kind {
    case .blank, .comment, .conditionOpening, .conditionClosing: return nil
    case .quotedName:
      let inside = text(piece.range.dropFirst().dropLast())
      return SQLToken(
        kind: .quotedName,
        text: inside.split(separator: "``", omittingEmptySubsequences: false)
          .joined(separator: "`"),
        line: piece.line)
    case .word: kind = .word
    case .literal: kind = .literal
    case .number: kind = .number
    case .variable: kind = .parameter
    case .symbol: kind = .symbol
    }
    return SQLToken(kind: kind, text: text(piece.range), line: piece.line)
  }
}
