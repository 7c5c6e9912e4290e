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
    ("SELECT 1;", "no JSON"), ("[]", "does not begin"),
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
