import Testing
import WindlassCore
import WindlassSchema

/// Definitions as SQLite stores them, and the ledger's statements.
struct SQLiteDefinitionTests {
  @Test func `quotes, blanks and comments do not make another definition`() {
    let plain = SQLiteDefinition("CREATE TABLE flags (key TEXT, name TEXT)")
    let other = SQLiteDefinition("CREATE TABLE \"flags\"\n (key TEXT, -- the key\n [name] TEXT)")
    #expect(plain == other)
  }

  @Test func `checks and options are found at any depth`() {
    let definition = SQLiteDefinition(
      """
      CREATE TABLE t (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        a TEXT CHECK (length(a) > 0),
        b TEXT DEFAULT 'CHECK (1)',
        CHECK (a IN ('x', 'y'))
      ) STRICT, WITHOUT ROWID
      """)
    #expect(definition.checks == ["a IN ( 'x' , 'y' )", "length ( a ) > 0"])
    #expect(definition.options == ["AUTOINCREMENT", "STRICT", "WITHOUT ROWID"])
  }

  @Test func `an index tells its parts and its predicate`() {
    let definition = SQLiteDefinition(
      "CREATE UNIQUE INDEX i ON t (lower(a), b DESC) WHERE b > 0")
    #expect(definition.indexedParts == ["lower ( a )", "b DESC"])
    #expect(definition.predicate == "b > 0")
  }

  @Test func `the ledger has one row, and none for nothing`() throws {
    let ledger = SQLiteLedger.standard
    func row(_ version: SQLValue, _ dirty: SQLValue) -> SQLRow {
      SQLRow(columns: ["version", "dirty"], values: [version, dirty])
    }
    #expect(try ledger.interpret([]) == (nil, false))
    #expect(try ledger.interpret([row(.integer(0), .integer(0))]) == (0, false))
    #expect(try ledger.interpret([row(.integer(7), .integer(1))]) == (7, true))
    #expect(try ledger.interpret([row(.integer(-1), .integer(1))]) == (nil, true))
    for rows in [
      [row(.integer(1), .integer(0)), row(.integer(2), .integer(0))],
      [row(.text("x"), .integer(0))], [row(.integer(-1), .integer(0))], [row(.null, .integer(0))],
    ] {
      let failure = #expect(throws: StepFailure.self) { try ledger.interpret(rows) }
      #expect(failure?.code == "LedgerMalformed")
    }
  }

  @Test(arguments: ["", "a b", "1a", "a;b", "a\"b", "ä"])
  func `a ledger's name that would need quotes is refused`(name: String) {
    #expect(SQLiteLedger(table: name) == nil)
  }
}
