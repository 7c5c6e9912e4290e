import FoundationEssentials
import Testing

/// What docs/engines.md promises stands on tests that exist.
struct EngineTableTests {
  private let tree: SourceTree

  init() throws { tree = try SourceTree.package.get() }

  @Test func `every cell of the table of engines names a test, and the table shows it`() throws {
    let rows = try text("docs/engines.tsv").split(separator: "\n").dropFirst()
    let table = try text("docs/engines.md")
    let tests = tree.files.filter { $0.path.hasPrefix("Tests/") }.map {
      String(decoding: $0.text, as: UTF8.self)
    }
    .joined()
    #expect(rows.count > 20)
    for row in rows {
      let cells = row.split(separator: "\t", omittingEmptySubsequences: false)
      #expect(cells.count == 6, "\(row)")
      // The whole table has no place in a message.
      let hasRow = table.contains("| \(cells[0]) |")
      #expect(hasRow, "make engines: \(cells[0])")
      for name in cells.dropFirst() where name != "-" && name != "=" {
        let (isTest, isShown) = (tests.contains("func `\(name)`"), table.contains("`\(name)`"))
        #expect(isTest, "no test is called: \(name)")
        #expect(isShown, "make engines: \(name)")
      }
    }
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: "\(tree.root)/\(path)")), as: UTF8.self)
  }
}
