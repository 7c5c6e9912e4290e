/// Something in code that the compiler no longer watches over.
struct UnsafeMark: Sendable {
  /// How a finding names it.
  let name: String
  /// What to look for as a whole word.
  let text: String
  /// Whether a line of code with the text has the mark.
  let stands: @Sendable (_ line: String) -> Bool

  /// Whether that line of code has the mark.
  func stands(in line: String) -> Bool { stands(line) }

  /// Every mark.
  static let all: [UnsafeMark] =
    ["try!", "as!", "fatalError", "@unchecked Sendable", "nonisolated(unsafe)", "unsafeBitCast"]
    .map { text in UnsafeMark(name: text, text: text) { _ in true } } + [
      // A task that belongs to no other task.
      UnsafeMark(name: "Task {}", text: "Task", stands: startsTask),
      UnsafeMark(name: "a forced unwrap", text: "!", stands: forcesUnwrap),
    ]

  /// Whether a line has `Task {` or `Task(`.
  private static func startsTask(_ line: String) -> Bool {
    line.ranges(of: "Task").contains { range in
      let next = line[range.upperBound...].first { $0 != " " }
      let before = line[..<range.lowerBound].last
      let isWhole = before.map { !$0.isLetter && $0 != "." } ?? true
      return isWhole && (next == "{" || next == "(")
    }
  }

  /// Whether a line has `value!`, `call()!` or `list[0]!`, and not only `!=` and `!condition`.
  private static func forcesUnwrap(_ line: String) -> Bool {
    line.indices.contains { index in
      guard line[index] == "!", index > line.startIndex else { return false }
      let before = line[line.index(before: index)]
      let isPostfix = before.isLetter || before.isNumber || "_)]".contains(before)
      let after = line.index(after: index)
      let isComparison = after < line.endIndex && line[after] == "="
      // `try!` and `as!` are marks of their own.
      let isCast = ["try", "as"].contains { line[..<index].hasSuffix($0) }
      return isPostfix && !isComparison && !isCast
    }
  }
}
