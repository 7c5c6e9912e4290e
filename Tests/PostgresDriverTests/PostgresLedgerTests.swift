import Testing
import WindlassCore

@testable import PostgresDriver

struct PostgresLedgerTests {
  @Test(arguments: [
    (["public", "schema_migrations", "flipt"], 3_359_572_487),
    (["public", "schema_migrations", "/flipt"], 1_758_975_491),
    (["public", "flipt"], 2_085_904_791), (["public", "/flipt"], 553_982_281),
    (["flipt"], 3_289_869_293), (["/flipt"], 3_013_675_502),
    (["database_name"], 1_764_327_054),
    (["schema_name_1", "schema_name_2", "database_name"], 3_743_845_847),
  ])
  func `keys are golang-migrate's`(names: [String], key: Int) {
    #expect(LedgerPlace.key(names) == Int64(key))
  }

  @Test func `the checksum is the one of zlib`() {
    #expect(CRC32.checksum("123456789".utf8) == 0xCBF4_3926)
    #expect(CRC32.checksum("".utf8) == 0)
  }

  @Test func `six keys are taken, ascending`() {
    let place = LedgerPlace(
      schema: "public", table: "schema_migrations", lockTable: "schema_lock", database: "flipt")
    #expect(
      place.keys == [
        553_982_281, 1_758_975_491, 2_085_904_791, 3_013_675_502, 3_289_869_293, 3_359_572_487,
      ])
    #expect(place.rowKeys == [3_013_675_502, 3_289_869_293])
  }

  @Test func `a URL's options name the ledger`() throws {
    let plain = try PostgresLedger(PostgresURL("postgres://h/d?x-migrations-table=log"))
    #expect(plain == PostgresLedger(table: "log"))
    let quoted = try PostgresLedger(
      PostgresURL(
        "postgres://h/d?x-migrations-table=%22app%22.%22log%22&x-migrations-table-quoted=true"))
    #expect(quoted == PostgresLedger(schema: "app", table: "log"))
    #expect(throws: StepFailure.self) {
      try PostgresLedger(
        PostgresURL("postgres://h/d?x-migrations-table=app.log&x-migrations-table-quoted=1"))
    }
  }
}
