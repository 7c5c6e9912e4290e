import Testing

/// Each rule, shown a breach and its innocent neighbours.
struct RuleTests {
  private func file(_ text: String, _ path: String = "Sources/CurlTransport/A.swift") -> SourceFile
  {
    SourceFile(path: path, bytes: Array(text.utf8))
  }

  @Test func `strings, comments and quoted names are no code`() {
    let text = ##"""
      let a = "{ // \(b["}"] + "{") \" " // } "x"
      /* { /* } */ " */ let c = #"\(d) " \#(e("f")) "# + """
        { " \(g) "" TODO
        """ + h
      func `it's a "name" {`() {}
      """##
    let file = file(text)
    #expect(
      file.lineStarts.indices.map { file.line($0, of: .code) } == [
        #"let a = "         " "    " "     "         "#,
        ##"                  let c =  "            " "   "  + "  "##,
        #"                  "#,
        #"  "   + h"#,
        #"func qqqqqqqqqqqqqqqqq() {}"#,
      ])
    #expect(file.line(0, of: .comments).trimmed == #"// } "x""#)
    #expect(file.line(1, of: .comments).trimmed == #"/* { /* } */ " */"#)
    #expect((2..<5).allSatisfy { file.line($0, of: .comments).trimmed.isEmpty })
  }

  @Test(arguments: [
    ("import Glibc", "Glibc"), ("package import WindlassCore", "WindlassCore"),
    ("@testable import CurlTransport", "CurlTransport"), ("import struct Foo.Bar", "Foo"),
    ("  private import CCurl.easy", "CCurl"), ("let important = 1", nil),
    ("// import Foo", nil), ("say(\"import Foo\")", nil),
  ])
  func `a module is read out of an import line`(line: String, module: String?) {
    #expect(Rules.importedModule(file(line).line(0, of: .code)) == module)
  }

  @Test(arguments: [
    ("Sources/WindlassCore/A.swift", "import Glibc"),
    ("Sources/WindlassWire/A.swift", "import WindlassSchema"),
    ("Sources/CurlTransport/A.swift", "import ReleaseFeeds"),
    ("Sources/SQLiteDriver/A.swift", "import Foundation"),
    ("Sources/WindlassEngine/A.swift", "package import SQLiteDriver"),
    ("Sources/Beacon/A.swift", "import WindlassCore"),
    ("Tests/ATests/A.swift", "import Hummingbird"),
    ("Sources/Newcomer/A.swift", ""),
  ])
  func `an import against the table is found`(path: String, line: String) {
    #expect(Rules.imports(file("// A\n\(line)\n", path)).count == 1)
  }

  @Test func `an import by the table is fine`() {
    #expect(Rules.imports(file("import CCurl\npackage import WindlassWire\n")) == [])
    #expect(Rules.imports(file("@testable import CurlTransport\n", "Tests/T/A.swift")) == [])
  }

  @Test func `long files and lines are found at their first excess`() {
    let long = file(String(repeating: "\n", count: 501))
    #expect(Rules.lengths(long).map(\.line) == [501])
    #expect(Rules.lengths(file(String(repeating: "\n", count: 500))) == [])
    let wide = String(repeating: "é", count: 101)
    #expect(Rules.lengths(file("\n\(wide)\n\(wide.dropLast())")).map(\.line) == [2])
    #expect(Rules.lengths(file("let a = \"\"\"\n\(wide)\n\"\"\"\n// \(wide)")).map(\.line) == [4])
  }

  @Test func `a function is as long as its lines from keyword to closing brace`() {
    func body(_ count: Int) -> String { String(repeating: "  x({ 1 })\n", count: count) }
    let text = """
      protocol P {
        func required(_ a: Int)
        init(a: Int)
        var b: Int { get }
      }
      func long(
        a: Int, b: () -> Void = { }
      ) async throws(E) -> [Int] where A == B {
      \(body(67))}
      struct S { init?(_ a: Int) { self.init(a)
      \(body(69))} }
      func short() {
      \(body(68))}
      """
    let scan = FunctionScan(file(text))
    #expect(scan.functions.map(\.lineCount) == [71, 71, 70])
    #expect(Rules.functionLengths(file(text)).map(\.line) == [6, 77])
  }

  @Test func `unfinished work is found in code and comments, not in strings and words`() {
    let text = """
      // TODO: later
      let a = "TODO"
      let TODOs = 1 // FIXME
      let mkdtemp = "XXXXXX"
      """
    #expect(Rules.unfinishedWork(file(text)).map(\.line) == [1, 3])
  }

  @Test(arguments: [
    "let a = try! b()", "let a = b as! C", "fatalError(\"a\")",
    "final class A: @unchecked Sendable {",
    "nonisolated(unsafe) var a = 1", "Task { await a() }", "Task(priority: .low) { }",
    "let a = b!.c", "let a = b()!", "let a = b[0]!", "a(b!, c)",
  ])
  func `what can trap or race needs a comment above`(line: String) {
    #expect(Rules.unprovenSafety(file("let z = 1\n\(line)\n")).map(\.line) == [2])
    #expect(Rules.unprovenSafety(file("// It is safe because of z.\n\(line)\n")) == [])
    #expect(Rules.unprovenSafety(file(line, "Tests/T/A.swift")) == [])
  }

  @Test(arguments: [
    "if a != b { }", "if !a { }", "let a = \"b!\"", "// try!", "group.addTask { }", "let b = !c()",
    "Task.isCancelled", "let a: Task<Void, Never>", "a!= b",
  ])
  func `what only looks like it needs none`(line: String) {
    #expect(Rules.unprovenSafety(file("let z = 1\n\(line)\n")) == [])
  }

  @Test func `a detached task has no excuse`() {
    #expect(Rules.unprovenSafety(file("// Because.\nTask.detached { }")).map(\.line) == [2])
  }

  @Test(arguments: [
    "struct FileManager {", "package final class AHelper: B {", "enum Utils {",
    "protocol Handler {",
    "  private actor StoreImpl {", "typealias ErrorHandler = A", "public indirect enum TextUtil {",
  ])
  func `an empty name of a type is found`(line: String) {
    #expect(Rules.typeNames(file(line)).count == 1)
  }

  @Test(arguments: [
    "struct Handlers2 {", "let a = FileManager.default", "class func handler() {",
    "extension Handler {",
    "func makeHelper() {", "// struct Helper",
  ])
  func `other names are fine`(line: String) {
    #expect(Rules.typeNames(file(line)) == [])
  }

  @Test func `what other targets use needs documentation`() {
    let text = """
      package import A
      package struct B {
        package var c = 1
        public enum D {}
      }
      /// Says something.
      @frozen
      public struct E {
        /// Says something.
        package struct F {}
      }
      package func g() {}
      package extension H {}
      struct I {}
      """
    #expect(Rules.documentation(file(text)).map(\.line) == [2, 4, 12])
  }

  @Test func `a placeholder is fine alone and dead beside others`() {
    let placeholder = file("", "Sources/A/Placeholder.swift")
    #expect(Rules.placeholders([placeholder, file("", "Sources/AB/C.swift")]) == [])
    let found = Rules.placeholders([placeholder, file("", "Sources/A/B/C.swift")])
    #expect(found.map(\.path) == ["Sources/A/Placeholder.swift"])
  }
}
