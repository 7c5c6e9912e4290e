/// The rules of style that a program can judge; each gives the breaches of one file.
enum Rules {
  static let fileLengthMax = 500
  static let lineLengthMax = 100
  static let functionLengthMax = 70

  /// Imports that the table does not allow.
  static func imports(_ file: SourceFile) -> [Finding] {
    guard let allowed = ImportTable.allowed(in: file) else {
      return [
        Finding(file, 0, "the target \(file.target) is missing in ImportTable.swift; add its row")
      ]
    }
    return file.lines(with: "import").compactMap { line in
      guard let module = importedModule(file.line(line, of: .code)), !allowed.contains(module)
      else { return nil }
      return Finding(
        file, line, "\(file.target) may not import \(module); see ImportTable.swift for what it may"
      )
    }
  }

  /// The module that a line imports: `@testable package import struct Module.Name`.
  static func importedModule(_ line: String) -> String? {
    let words = line.split(whereSeparator: \.isWhitespace)
    let levels: Set<Substring> = ["public", "package", "internal", "private", "fileprivate"]
    guard let keyword = words.firstIndex(of: "import"),
      words[..<keyword].allSatisfy({ $0.hasPrefix("@") || levels.contains($0) })
    else { return nil }
    let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let"]
    let path = words[(keyword + 1)...].first { !kinds.contains($0) }
    return path?.split(separator: ".").first.map(String.init)
  }

  /// Files and lines that are too long.
  static func lengths(_ file: SourceFile) -> [Finding] {
    var findings: [Finding] = []
    let count = file.lineStarts.count
    if count > fileLengthMax {
      findings.append(
        Finding(
          file, fileLengthMax,
          "the file has \(count) lines, \(fileLengthMax) are allowed; split it by subject"))
    }
    for line in 0..<count {
      let end = line + 1 < count ? file.lineStarts[line + 1] - 1 : file.text.count
      guard end - file.lineStarts[line] > lineLengthMax else { continue }
      let columns = file.line(line).count
      // A line inside a long string is data, such as a file that the program carries along.
      let isData = [SourceFile.Layer.code, .comments].allSatisfy {
        file.line(line, of: $0).trimmed.isEmpty
      }
      guard columns > lineLengthMax, !isData else { continue }
      findings.append(
        Finding(file, line, "the line has \(columns) columns, \(lineLengthMax) are allowed"))
    }
    return findings
  }

  /// Functions that are too long, from the line of their keyword to that of their closing brace.
  static func functionLengths(_ file: SourceFile) -> [Finding] {
    FunctionScan(file).functions.compactMap { function in
      guard function.lineCount > functionLengthMax else { return nil }
      return Finding(
        file, function.line,
        "\(function.name) has \(function.lineCount) lines, \(functionLengthMax) are allowed; "
          + "move plain work into leaves")
    }
  }

  /// Words that stand for unfinished work, and names of the place where the project is made.
  static func unfinishedWork(_ file: SourceFile) -> [Finding] {
    let words = ["TODO", "FIXME", "XXX"].flatMap { word in
      (file.lines(with: word, in: .code) + file.lines(with: word, in: .comments)).map {
        Finding(file, $0, "\(word) has no place here; finish it")
      }
    }
    // In two parts, so that this file does not accuse itself.
    let places = ["/wor" + "k/", "/tmp/w" + "t/"].flatMap { place in
      file.lines(with: place, in: .text).map {
        Finding(file, $0, "\(place) names a place that no reader has")
      }
    }
    return words + places
  }

  /// What can trap or defeat the compiler's checks without a comment above that proves it safe.
  static func unprovenSafety(_ file: SourceFile) -> [Finding] {
    guard !file.isTest else { return [] }
    let detached = file.lines(with: "Task.detached").map {
      Finding(file, $0, "Task.detached is never used; make it a child of its task")
    }
    return detached
      + UnsafeMark.all.flatMap { mark in
        file.lines(with: mark.text).compactMap { line in
          guard mark.stands(in: file.line(line, of: .code)), !file.hasCommentAbove(line) else {
            return nil
          }
          return Finding(
            file, line, "\(mark.name) needs a comment on the line above that proves it safe")
        }
      }
  }

  /// Names that say nothing about what a type is.
  static func typeNames(_ file: SourceFile) -> [Finding] {
    let empty = ["Manager", "Helper", "Helpers", "Util", "Utils", "Handler", "Impl"]
    return ["struct", "class", "enum", "actor", "protocol", "typealias"].flatMap { kind in
      file.lines(with: kind).compactMap { line in
        guard let name = declaredType(file.line(line, of: .code)),
          let suffix = empty.first(where: name.hasSuffix)
        else { return nil }
        return Finding(
          file, line, "the name \(name) ends in \(suffix); say what it is in the domain")
      }
    }
  }

  /// Types and top-level declarations for other targets that nobody explained.
  static func documentation(_ file: SourceFile) -> [Finding] {
    guard !file.isTest else { return [] }
    return (file.lines(with: "public") + file.lines(with: "package")).sorted().compactMap { line in
      let code = file.line(line, of: .code)
      let words = code.split { $0.isWhitespace || $0 == "(" }
      guard let first = words.first, first == "public" || first == "package",
        !words.contains("import"), !words.contains("extension"),
        code.first?.isWhitespace == false || declaredType(code) != nil
      else { return nil }
      let above = file.lineAbove(line) { $0.hasPrefix("// ") || $0.hasPrefix("@") }
      let isExplained = above.map { file.line($0).trimmed.hasPrefix("///") } ?? false
      return isExplained
        ? nil
        : Finding(file, line, "what other targets use needs a /// above that says its meaning")
    }
  }

  /// Placeholders beside real files; alone, one keeps an empty target buildable.
  static func placeholders(_ files: [SourceFile]) -> [Finding] {
    files.filter { $0.path.hasSuffix("/Placeholder.swift") }.compactMap { placeholder in
      let top = placeholder.path.split(separator: "/").prefix(2).joined(separator: "/") + "/"
      let others = files.filter { $0.path.hasPrefix(top) && $0.path != placeholder.path }
      guard !others.isEmpty else { return nil }
      return Finding(placeholder, 0, "the target has real files by now; delete this one")
    }
  }

  /// The name of the type that a line declares.
  static func declaredType(_ line: String) -> String? {
    let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == ".") }
    let kinds: Set<Substring> = ["struct", "class", "enum", "actor", "protocol", "typealias"]
    guard let keyword = words.firstIndex(where: kinds.contains), keyword + 1 < words.count,
      words[..<keyword].allSatisfy(modifiers.contains),
      words[keyword + 1].first?.isUppercase == true
    else { return nil }
    return String(words[keyword + 1])
  }

  private static let modifiers: Set<Substring> = [
    "public", "package", "internal", "private", "fileprivate", "open", "final", "indirect",
    "nonisolated", "distributed", "safe", "unsafe",
  ]
}
