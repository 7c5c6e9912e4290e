import ArgumentParser
import Foundation
import Testing
import WindlassCore
import WindlassWire

@testable import windlass

@Suite struct OutputTests {
  @Test func `a table has columns as wide as their widest cell, and no colour in a file`() throws {
    let capture = try Capture()
    capture.output.table(
      header: ["name", "state"],
      rows: [[.good("a"), "ready"], ["longer name", .bad("lost\nfor good")]])
    #expect(
      try capture.text == """
        NAME         STATE
        a            ready
        longer name  lost for good

        """)
  }

  @Test func `foreign control characters are shown and not obeyed`() throws {
    let capture = try Capture()
    capture.output.line("a\u{1B}[31m\u{7}b\u{202E}c\r")
    #expect(try capture.text == "a\\u{1b}[31m\\u{7}b\\u{202e}c\\u{d}\n")
  }

  @Test func `with --json people's text is left out`() throws {
    let capture = try Capture(isJSON: true)
    capture.output.line("for people")
    capture.output.progress("working")
    capture.output.table(header: ["a"], rows: [["b"]])
    capture.output.object(["a": 1])
    #expect(try capture.text == "{\"a\":1}\n")
  }

  @Test func `without --json objects are left out`() throws {
    let capture = try Capture()
    capture.output.object(["a": 1])
    #expect(try capture.text.isEmpty)
  }

  @Test func `an error is a paragraph, and with --json an object as well`() throws {
    let capture = try Capture(isJSON: true)
    capture.output.failure(CommandFailure(.dirty, "DirtyLedger", "The ledger is dirty."))
    #expect(
      try capture.text == """
        error: The ledger is dirty.
        {"error":{"code":"DirtyLedger","exit":6,"message":"The ledger is dirty."}}

        """)
  }
}

@Suite struct ExitStatusTests {
  @Test(arguments: [
    ("DirtyLedger", windlass.ExitStatus.dirty), ("LockNotObtained", .locked), ("DiskFull", .failed),
    ("SomethingNew", .failed),
  ])
  func `a failed step has the exit code of its kind`(code: String, status: windlass.ExitStatus) {
    let failure = StepFailure(code: code, disposition: .stop, message: "What happened.")
    #expect(CommandFailure(failure) == CommandFailure(status, code, "What happened."))
  }

  @Test(arguments: [
    (["--help"], windlass.ExitStatus.done), (["--version"], .done), (["--nonsense"], .usage),
    (["nonsense"], .usage), (["adopt"], .usage), (["adopt", "--version", "one"], .usage),
    (["adopt", "--version", "1.0.0", "--state", "/no/such/place"], .failed),
    (["history", "--limit", "0"], .usage), (["status", "--state", "/no/such/place"], .failed),
  ])
  func `arguments end with the documented exit code`(
    arguments: [String], status: windlass.ExitStatus
  ) async {
    #expect(await Windlass.status(of: arguments) == status)
  }
}

@Suite struct NearestNameTests {
  @Test func `a typing error finds the name that was meant`() {
    let names = ["replicas", "readiness", "listen"]
    #expect(NearestName.suggestion(for: "replica", among: names) == "replicas")
    #expect(NearestName.suggestion(for: "rpelicas", among: names) == "replicas")
    #expect(NearestName.suggestion(for: "Listen", among: names) == "listen")
    #expect(NearestName.suggestion(for: "quux", among: names) == nil)
    #expect(NearestName.suggestion(for: "", among: []) == nil)
  }
}
