import Testing
import WindlassCore
import WindlassSchema

/// The layout that golang-migrate reads, name for name.
struct MigrationDirectoryTests {
  private func directory(_ names: String...) throws(StepFailure) -> MigrationDirectory {
    try MigrationDirectory(path: "migrations", names: names)
  }

  private func code(_ names: String...) -> String? {
    do throws(StepFailure) {
      _ = try MigrationDirectory(path: "migrations", names: names)
      return nil
    } catch {
      return error.code
    }
  }

  @Test func `versions sort by number, with gaps and version zero`() throws {
    let directory = try directory(
      "10_c.up.sql", "9_b.up.sql", "0_initial.up.sql", "0_initial.down.sql")
    #expect(directory.entries.map(\.version) == [0, 9, 10])
    #expect(directory.entries[0].upFile == "0_initial.up.sql")
    #expect(directory.entries[0].downFile == "0_initial.down.sql")
    #expect(directory.entries(after: 0).map(\.version) == [9, 10])
    #expect(directory.entries(after: nil).count == 3)
  }

  @Test func `names that no tool would run are passed over`() throws {
    let directory = try directory(
      "v3_x.up.sql", "2-x.up.sql", "notes.txt", "1_a.sql", "_x.up.sql", "1_a.up.sql", "4_x\n.up.sql"
    )
    #expect(directory.entries.map(\.version) == [1])
    #expect(directory.ignored.count == 6)
  }

  @Test func `a title may hold anything, and the last direction counts`() throws {
    let directory = try directory("1_a.up.b.down.sql", "2_.up.sql", "3_a.down.x.up.sql")
    #expect(directory.entries[0].downFile == "1_a.up.b.down.sql")
    #expect(directory.entries[0].upFile == nil)
    #expect(directory.entries[1].upFile == "2_.up.sql")
    #expect(directory.entries[2].upFile == "3_a.down.x.up.sql")
  }

  @Test(arguments: ["7_x.up.sql.bak", "7_x.up.sql~", "7_x.up.SQL", "7_x.up.", "7_x.up.sql.orig"])
  func `a file that only the other tool would run is refused`(name: String) {
    #expect(code("1_a.up.sql", name) == "MigrationFileUnexpected")
  }

  @Test func `leading zeros do not make another version`() {
    #expect(code("0001_a.up.sql", "1_b.up.sql") == "MigrationDuplicate")
    #expect(code("0001_a.up.sql", "1_b.down.sql") == nil)
  }

  @Test(arguments: ["9223372036854775808_x.up.sql", "99999999999999999999999_x.up.sql"])
  func `a version that no ledger holds is refused`(name: String) {
    #expect(code(name) == "MigrationVersionTooLarge")
  }

  @Test func `the largest version of a ledger is accepted`() throws {
    let directory = try directory("9223372036854775807_x.up.sql")
    #expect(directory.entries[0].version == SchemaVersion(9_223_372_036_854_775_807))
  }

  @Test(arguments: [
    ("-- windlass: expand\nSELECT 1;", MigrationPhase.expand),
    ("--windlass: contract\r\nSELECT 1;", .contract),
    ("\u{FEFF}--  windlass:  backfill  ", .backfill),
  ])
  func `the first line names the phase`(text: String, phase: MigrationPhase) throws {
    let body = try MigrationBody(version: 1, file: "1_a.up.sql", bytes: Array(text.utf8))
    #expect(body.declaredPhase == phase)
    #expect(try body.phase(manifest: phase) == phase)
  }

  @Test(arguments: [
    "", "SELECT 1; -- windlass: contract", "-- made by hand", "\n-- windlass: expand",
  ])
  func `without a phase in the first line the manifest decides`(text: String) throws {
    let body = try MigrationBody(version: 1, file: "1_a.up.sql", bytes: Array(text.utf8))
    #expect(body.declaredPhase == nil)
    #expect(try body.phase(manifest: nil) == .expand)
    #expect(try body.phase(manifest: .contract) == .contract)
  }

  @Test(arguments: ["-- windlass: expnad", "-- windlass:", "-- windlass: expand contract"])
  func `a first line with an unknown phase is refused`(text: String) {
    #expect(throws: StepFailure.self) {
      try MigrationBody(version: 1, file: "1_a.up.sql", bytes: Array(text.utf8))
    }
  }

  @Test func `a first line that differs from the manifest is refused`() throws {
    let body = try MigrationBody(
      version: 1, file: "1_a.up.sql", bytes: Array("-- windlass: contract".utf8))
    let failure = #expect(throws: StepFailure.self) { try body.phase(manifest: .expand) }
    #expect(failure?.code == "MigrationPhaseConflict")
  }

  @Test func `bytes that are not UTF-8 are refused`() {
    #expect(throws: StepFailure.self) {
      try MigrationBody(version: 1, file: "1_a.up.sql", bytes: [0x53, 0xFF])
    }
  }
}
