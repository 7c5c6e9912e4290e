import Testing
import WindlassCore
import WindlassSchema

/// What the ledgers of other tools say, from the rows that those tools write.
struct ForeignLedgerTests {
  private func reading(
    _ tool: ForeignLedger.Tool, _ rows: [[SQLValue]]
  ) throws -> ForeignReading {
    try #require(ForeignLedger(tool)).reading(of: rows)
  }

  @Test func `Flyway's last row of a version counts, and a failed one is dirty`() throws {
    let rows: [[SQLValue]] = [
      [.null, .text("SCHEMA"), .integer(1)], [.text("1"), .text("BASELINE"), .integer(1)],
      [.text("1.2"), .text("SQL"), .integer(1)], [.text("1.10"), .text("SQL"), .integer(1)],
      [.text("2"), .text("SQL"), .integer(1)], [.text("2"), .text("UNDO_SQL"), .integer(1)],
      [.text("1.2"), .text("DELETE"), .integer(1)], [.null, .text("SQL"), .integer(1)],
    ]
    let clean = try reading(.flyway, rows)
    #expect(clean == ForeignReading(exists: true, applied: ["1", "1.10"]))
    #expect(clean.highest == "1.10")
    let failed = try reading(.flyway, rows + [[.text("3"), .text("SQL"), .integer(0)]])
    #expect(failed.failed == ["3"] && failed.isDirty)
    let script = try reading(.flyway, rows + [[.null, .text("SQL"), .integer(0)]])
    #expect(script.failed == ["a repeatable migration"])
    // After the failed one was run again.
    let mended = try reading(
      .flyway,
      [[.text("3"), .text("SQL"), .integer(0)], [.text("3"), .text("SQL"), .integer(1)]])
    #expect(mended == ForeignReading(exists: true, applied: ["3"]))
  }

  @Test func `Goose's last row of a version counts, and version 0 is none`() throws {
    let rows: [[SQLValue]] = [
      [.integer(0), .integer(1)], [.integer(20_260_101), .integer(1)],
      [.integer(20_260_102), .integer(1)], [.integer(20_260_102), .integer(0)],
    ]
    #expect(try reading(.goose, rows).applied == ["20260101"])
    #expect(try reading(.goose, [[.integer(0), .integer(1)]]).highest == nil)
    #expect(
      try reading(.goose, rows + [[.integer(20_260_102), .integer(1)]]).highest == "20260102")
  }

  @Test func `Alembic tells its heads, Django names of applications, dbmate versions`() throws {
    #expect(try reading(.alembic, [[.text("ae10")], [.text("b2")]]).applied == ["ae10", "b2"])
    #expect(
      try reading(.django, [[.text("blog"), .text("0001_initial")]]).applied
        == ["blog.0001_initial"])
    #expect(
      try reading(.dbmate, [[.text("20260101000000")], [.text("20260102000000")]]).highest
        == "20260102000000")
  }

  @Test func `a row without a version is no ledger's`() {
    let failure = #expect(throws: StepFailure.self) { try reading(.dbmate, [[.null]]) }
    #expect(failure?.code == "LedgerMalformed")
    #expect(failure?.message.contains("--ledger-table") == true)
  }

  @Test(arguments: ["", "a.", ".a", "a.b.c", "a\0"])
  func `what can't be a table is none`(name: String) {
    #expect(ForeignLedger(.goose, table: name) == nil)
  }

  @Test func `versions are compared by their numbers, however long`() {
    let ascending = [
      "0", "1", "1.1", "1.2", "1.10", "2", "0010", "20260101000000", "99999999999999999999999",
    ]
    for (index, low) in ascending.enumerated() {
      for high in ascending[(index + 1)...] {
        #expect(ForeignVersion.isLower(low, high), "\(low) \(high)")
        #expect(!ForeignVersion.isLower(high, low), "\(high) \(low)")
      }
    }
    #expect(ForeignVersion.compare("1_2", "1.2.0") == 0)
    #expect(ForeignVersion.isLower("1.a", "1.b"))
  }

  @Test(arguments: [
    (">=1.2", true), (">=1.10 <2", true), ("1.10", true), ("=1.10.0", true), ("!=1.10", false),
    (">1.10", false), ("<=1.9,>1", false), ("<1.11", true),
  ])
  func `a condition on ordered versions is on the highest`(text: String, isOpen: Bool) throws {
    let reading = ForeignReading(exists: true, applied: ["1", "1.10", "1.2"])
    #expect(try #require(LedgerCondition(text)).admits(reading, isOrdered: true) == isOpen)
  }

  @Test(arguments: [
    ("a", true), ("=a b", true), ("c", false), ("!=c", true), ("a !=b", false),
  ])
  func `a condition on names is on what is there`(text: String, isOpen: Bool) throws {
    let reading = ForeignReading(exists: true, applied: ["a", "b"])
    #expect(try #require(LedgerCondition(text)).admits(reading, isOrdered: false) == isOpen)
  }

  @Test func `nothing applied and a failed migration open no gate`() throws {
    let condition = try #require(LedgerCondition("!=9"))
    for isOrdered in [true, false] {
      #expect(!condition.admits(ForeignReading(), isOrdered: isOrdered))
      #expect(
        !condition.admits(
          ForeignReading(exists: true, applied: ["1"], failed: ["2"]), isOrdered: isOrdered))
    }
  }

  @Test(arguments: ["", "  ", ">=", "a >= b", "=>1", "!"])
  func `what is no condition is none`(text: String) {
    #expect(LedgerCondition(text) == nil)
  }
}
