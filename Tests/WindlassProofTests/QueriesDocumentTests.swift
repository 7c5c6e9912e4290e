import Testing
import WindlassCore
import WindlassProof
import WindlassSchema

struct QueriesDocumentTests {
  private static let sample = RecordedQueries(
    engine: "postgres", settings: ["search_path": "\"app\", public"],
    queries: [
      RecordedQuery(name: "flag by key", sql: "SELECT a\nFROM f WHERE k = $1", calls: 81),
      RecordedQuery(name: "q-2", sql: "INSERT INTO \"f\" VALUES ($1)", calls: .max),
    ])

  @Test func `a file reads back as it was written, a query on a line`() throws {
    let text = QueriesDocument.text(of: Self.sample)
    #expect(try QueriesDocument.read(Array(text.utf8)) == Self.sample)
    #expect(text.split(separator: "\n").count { $0.hasPrefix(#"    {"name":"#) } == 2)
  }

  @Test func `what a person leaves out has its default`() throws {
    let text = """
      {"apiVersion": "windlass.dev/v1", "kind": "RecordedQueries", "engine": "sqlite", "more": 1,
       "queries": [{"sql": "SELECT 1"}, {"sql": "SELECT 2", "calls": 3, "name": "two"}]}
      """
    #expect(
      try QueriesDocument.read(Array(text.utf8))
        == RecordedQueries(
          engine: "sqlite",
          queries: [
            RecordedQuery(name: "number 1", sql: "SELECT 1", calls: 1),
            RecordedQuery(name: "two", sql: "SELECT 2", calls: 3),
          ]))
  }

  private static func file(_ rest: String) -> String {
    #"{"apiVersion": "windlass.dev/v1", "kind": "RecordedQueries", \#(rest)}"#
  }

  @Test(arguments: [
    ("SELECT 1;", "neither JSON nor SQL"), ("{", "no JSON"), ("", "neither JSON"),
    ("[]", "does not begin"),
    (#"{"apiVersion": "windlass.dev/v2", "kind": "RecordedQueries"}"#, "does not begin"),
    (file(#""queries": [{"sql": "x"}]"#), "`engine`"),
    (file(#""engine": "sqlite""#), "`queries` has none"),
    (file(#""engine": "sqlite", "queries": []"#), "`queries` has none"),
    (file(#""engine": "sqlite", "queries": [{"sql": "x"}, {"sql": " "}]"#), "`queries[1].sql`"),
    (file(#""engine": "sqlite", "queries": [{"sql": "a\u0000b"}]"#), "`queries[0].sql`"),
    (file(#""engine": "sqlite", "queries": [{"sql": "x", "calls": 0}]"#), "`queries[0].calls`"),
    (file(#""engine": "sqlite", "queries": [{"sql": "x", "calls": "9"}]"#), "`queries[0].calls`"),
    (file(#""engine": "sqlite", "queries": [{"sql": "x", "name": ""}]"#), "`queries[0].name`"),
    (
      file(#""engine": "sqlite", "settings": {"sql_mode": ""}, "queries": [{"sql": "x"}]"#),
      "`settings.sql_mode`"
    ),
    (
      file(#""engine": "mysql", "settings": {"sql_mode": 1}, "queries": [{"sql": "x"}]"#),
      "`settings.sql_mode`"
    ),
  ])
  func `what can't be used is named`(_ text: String, _ named: String) {
    let error = #expect(throws: QueriesDocumentError.self) {
      try QueriesDocument.read(Array(text.utf8))
    }
    #expect(error?.description.contains(named) == true, "\(error?.description ?? "none")")
  }

  // MARK: SQL

  static let scripts: [RecordedQueries] = [
    sample,
    RecordedQueries(
      engine: "mysql", settings: ["sql_mode": ""],
      queries: [
        RecordedQuery(name: "a \"b\" = \\ c", sql: "SELECT ';', `a;b` FROM f WHERE k = ?")
      ]),
    RecordedQueries(
      engine: "sqlite",
      queries: [
        RecordedQuery(name: "é", sql: "SELECT [a;b], '-- windlass: query'\n  FROM f WHERE k = ?1"),
        RecordedQuery(
          name: "t", sql: "CREATE TRIGGER t AFTER INSERT ON f BEGIN SELECT 1; SELECT 2; END"),
      ]),
    RecordedQueries(
      engine: "cockroachdb", queries: [RecordedQuery(name: "q", sql: "UPSERT INTO f VALUES ($1)")]),
  ]

  @Test(arguments: scripts)
  func `SQL reads back as it was written`(recorded: RecordedQueries) throws {
    let text = try QueriesDocument.script(of: recorded)
    #expect(try QueriesDocument.read(Array(text.utf8)) == recorded)
    #expect(
      try QueriesDocument.read(Array(text.replacing("\n", with: "\r\n").utf8)).engine
        == recorded.engine)
  }

  @Test func `SQL looks as a person would write it, and what is left out has its default`() throws {
    let text = """
      -- windlass: queries engine=postgres
      -- Captured on a Monday.
      -- windlass: setting search_path="\\"app\\", public"

      -- windlass: query name="flag by key" calls=81
      SELECT a
      FROM f WHERE k = $1;

      -- windlass: query
      -- The hourly clean-up.
      DELETE FROM f WHERE gone < $1; -- and that is all
      """
    let recorded = try QueriesDocument.read(Array(text.utf8))
    #expect(
      recorded
        == RecordedQueries(
          engine: "postgres", settings: ["search_path": "\"app\", public"],
          queries: [
            RecordedQuery(name: "flag by key", sql: "SELECT a\nFROM f WHERE k = $1", calls: 81),
            RecordedQuery(name: "number 2", sql: "DELETE FROM f WHERE gone < $1", calls: 1),
          ]))
    #expect(
      try QueriesDocument.script(of: recorded) == """
        -- windlass: queries engine=postgres
        -- windlass: setting search_path="\\"app\\", public"

        -- windlass: query name="flag by key" calls=81
        SELECT a
        FROM f WHERE k = $1;

        -- windlass: query name="number 2" calls=1
        DELETE FROM f WHERE gone < $1;

        """)
  }

  private static func script(_ rest: String, engine: String = "sqlite") -> String {
    "-- windlass: queries engine=\(engine)\n" + rest
  }

  @Test(arguments: [
    ("SELECT 1", "neither JSON nor SQL that begins with"), ("-- nothing", "neither JSON nor SQL"),
    ("-- windlass: queries", "line 1: `engine` is missing"),
    ("-- windlass: query\nSELECT 1", "line 1: `query` is not understood there"),
    (script(""), "no line `-- windlass: query`"),
    (script("SELECT 1;"), "line 2: a statement stands before the first"),
    (script("-- windlass: query"), "line 2: no statement follows"),
    (script("-- windlass: query\n-- only words\n;"), "line 2: no statement follows"),
    (
      script("-- windlass: query\nSELECT 1;\n-- windlass: query\nSELECT 2; SELECT 3"),
      "line 4: 2 statements follow this line, and one belongs to it"
    ),
    (script("-- windlass: query\nSELECT 'a", engine: "postgres"), "line 3: "),
    (script("-- windlass: query\nSELECT 'a", engine: "mysql"), "line 3: "),
    (script("-- windlass: query\nSELECT 1", engine: "oracle"), "the engine oracle is none"),
    (script("-- windlass: query calls=0\nSELECT 1"), "line 2: calls is no number above 0"),
    (script("-- windlass: query calls=many\nSELECT 1"), "line 2: calls is no number above 0"),
    (script("-- windlass: query name=\"\"\nSELECT 1"), "line 2: name is no text"),
    (script("-- windlass: query name=\"a\nSELECT 1"), "line 2: a quote is not closed"),
    (script("-- windlass: query name=\"\\x\"\nSELECT 1"), "no text in quotes as JSON has it"),
    (script("-- windlass: query name=a name=b\nSELECT 1"), "line 2: `name` is written twice"),
    (script("-- windlass: query size=1\nSELECT 1"), "line 2: `size` is not understood"),
    (script("-- windlass: query daily\nSELECT 1"), "line 2: `daily` can't be read"),
    (script("-- windlass: backfill table=f"), "line 2: `backfill` is not understood there"),
    (script("-- windlass: setting sql_mode=\"\""), "line 2: the setting `sql_mode` is none"),
    (
      script("-- windlass: query\nSELECT 1\n-- windlass: setting a=b"),
      "line 4: `setting` is not understood there"
    ),
  ])
  func `SQL that can't be used is told by its line`(_ text: String, _ named: String) {
    let error = #expect(throws: QueriesDocumentError.self) {
      try QueriesDocument.read(Array(text.utf8))
    }
    #expect(error?.description.contains(named) == true, "\(error?.description ?? "none")")
  }

  @Test(arguments: [
    "SELECT 1; SELECT 2", "SELECT 1 -- end", "-- begin\nSELECT 1", "SELECT 'a", " SELECT 1",
    "SELECT '\n-- windlass: query\n'",
  ])
  func `what would be read back as something else is not written as SQL`(sql: String) {
    let recorded = RecordedQueries(
      engine: "postgres", queries: [RecordedQuery(name: "q", sql: sql)])
    #expect(throws: QueriesDocumentError.self) { try QueriesDocument.script(of: recorded) }
  }

  @Test func `an earlier record keeps its names, and of calls the greater number counts`() {
    let now = RecordedQueries(
      engine: "sqlite",
      queries: [
        RecordedQuery(name: "q-1", sql: "a", calls: 5), RecordedQuery(name: "q-3", sql: "c"),
      ])
    let earlier = RecordedQueries(
      engine: "sqlite",
      queries: [
        RecordedQuery(name: "first", sql: "a", calls: 9),
        RecordedQuery(name: "second", sql: "b", calls: 2),
      ])
    #expect(
      now.merged(with: earlier).queries == [
        RecordedQuery(name: "first", sql: "a", calls: 9), RecordedQuery(name: "q-3", sql: "c"),
        RecordedQuery(name: "second", sql: "b", calls: 2),
      ])
  }
}
