import FoundationEssentials

/// The Swift files of this package.
struct SourceTree: Sendable {
  /// The directory with `Package.swift`.
  let root: String
  /// The files below `Sources` and `Tests`, by path.
  let files: [SourceFile]

  /// The package that this test belongs to, read once.
  static let package = Result { try SourceTree() }

  private init(testFile: String = #filePath) throws {
    // Tests/TidyTests/SourceTree.swift
    let root = testFile.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
      .joined(separator: "/")
    self.root = root
    files = try ["Sources", "Tests"].flatMap { top in
      try FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(top)")
        .filter { $0.hasSuffix(".swift") }.sorted()
        .map { path in
          let text = try Data(contentsOf: URL(filePath: "\(root)/\(top)/\(path)"))
          return SourceFile(path: "\(top)/\(path)", bytes: Array(text))
        }
    }
  }
}

/// A breach of a rule, and where.
struct Finding: Hashable, CustomStringConvertible {
  let path: String
  /// Counted from 1.
  let line: Int
  let message: String

  /// Makes a finding at a line counted from 0.
  init(_ file: SourceFile, _ line: Int, _ message: String) {
    path = file.path
    self.line = line + 1
    self.message = message
  }

  var description: String { "\(path):\(line): \(message)" }
}
