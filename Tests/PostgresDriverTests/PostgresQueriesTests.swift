import Testing
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// What a server was asked, and whether it can still be asked, on a real PostgreSQL.
struct PostgresQueriesTests {
  private let url: PostgresURL
  private let connection: PostgresConnection

  init() throws {
    url = try PostgresServer.shared.makeDatabase()
    connection = try PostgresConnection(PostgresOptions(url: url))
    try connection.run(
      script: """
        CREATE TABLE flags (id bigint PRIMARY KEY, key varchar(20) UNIQUE, share int,
          created timestamptz NOT NULL DEFAULT now());
        CREATE TABLE schema_migrations (version bigint not null primary key, dirty boolean not null)
        """)
  }

  private func prepare(
    _ texts: [String], settings: [String: String] = [:]
  ) throws -> [QueryOutcome] {
    let queries = texts.map { RecordedQuery(name: $0, sql: $0) }
    return try PostgresConnection(PostgresOptions(url: url)).prepare(
      RecordedQueries(engine: "postgres", settings: settings, queries: queries))
  }

  // MARK: Preparing

  @Test func `a query that the schema has everything for is prepared, with its columns`() throws {
    #expect(
      try prepare([
        "SELECT id, key AS name FROM flags WHERE key = $1 AND share > $2",
        "INSERT INTO flags (id, key) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET share = $3",
        "DELETE FROM flags WHERE id = ANY($1) RETURNING share;", "LISTEN changes",
      ]) == [
        .prepared(columns: ["id bigint", "name character varying(20)"]), .prepared(columns: []),
        .prepared(columns: ["share integer"]), .prepared(columns: []),
      ])
  }

  @Test(arguments: [
    ("SELECT gone FROM flags", "42703"), ("SELECT 1 FROM nowhere", "42P01"),
    ("UPDATE flags SET gone = $1", "42703"), ("SELECT nothing(id) FROM flags", "42883"),
    ("INSERT INTO flags VALUES ($1, $2, $3, $4, $5)", "42601"), ("SELEC 1", "42601"),
    // Only the planner looks for the index.
    ("INSERT INTO flags (id) VALUES ($1) ON CONFLICT (share) DO NOTHING", "42P10"),
    ("SELECT 1; DELETE FROM flags", "42601"),
  ])
  func `a query that can't be asked is refused with the server's words, and the next is not`(
    _ text: String, _ state: String
  ) throws {
    let outcomes = try prepare([text, "SELECT 1", text])
    #expect(outcomes[0] == outcomes[2])
    guard case .refused(let words) = outcomes[0] else {
      Issue.record("\(text) was prepared")
      return
    }
    #expect(words.hasSuffix("(SQLSTATE \(state))"), "\(words)")
    #expect(!words.contains(url.database))
    #expect(outcomes[1] == .prepared(columns: ["?column? integer"]))
  }

  @Test func `nothing is carried out`() throws {
    _ = try prepare([
      "INSERT INTO flags (id) VALUES (1)", "DROP TABLE flags", "CREATE TABLE made (a int)",
      "SELECT setval('s', 1)", "TRUNCATE flags",
    ])
    #expect(try connection.scalar("SELECT count(*) FROM flags") == .integer(0))
    #expect(try connection.scalar("SELECT to_regclass('made')") == .null)
  }

  @Test func `names are looked for where the service looks for them`() throws {
    try connection.run(script: "CREATE SCHEMA app; CREATE TABLE app.only (a int)")
    let text = ["SELECT a FROM only_here"]
    try connection.run(script: "CREATE TABLE app.only_here (a int)")
    guard case .refused = try prepare(text)[0] else {
      Issue.record("a table of another schema was found")
      return
    }
    #expect(
      try prepare(text, settings: ["search_path": "app, public"])
        == [.prepared(columns: ["a integer"])])
  }

  // MARK: Recording

  private func recorder(
    _ change: (inout PostgresServiceOptions) -> Void = { _ in }
  ) throws -> PostgresQueryRecorder {
    var options = try PostgresServiceOptions(url: url)
    change(&options)
    return PostgresQueryRecorder(options)
  }

  @Test func `a database without the extension is told how it would be counted`() async throws {
    let failed = await #expect(throws: StepFailure.self) {
      try await recorder().record(of: nil)
    }
    #expect(failed?.code == "QueriesNotCounted")
    #expect(failed?.message.contains("shared_preload_libraries") == true)
    #expect(failed?.message.contains("CREATE EXTENSION pg_stat_statements") == true)
  }

  @Test func `what was asked is recorded without its values, and can be prepared`() async throws {
    try connection.run(
      script: "CREATE SCHEMA stats; CREATE EXTENSION pg_stat_statements SCHEMA stats")
    let app = try PostgresConnection(PostgresOptions(url: url, applicationName: "app"))
    for share in 1...3 {
      try app.execute("SELECT id FROM flags WHERE key = 's3cret' AND share = \(share)")
    }
    try app.execute("INSERT INTO flags (id, key) VALUES ($1, $2)", [.integer(1), .text("s3cret")])
    try app.execute(
      "SELECT extract(day FROM created), created - interval '12345 days' FROM flags")
    try app.execute("/* user=s3cret */ UPDATE flags SET share = 7 WHERE id = 1")
    let role = "\(url.database)_made"
    try app.run(script: "CREATE ROLE \(role) PASSWORD 's3cret'; DROP ROLE \(role)")
    try app.execute("SELECT version FROM schema_migrations WHERE version = 12345")
    let record = try await recorder().record(of: nil)
    let texts = Dictionary(
      uniqueKeysWithValues: record.recorded.queries.map { ($0.sql, $0.calls) })
    #expect(texts["SELECT id FROM flags WHERE key = $1 AND share = $2"] == 3)
    #expect(texts["INSERT INTO flags (id, key) VALUES ($1, $2)"] == 1)
    #expect(texts["UPDATE flags SET share = $1 WHERE id = $2"] == 1)
    #expect(
      texts["SELECT extract(epoch FROM created), created - $1::interval FROM flags"] == 1,
      "\(texts.keys.sorted())")
    for text in texts.keys {
      #expect(!text.contains("s3cret") && !text.contains("12345"), "\(text)")
      #expect(!text.contains("schema_migrations") && !text.contains("ROLE"), "\(text)")
    }
    #expect(!record.leftOut.isEmpty)
    #expect(record.recorded.engine == "postgres")
    #expect(record.recorded.settings["search_path"]?.hasSuffix("public") == true)
    let outcomes = try prepare(
      record.recorded.queries.map(\.sql), settings: record.recorded.settings)
    for (query, outcome) in zip(record.recorded.queries, outcomes) {
      if case .refused(let words) = outcome { Issue.record("\(query.sql): \(words)") }
    }
  }

  @Test func `only what the named user asked is recorded`() async throws {
    let user = "\(url.database)_app"
    try connection.run(
      script: """
        CREATE EXTENSION pg_stat_statements; CREATE ROLE \(user) LOGIN;
        GRANT SELECT ON flags TO \(user)
        """)
    let app = try PostgresConnection(
      PostgresOptions(url: url.replacing(user: user, password: Secret("unused"))))
    try app.execute("SELECT share FROM flags")
    try connection.execute("SELECT id, share FROM flags")
    let record = try await recorder().record(of: user)
    // Windlass's own sessions look at their settings as whoever they are.
    let asked = record.recorded.queries.map(\.sql).filter { $0.contains("flags") }
    #expect(asked == ["SELECT share FROM flags"])
    #expect(record.recorded.settings["search_path"] == "\"\(user)\", public")
    let failed = await #expect(throws: StepFailure.self) {
      try await recorder().record(of: "nobody at all")
    }
    #expect(failed?.code == "BadArgument")
    // Who may not see the texts of others is told so.
    let blind = try await recorder { options in
      options.url = options.url.replacing(user: user, password: Secret("unused"))
    }.record(of: nil)
    #expect(blind.leftOut.keys.contains { $0.contains("pg_read_all_stats") })
  }
}
