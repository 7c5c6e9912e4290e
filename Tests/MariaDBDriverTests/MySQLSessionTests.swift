import Testing
import WindlassCore

@testable import MariaDBDriver

/// Sessions with a real server.
struct MySQLSessionTests {
  @Test func `values come back as they went`() async throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.other().run(
      "CREATE TABLE t (id INT PRIMARY KEY, i BIGINT, r DOUBLE, s TEXT, b BLOB, d DECIMAL(5,2))")
    let session = MySQLSession(fixture.options)
    let values: [SQLValue] = [
      .integer(.min), .real(-1.5e-300), .text("it's \\ \"q\" \u{1F600}\n? ; --"),
      .blob([0, 39, 92, 255]), .text("1.50"),
    ]
    let outcome = try await session.apply(
      StatementBatch(parts: [
        .execute(
          SQLStatement("INSERT INTO t VALUES (1, ?, ?, ?, ?, ?) -- ? is none", values)),
        .execute(SQLStatement("INSERT INTO t (id, s) VALUES (2, ?)", [.null])),
        .require(
          SQLStatement("SELECT COUNT(*) FROM t"), equals: .integer(2),
          orFail: StepFailure(code: "Wrong", disposition: .stop, message: "")),
      ]))
    #expect(outcome.rowsChanged == 2)
    let rows = try await session.rows(SQLStatement("SELECT i, r, s, b, d FROM t"), limit: 2)
    #expect(rows.map(\.values) == [values, [.null, .null, .null, .null, .null]])
    #expect(rows.first?.columns == ["i", "r", "s", "b", "d"])
    let failure = await #expect(throws: StepFailure.self) {
      try await session.rows(SQLStatement("SELECT 1 FROM t"), limit: 1)
    }
    #expect(failure?.code == "TooManyRows")
    #expect(try await session.rows(SQLStatement("SELECT 1 AS x"), limit: 1)[0]["x"] == .integer(1))
  }

  @Test func `a batch is applied in full or not at all`() async throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.other().run("CREATE TABLE t (a INT PRIMARY KEY)")
    let session = MySQLSession(fixture.options)
    let wrong = StepFailure(code: "Wrong", disposition: .stop, message: "")
    let failure = await #expect(throws: StepFailure.self) {
      try await session.apply(
        StatementBatch(parts: [
          .script("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);"),
          .require(SQLStatement("SELECT 5"), equals: .integer(6), orFail: wrong),
        ]))
    }
    #expect(failure == wrong)
    #expect(try fixture.other().scalar("SELECT COUNT(*) FROM t") == .integer(0))
    let refused = await #expect(throws: StepFailure.self) {
      try await session.apply(StatementBatch(parts: [.script("CREATE TABLE u (a INT)")]))
    }
    #expect(refused?.code == "NotTransactional")
  }

  @Test func `errors tell what to do and keep values of rows to themselves`() async throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.other().run("CREATE TABLE t (a VARCHAR(40) PRIMARY KEY)")
    let session = MySQLSession(fixture.options)
    let insert = SQLStatement("INSERT INTO t VALUES (?)", [.text("someone's secret")])
    _ = try await session.apply(StatementBatch(parts: [.execute(insert)]))
    let failure = await #expect(throws: StepFailure.self) {
      try await session.apply(StatementBatch(parts: [.execute(insert)]))
    }
    #expect(failure?.code == "ConstraintViolated" && failure?.disposition == .stop)
    #expect(failure?.message.contains("[1062, 23000]") == true)
    #expect(failure?.message.contains("secret") == false)
    var options = fixture.options
    options.address.database = "no_such_database"
    let missing = await #expect(throws: StepFailure.self) { try await MySQLSession(options).open() }
    #expect(missing?.code == "DatabaseMissing")
    options.address.place = .socket("/nonexistent/socket")
    let away = await #expect(throws: StepFailure.self) { try await MySQLSession(options).open() }
    #expect(away?.code == "DatabaseUnreachable" && away?.disposition == .retry)
  }

  @Test func `a cancelled task's statement is ended`() async throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    let session = MySQLSession(fixture.options)
    let task = Task { try await session.rows(SQLStatement("SELECT SLEEP(25)"), limit: 1) }
    let other = try fixture.other()
    let running = """
      SELECT COUNT(*) FROM information_schema.PROCESSLIST
      WHERE DB = DATABASE() AND INFO LIKE 'SELECT SLEEP(25)%'
      """
    let deadline = ContinuousClock.now + .seconds(20)
    while try other.scalar(running) == .integer(0), ContinuousClock.now < deadline {
      await Task.yield()
    }
    task.cancel()
    // An interrupted SLEEP returns 1 or fails; either way it is over before its time, though the
    // server may show it for a moment after it has answered.
    _ = await task.result
    while try other.scalar(running) != .integer(0), ContinuousClock.now < deadline {
      await Task.yield()
    }
    #expect(try other.scalar(running) == .integer(0))
  }
}
