import Foundation
import Testing
import WindlassCore

@testable import windlass

@Suite struct DatabaseReferenceTests {
  private let environment: @Sendable (String) -> String? = {
    ["DB": "sqlite:///data.db", "OR": "oracle://me:hunter2@host/db", "EMPTY": ""][$0]
  }

  @Test func `a URL, a variable and a file's first line are read`() throws {
    let folder = try TemporaryFolder()
    let file = folder.path + "/url"
    try "sqlite:///from-file.db\r\nignored\n".write(toFile: file, atomically: true, encoding: .utf8)
    #expect(try resolve("sqlite:///a.db") == "sqlite:///a.db")
    #expect(try resolve("env:DB") == "sqlite:///data.db")
    #expect(try resolve("cockroachdb://me@host/db") == "cockroachdb://me@host/db")
    #expect(try resolve("file:\(file)") == "sqlite:///from-file.db")
  }

  @Test(arguments: [
    "sqlite://me:hunter2@host/a.db", "sqlite:///a.db?_auth_pass=hunter2",
    "sqlite:///a.db?x=1&PassWord=hunter2", "sqlite://me:hunt/er2@host/a.db",
    "postgres://me:hunter2@host/db", "env:OR", "hunter2", "env:EMPTY", "env:NONE", "file:/no/such",
    "mysql://host/db?password=hunter2",
  ])
  func `what can't be used is refused without showing it`(text: String) throws {
    let failure = try #require(throws: CommandFailure.self) { try resolve(text) }
    #expect(failure.status == .usage)
    #expect(!failure.message.contains("hunter2") && !failure.message.isEmpty)
  }

  @Test func `a URL with a password names the other two ways`() throws {
    let failure = try #require(throws: CommandFailure.self) {
      try resolve("sqlite://me:hunter2@host/a.db")
    }
    #expect(failure.message.contains("env:NAME") && failure.message.contains("file:PATH"))
  }

  @Test func `a refusal names the option that it was given with`() throws {
    let references = ["sqlite://me:hunter2@host/a.db", "env:A-B", "file:postgres://me:hunter2@h/d"]
    for text in references + ["hunter2"] {
      let failure = try #require(throws: CommandFailure.self) {
        try DatabaseReference(argument: text).resolve(option: "--replica", environment: environment)
      }
      #expect(failure.message.contains("--replica") && !failure.message.contains("--database"))
      #expect(!failure.message.contains("hunter2"))
    }
  }

  @Test func `a refusal by the argument parser never repeats the URL`() {
    let reference = DatabaseReference(argument: "postgres://me:hunter2@host/db")
    var dumped = "\(reference)"
    dump(reference, to: &dumped)
    #expect(!dumped.contains("hunter2"))
  }

  private func resolve(_ text: String) throws -> String {
    try DatabaseReference(argument: text).resolve(environment: environment).reveal()
  }
}
