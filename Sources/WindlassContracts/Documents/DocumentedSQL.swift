import Testing

/// SQL as `docs/roles.md` shows it to people, so that tests run what is copied from there, and no
/// second text that may differ from it.
package struct DocumentedSQL: Sendable {
  /// The statements in order, without their ends and remarks.
  package var statements: [String]

  /// Reads what stands under a heading of the third level, up to the next heading.
  ///
  /// - Parameter name: what stands for `shop` in it, in names of the database and of users.
  package init(_ heading: String, for name: String) throws {
    let lines = try RolesPage.lines(under: heading, "sql").map { line in
      line[..<(line.firstRange(of: " --")?.lowerBound ?? line.endIndex)]
    }
    statements = lines.joined(separator: "\n").split(separator: ";").map { statement in
      statement.split { $0.isWhitespace }.joined(separator: " ").replacing("shop", with: name)
    }.filter { !$0.isEmpty }
    try #require(!statements.isEmpty, "docs/roles.md has no SQL under \"\(heading)\"")
  }

  /// The same without one statement.
  package func without(_ index: Int) -> [String] {
    statements.indices.filter { $0 != index }.map { statements[$0] }
  }

  /// Whether an error names the statement as what is missing, however its names are quoted.
  package static func names(_ statement: String, in message: String) -> Bool {
    func plain(_ text: String) -> String { text.filter { !"`\"\\".contains($0) } }
    return plain(message).contains(plain(statement))
  }
}
