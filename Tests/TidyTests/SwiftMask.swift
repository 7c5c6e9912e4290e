/// Tells code from comments, strings and quoted names, byte by byte.
///
/// It knows nested comments, raw and multi-line strings and interpolation, which counts as string.
/// It does not know regular expression literals.
struct SwiftMask {
  private let bytes: [UInt8]
  private var position = 0
  /// The file with everything blanked that is no code.
  private(set) var code: [UInt8]
  /// The file with everything blanked that is no comment.
  private(set) var comments: [UInt8]

  private static let slash = UInt8(ascii: "/")
  private static let star = UInt8(ascii: "*")
  private static let quote = UInt8(ascii: "\"")
  private static let hash = UInt8(ascii: "#")
  private static let backslash = UInt8(ascii: "\\")
  private static let backtick = UInt8(ascii: "`")
  private static let newline: UInt8 = 0x0A

  /// Makes a mask of a file's bytes.
  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    var blank = [UInt8](repeating: 0x20, count: bytes.count)
    var index = 0
    while index < bytes.count {
      if bytes[index] == SwiftMask.newline { blank[index] = SwiftMask.newline }
      index += 1
    }
    code = blank
    comments = blank
  }

  /// Fills `code` and `comments`.
  mutating func run() {
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case SwiftMask.slash where next == SwiftMask.slash:
        while position < bytes.count, bytes[position] != SwiftMask.newline { takeComment() }
      case SwiftMask.slash where next == SwiftMask.star: passComment()
      case SwiftMask.backtick: passQuotedName()
      case SwiftMask.quote: passString(hashes: 0)
      case SwiftMask.hash:
        if let hashes = stringStart { passString(hashes: hashes) } else { takeCode() }
      default: takeCode()
      }
    }
  }

  private var next: UInt8? { position + 1 < bytes.count ? bytes[position + 1] : nil }

  private mutating func takeCode() {
    code[position] = bytes[position]
    position += 1
  }

  private mutating func takeComment() {
    guard position < bytes.count else { return }
    comments[position] = bytes[position]
    position += 1
  }

  private mutating func passComment() {
    var depth = 0
    repeat {
      let byte = bytes[position]
      let opens = byte == SwiftMask.slash && next == SwiftMask.star
      let closes = byte == SwiftMask.star && next == SwiftMask.slash
      if opens { depth += 1 }
      if closes { depth -= 1 }
      if opens || closes { takeComment() }
      takeComment()
    } while depth > 0 && position < bytes.count
  }

  /// The number of `#` before the quotation mark of a string that starts here.
  private var stringStart: Int? {
    var mark = position
    while mark < bytes.count, bytes[mark] == SwiftMask.hash { mark += 1 }
    return mark < bytes.count && bytes[mark] == SwiftMask.quote ? mark - position : nil
  }

  /// Passes a string; one quotation mark stays in the code at either end.
  private mutating func passString(hashes: Int) {
    position += hashes
    let quotes = startsHere(SwiftMask.quote, count: 3) ? 3 : 1
    code[position] = SwiftMask.quote
    position += quotes
    while position < bytes.count {
      let byte = bytes[position]
      if byte == SwiftMask.quote, startsHere(SwiftMask.quote, count: quotes),
        startsHere(SwiftMask.hash, count: hashes, from: quotes)
      {
        code[position] = SwiftMask.quote
        position += quotes + hashes
        return
      }
      if byte == SwiftMask.backslash, startsHere(SwiftMask.hash, count: hashes, from: 1) {
        position += 1 + hashes
        if position < bytes.count, bytes[position] == UInt8(ascii: "(") {
          passInterpolation()
        } else {
          position += 1
        }
      } else if byte == SwiftMask.newline, quotes == 1 {
        return
      } else {
        position += 1
      }
    }
  }

  /// Passes `(…)` with the strings inside.
  private mutating func passInterpolation() {
    var depth = 0
    repeat {
      if let hashes = stringStart {
        passString(hashes: hashes)
        continue
      }
      if bytes[position] == UInt8(ascii: "(") { depth += 1 }
      if bytes[position] == UInt8(ascii: ")") { depth -= 1 }
      position += 1
    } while depth > 0 && position < bytes.count
  }

  /// Leaves a name of the same length, so that a declaration keeps its shape.
  private mutating func passQuotedName() {
    repeat {
      code[position] = UInt8(ascii: "q")
      position += 1
    } while position < bytes.count && bytes[position] != SwiftMask.backtick
      && bytes[position] != SwiftMask.newline
    guard position < bytes.count, bytes[position] == SwiftMask.backtick else { return }
    code[position] = UInt8(ascii: "q")
    position += 1
  }

  private func startsHere(_ byte: UInt8, count: Int, from offset: Int = 0) -> Bool {
    var index = 0
    while index < count {
      let place = position + offset + index
      if place >= bytes.count || bytes[place] != byte { return false }
      index += 1
    }
    return true
  }
}
