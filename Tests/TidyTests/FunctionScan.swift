/// Finds functions and their lengths by counting brackets.
struct FunctionScan {
  /// One function, initializer or subscript with a body.
  struct Function: Hashable {
    var name: String
    /// The line of its keyword, counted from 0.
    var line: Int
    /// Lines up to its closing brace.
    var lineCount: Int
  }

  /// What was found, in order.
  private(set) var functions: [Function] = []
  private let file: SourceFile

  /// Scans a file.
  init(_ file: SourceFile) {
    self.file = file
    let starts = ["func", "init", "deinit", "subscript"].flatMap { keyword in
      file.offsets(of: keyword).map { (offset: $0, keyword: keyword) }
    }
    for (offset, keyword) in starts.sorted(by: { $0.offset < $1.offset }) {
      let end = offset + keyword.utf8.count
      guard isDeclaration(keyword, from: offset, to: end), let open = bodyStart(after: end),
        let close = bodyEnd(from: open)
      else { continue }
      let line = file.line(of: offset)
      let name = keyword == "func" ? "the function \(word(after: end))" : "the \(keyword)"
      functions.append(
        Function(name: name, line: line, lineCount: file.line(of: close) - line + 1))
    }
  }

  private func isDeclaration(_ keyword: String, from start: Int, to end: Int) -> Bool {
    if start > 0, file.code[start - 1] == UInt8(ascii: ".") { return false }
    var next = end
    while next < file.code.count, file.code[next] == 0x20 { next += 1 }
    guard next < file.code.count else { return false }
    let marks: String =
      switch keyword {
      case "func": ""
      case "deinit": "{"
      default: "(<?!"
      }
    return marks.isEmpty || marks.utf8.contains(file.code[next])
  }

  /// The brace that opens the body; nil for a requirement without one.
  private func bodyStart(after end: Int) -> Int? {
    var depth = 0
    var index = end
    while index < file.code.count {
      switch file.code[index] {
      case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: ")"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: "{") where depth == 0: return index
      case UInt8(ascii: "}") where depth == 0: return nil
      case 0x0A where depth == 0:
        if FunctionScan.starters.contains(word(after: index + 1)) { return nil }
      default: break
      }
      index += 1
    }
    return nil
  }

  private func bodyEnd(from open: Int) -> Int? {
    file.code.withUnsafeBufferPointer { code in
      var depth = 0
      var index = open
      while index < code.count {
        if code[index] == UInt8(ascii: "{") { depth += 1 }
        if code[index] == UInt8(ascii: "}") { depth -= 1 }
        if depth == 0 { return index }
        index += 1
      }
      return nil
    }
  }

  private func word(after offset: Int) -> String {
    let rest = file.code[offset...].drop { $0 == 0x20 }
    let word = rest.prefix(while: \.isWordPart)
    return String(decoding: word.isEmpty ? rest.prefix(1) : word, as: UTF8.self)
  }

  /// What begins the next declaration when a requirement has no body.
  private static let starters: Set<String> = [
    "@", "associatedtype", "case", "deinit", "enum", "func", "init", "let", "mutating",
    "nonisolated", "package", "private", "public", "static", "struct", "subscript", "var",
  ]
}
