import Testing
import WindlassCore

@testable import bench

/// What is read out of the operator's log.
struct RunLogTests {
  private static func line(_ second: Int, _ service: String, _ message: String) -> String {
    "2026-11-27T10:00:\(10 + second).500Z notice \(message) service=\"shop/\(service)\""
  }

  @Test func `what was open at a time is counted, and how long each took`() throws {
    let log = RunLog(
      [
        Self.line(0, "a", "Run entered phase phase=\"prepare\""),
        Self.line(1, "b", "Run entered phase phase=\"prepare\""),
        Self.line(2, "a", "Run entered phase phase=\"roll\""),
        Self.line(3, "a", "Run ended ending=\"Completed\""),
        // It begins in the moment in which another one ends.
        Self.line(3, "c", "Run entered phase phase=\"prepare\""),
        Self.line(5, "b", "Run ended ending=\"RolledBack\""),
        "Service is driven",
      ].joined(separator: "\n"))
    #expect(log.entries.count == 3)
    #expect(log.openMax == 2)
    #expect(log.completedCount == 1)
    let start = try #require(Timestamp(rfc3339: "2026-11-27T10:00:09.500Z"))
    #expect(log.waits(since: start) == [4, 6])
  }
}
