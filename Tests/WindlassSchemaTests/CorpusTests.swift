import Foundation
import Testing
import WindlassSchema
import fuzz

/// Every kept input of the fuzzer, replayed against the rules that it looks for breaks of.
struct CorpusTests {
  @Test(arguments: ["sql", "mysql", "postgres"])
  func `no kept input breaks a rule of its splitter`(dialect: String) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let file = root.appending(path: "Sources/fuzz/Corpus/\(dialect).base64")
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    #expect(lines.count > 100)
    for line in lines {
      let text = String(decoding: try #require(Data(base64Encoded: String(line))), as: UTF8.self)
      let broken =
        switch dialect {
        case "sql": SplitterRules.brokenOnSQLite(text)
        case "mysql": SplitterRules.brokenOnMySQL(text)
        default: SplitterRules.brokenOnPostgres(text)
        }
      #expect(broken == nil, "\(text.debugDescription)")
    }
  }
}
