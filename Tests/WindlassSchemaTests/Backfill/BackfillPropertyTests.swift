import Testing
import WindlassCore
import WindlassSchema

/// What holds of whatever text: nothing traps, and what is accepted is the file's text with a
/// condition in it.
@Suite struct BackfillPropertyTests {
  private static let pieces = [
    "UPDATE flags SET a = 1 ", "INSERT INTO x SELECT id FROM flags ", "DELETE FROM flags ",
    "WHERE ",
    "/* windlass: range */ ", "/* windlass: range f.id */ ", "/* windlass: ", "*/ ", "TRUE ",
    "AND ",
    "OR ", "(", ") ", "; ", "'", "\"", "`", "-- ", "\n", "CASE ", "END ", "$$", "/*", "id = 1 ",
    "BETWEEN ", "SET ", "id ", ", ", "= ", ". ", "WITH x AS ( ", "é", "\u{0}",
  ]

  private struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state
    }
  }

  @Test(arguments: BackfillDialect.allCases)
  func `any text is accepted or refused, and what is accepted keeps its words`(
    dialect: BackfillDialect
  ) throws {
    var accepted = 0
    for seed in 0..<6_000 as Range<UInt64> {
      var dice = Dice(state: seed)
      for _ in 0..<8 { _ = dice.next() }
      var text = "-- windlass: backfill table=flags key=id\n"
      if Bool.random(using: &dice) {
        text += "UPDATE flags SET a = 1 WHERE /* windlass: range */ TRUE "
      }
      for _ in 0..<Int.random(in: 0...10, using: &dice) {
        text += Self.pieces.randomElement(using: &dice) ?? ""
      }
      guard
        let body = try? MigrationBody(version: 1, file: "1_a.up.sql", bytes: Array(text.utf8))
      else {
        #expect(text.utf8.contains(0), "seed \(seed): \(text)")
        continue
      }
      guard let backfill = try? Backfill(body, dialect: dialect) else { continue }
      accepted += 1
      for statement in backfill.statements {
        let whole = statement.text(where: "CONDITION")
        #expect(whole.contains("(CONDITION) AND"), "seed \(seed): \(text)")
        #expect(!whole.contains("windlass_range"), "seed \(seed): \(text)")
      }
    }
    #expect(accepted > 100)
  }

  @Test(arguments: BackfillDialect.allCases)
  func `a file that is cut anywhere is read or refused`(dialect: BackfillDialect) {
    let text = """
      -- windlass: backfill table=flags key=id batch=10 repeat=until-unchanged
      WITH s AS (SELECT 1) INSERT INTO x (a) SELECT 'it''s' FROM flags f
      WHERE f.a IS NULL AND /* windlass: range f.id */ TRUE ON CONFLICT DO NOTHING;
      """
    let bytes = Array(text.utf8)
    for length in 0...bytes.count {
      guard
        let body = try? MigrationBody(
          version: 1, file: "1_a.up.sql", bytes: Array(bytes[..<length]))
      else { continue }
      _ = try? Backfill(body, dialect: dialect)
    }
    let whole = try? MigrationBody(version: 1, file: "1_a.up.sql", bytes: bytes)
    #expect(whole?.backfill?.isRepeated == true)
  }
}
