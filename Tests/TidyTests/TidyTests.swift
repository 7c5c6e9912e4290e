import FoundationEssentials
import Testing

/// The rules of style, held over every Swift file of the package.
struct TidyTests {
  private let tree: SourceTree

  init() throws { tree = try SourceTree.package.get() }

  @Test func `the package is found and has files`() {
    #expect(tree.files.contains { $0.path == "Tests/TidyTests/TidyTests.swift" })
    #expect(tree.files.contains { $0.path == "Sources/WindlassCore/Bounds.swift" })
  }

  @Test func `every import is in the table`() {
    report(tree.files.flatMap(Rules.imports))
  }

  @Test func `the table has a row for each target and for nothing else`() throws {
    let present = try FileManager.default.contentsOfDirectory(atPath: "\(tree.root)/Sources")
    #expect(Set(present) == Set(ImportTable.sources.keys).union(ImportTable.cModules))
  }

  @Test func `no file and no line is too long`() {
    report(tree.files.flatMap(Rules.lengths))
  }

  @Test func `no function is too long`() {
    report(tree.files.flatMap(Rules.functionLengths))
  }

  @Test func `nothing is left to do and nothing names the place of work`() {
    report(tree.files.flatMap(Rules.unfinishedWork))
  }

  @Test func `what can trap or race has its proof above it`() {
    report(tree.files.flatMap(Rules.unprovenSafety))
  }

  @Test func `names of types say what they are`() {
    report(tree.files.flatMap(Rules.typeNames))
  }

  @Test func `what other targets use is documented`() {
    report(tree.files.flatMap(Rules.documentation))
  }

  @Test func `no placeholder stands beside real files`() {
    report(Rules.placeholders(tree.files))
  }

  private func report(_ findings: [Finding]) {
    for finding in findings.prefix(100) { Issue.record("\(finding)") }
  }
}
