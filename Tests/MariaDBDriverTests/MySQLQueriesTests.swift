import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// What a server was asked, and whether it can still be asked, on a real server.
struct MySQLQueriesTests {
  private func world(
    on server: Result<TestServer, any Error> = TestServer.shared
  ) throws -> (fixture: Fixture, connection: MySQLConnection) {
    let fixture = try Fixture([:], on: server)
    let connection = try fixture.other()
    try connection.run(
      """
      CREATE TABLE flags (id BIGINT PRIMARY KEY, name VARCHAR(20) UNIQUE, share INT, made DATETIME,
        more JSON)
      """)
    try connection.run("CREATE TABLE schema_migrations (version BIGINT, dirty BOOLEAN)")
    return (fixture, connection)
  }

  private func prepare(
    _ texts: [String], in fixture: Fixture, settings: [String: String] = [:]
  ) throws -> [QueryOutcome] {
    try fixture.options.connect("test").prepare(
      RecordedQueries(
        engine: "mysql", settings: settings,
        queries: texts.map { RecordedQuery(name: $0, sql: $0) }))
  }

  // MARK: Preparing

  @Test func `a query that the schema has everything for is prepared`() throws {
    let (fixture, _) = try world()
    defer { fixture.remove() }
    let texts = [
      "SELECT id, name FROM flags WHERE name = ? AND share > ?",
      "INSERT INTO flags (id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE share = VALUES(share)",
      "DELETE FROM flags WHERE id IN (?, ?);", "SELECT 'it''s; \\\\' -- end",
    ]
    #expect(
      try prepare(texts, in: fixture) == texts.map { _ in .prepared(columns: nil) })
  }

  @Test(arguments: [
    ("SELECT gone FROM flags", "[1054]"), ("SELECT 1 FROM nowhere", "[1146]"),
    ("UPDATE flags SET gone = ?", "[1054]"),
    ("INSERT INTO flags (id, name) VALUES (?)", "[1136]"), ("SELEC 1", "[1064]"),
    ("SELECT 1; DELETE FROM flags", "[1064]"),
  ])
  func `a query that can't be asked is refused with the server's words, and the next is not`(
    _ text: String, _ number: String
  ) throws {
    let (fixture, _) = try world()
    defer { fixture.remove() }
    let outcomes = try prepare([text, "SELECT 1", text], in: fixture)
    #expect(outcomes[0] == outcomes[2])
    guard case .refused(let words) = outcomes[0] else {
      Issue.record("\(text) was prepared")
      return
    }
    #expect(words.hasSuffix(number), "\(words)")
    #expect(outcomes[1] == .prepared(columns: nil))
  }

  @Test func `nothing is carried out`() throws {
    let (fixture, connection) = try world()
    defer { fixture.remove() }
    _ = try prepare(
      ["INSERT INTO flags (id) VALUES (1)", "DROP TABLE flags", "TRUNCATE TABLE flags"],
      in: fixture)
    #expect(try connection.scalar("SELECT COUNT(*) FROM flags") == .integer(0))
  }

  @Test func `a statement is read under the mode of the service`() throws {
    let (fixture, _) = try world()
    defer { fixture.remove() }
    let text = [#"SELECT "gone" FROM flags"#]
    // There it is a text.
    #expect(try prepare(text, in: fixture) == [.prepared(columns: nil)])
    guard case .refused = try prepare(text, in: fixture, settings: ["sql_mode": "ANSI_QUOTES"])[0]
    else {
      Issue.record("a column that is gone was taken for a text")
      return
    }
  }

  // MARK: Recording

  @Test func `a server that does not count is told how it would`() async throws {
    let (fixture, connection) = try world()
    defer { fixture.remove() }
    guard try connection.scalar("SELECT @@GLOBAL.performance_schema") == .integer(0) else {
      #expect(TestServer.isMySQL, "MariaDB counts only when it is told to")
      return
    }
    let failed = await #expect(throws: StepFailure.self) {
      try await MySQLQueryRecorder(fixture.options).record(of: nil)
    }
    #expect(failed?.code == "QueriesNotCounted")
    #expect(failed?.message.contains("performance_schema = ON") == true)
  }

  @Test func `what was asked is recorded without its values, and can be prepared`() async throws {
    let (fixture, app) = try world(on: TestServer.counting)
    defer { fixture.remove() }
    for share in 1...3 {
      try app.run("SELECT id FROM flags WHERE name = 's3cret' AND share = \(share)")
    }
    try app.run("INSERT INTO flags (id, name, share) VALUES (1, 's3cret', 12345)")
    try app.run("INSERT INTO flags (id, name) VALUES (2, 's3cret2'), (3, 's3cret3')")
    try app.run("SELECT COUNT(*), MAX(share) FROM flags WHERE id IN (1, 2, 3)")
    try app.run("SELECT id FROM flags WHERE made > NOW() - INTERVAL 1 DAY ORDER BY id LIMIT 1, 2")
    try app.run("UPDATE flags SET more = '{\"s3cret\": 1}', made = NOW() WHERE id = 1")
    try app.run("CREATE TABLE made (a VARCHAR(9) DEFAULT 's3cret')")
    try app.run("SELECT version FROM schema_migrations WHERE version = 12345")
    // A client that keeps a statement prepared, with a value in its text.
    try app.run("PREPARE kept FROM 'SELECT share FROM flags WHERE name = ''s3cret'' AND id = ?'")
    try app.run("SET @id = 1")
    try app.run("EXECUTE kept USING @id")
    let record = try await MySQLQueryRecorder(fixture.options).record(of: nil)
    let texts = record.recorded.queries.map(\.sql)
    for text in texts {
      #expect(!text.contains("s3cret") && !text.contains("12345"), "\(text)")
      #expect(!text.contains("schema_migrations") && !text.contains("CREATE"), "\(text)")
    }
    let wanted = [
      "SELECT `id` FROM `flags` WHERE `name` = ? AND `share` = ?",
      "INSERT INTO `flags` (`id`, `name`, `share`) VALUES(?, ?, ?)",
      "INSERT INTO `flags` (`id`, `name`) VALUES(?, ?)",
      "SELECT share FROM flags WHERE name = ? AND id = ?",
    ].map(Self.plain)
    for text in wanted {
      #expect(texts.map(Self.plain).contains(text), "\(text) is not among \(texts)")
    }
    let three = record.recorded.queries.first { Self.plain($0.sql) == wanted[0] }
    #expect(three?.calls == 3)
    #expect(record.recorded.engine == "mysql")
    let mode = try app.scalar("SELECT @@GLOBAL.sql_mode").text
    #expect(record.recorded.settings == ["sql_mode": mode ?? ""])
    let outcomes = try prepare(texts, in: fixture, settings: record.recorded.settings)
    for (text, outcome) in zip(texts, outcomes) {
      if case .refused(let words) = outcome { Issue.record("\(text): \(words)") }
    }
  }

  /// The text without blanks and in one case, in which servers write it differently.
  private static func plain(_ text: String) -> String {
    text.filter { !$0.isWhitespace && $0 != "`" }.lowercased()
  }
}
