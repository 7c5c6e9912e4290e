/// One Swift file: as it is written, and with everything blanked that is no code.
///
/// It is kept as bytes and searched as bytes: a test build walks over characters so slowly that the
/// rules would take a minute.
struct SourceFile: Sendable {
  /// A view of the file; all have the same length, byte by byte.
  enum Layer {
    case text, code, comments
  }

  /// The path from the package's root.
  let path: String
  /// The file as written.
  let text: [UInt8]
  /// With the insides of comments, strings and quoted names blanked.
  let code: [UInt8]
  /// With everything blanked but comments.
  let comments: [UInt8]
  /// Where each line starts.
  let lineStarts: [Int]

  /// Takes a file apart.
  init(path: String, bytes: [UInt8]) {
    self.path = path
    text = bytes
    var mask = SwiftMask(bytes)
    mask.run()
    code = mask.code
    comments = mask.comments
    var starts = bytes.isEmpty ? [] : [0]
    bytes.withUnsafeBufferPointer { bytes in
      var index = 0
      while index < bytes.count {
        if bytes[index] == 0x0A, index + 1 < bytes.count { starts.append(index + 1) }
        index += 1
      }
    }
    lineStarts = starts
  }

  /// The target that the file belongs to.
  var target: String {
    let parts = path.split(separator: "/")
    return parts.count > 2 ? String(parts[1]) : ""
  }

  /// Whether the file belongs to a test target.
  var isTest: Bool { path.hasPrefix("Tests/") }

  /// The number of the line, from 0, that holds the byte.
  func line(of offset: Int) -> Int {
    var low = 0
    var high = lineStarts.count
    while low + 1 < high {
      let middle = (low + high) / 2
      if lineStarts[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }

  private func bytes(of layer: Layer) -> [UInt8] {
    switch layer {
    case .text: text
    case .code: code
    case .comments: comments
    }
  }

  /// A line without its line end.
  func line(_ number: Int, of layer: Layer = .text) -> String {
    let bytes = self.bytes(of: layer)
    let start = lineStarts[number]
    let end = number + 1 < lineStarts.count ? lineStarts[number + 1] : bytes.count
    let hasEnd = end > start && bytes[end - 1] == 0x0A
    return String(decoding: bytes[start..<(hasEnd ? end - 1 : end)], as: UTF8.self)
  }

  /// The lines that hold a text as a whole word, each once, in order.
  func lines(with word: String, in layer: Layer = .code) -> [Int] {
    var lines: [Int] = []
    for offset in offsets(of: word, in: layer) {
      let line = line(of: offset)
      if lines.last != line { lines.append(line) }
    }
    return lines
  }

  /// Where a text stands as a whole word.
  func offsets(of word: String, in layer: Layer = .code) -> [Int] {
    let word = Array(word.utf8)
    guard let first = word.first, let last = word.last else { return [] }
    return bytes(of: layer).withUnsafeBufferPointer { bytes in
      var found: [Int] = []
      var start = 0
      while start + word.count <= bytes.count {
        guard bytes[start] == first, matches(word, bytes, start) else {
          start += 1
          continue
        }
        let end = start + word.count
        let joinsBefore = first.isWordPart && start > 0 && bytes[start - 1].isWordPart
        let joinsAfter = last.isWordPart && end < bytes.count && bytes[end].isWordPart
        if !joinsBefore && !joinsAfter { found.append(start) }
        start = end
      }
      return found
    }
  }

  private func matches(_ word: [UInt8], _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
    var index = 1
    while index < word.count {
      if bytes[start + index] != word[index] { return false }
      index += 1
    }
    return true
  }

  /// Whether a comment stands in the line above that one; attributes may stand between.
  func hasCommentAbove(_ line: Int) -> Bool {
    guard let above = lineAbove(line, skipping: { $0.hasPrefix("@") }) else { return false }
    return self.line(above, of: .comments).contains { $0 != " " }
  }

  /// The nearest line above that is not of a kind to skip.
  func lineAbove(_ line: Int, skipping isSkipped: (Substring) -> Bool) -> Int? {
    var above = line - 1
    while above >= 0, isSkipped(self.line(above).trimmed) { above -= 1 }
    return above >= 0 ? above : nil
  }
}

extension UInt8 {
  /// Whether the byte can be part of an identifier; those of other scripts count.
  var isWordPart: Bool {
    switch self {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F, 0x80...: true
    default: false
    }
  }
}

extension String {
  /// The text without white space around it.
  var trimmed: Substring {
    var rest = drop(while: \.isWhitespace)
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return rest
  }
}
