import PostgresDriver
import Testing
import WindlassCore
import WindlassSchema

struct PostgresSessionTests {
  private let url: PostgresURL

  init() throws { url = try PostgresServer.shared.makeDatabase() }

  private func connection(_ options: (inout PostgresOptions) -> Void = { _ in }) throws
    -> PostgresConnection
  {
    var all = PostgresOptions(url: url)
    options(&all)
    return try PostgresConnection(all)
  }

  @Test func `values come back as they were sent`() async throws {
    let session = PostgresSession(PostgresOptions(url: url))
    let values: [SQLValue] = [
      .null, .integer(.min), .real(0.1), .text("it's ü\\ \n"), .blob([0, 255, 92]),
    ]
    let rows = try await session.rows(
      SQLStatement(
        "SELECT $1::text, $2::int8, $3::float8, $4::text, $5::bytea, true AS bool", values),
      limit: 1)
    #expect(rows.first?.values == values + [.integer(1)])
    #expect(rows.first?["bool"] == .integer(1))
  }

  @Test func `one row more than asked for is an error, and the session goes on`() throws {
    let connection = try connection()
    let failure = #expect(throws: StepFailure.self) {
      try connection.rows("SELECT generate_series(1, 1000000)", limit: 10)
    }
    #expect(failure?.code == "TooManyRows")
    #expect(try connection.scalar("SELECT 7") == .integer(7))
  }

  @Test func `limits and names of the session are set on the server`() throws {
    let connection = try connection {
      $0.applicationName = "windlass/run-1/expand"
      $0.lockTimeout = .milliseconds(70)
    }
    let names = [
      "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout",
      "application_name", "client_connection_check_interval",
    ]
    let values = try names.map { try connection.scalar("SELECT current_setting($1)", [.text($0)]) }
    #expect(
      values == [
        .text("70ms"), .text("5min"), .text("1min"), .text("windlass/run-1/expand"), .text("1s"),
      ])
  }

  @Test func `a lock is waited for no longer than the budget, and its failure is to be retried`()
    throws
  {
    let holder = try connection()
    try holder.run(script: "CREATE TABLE a (b int)")
    try holder.run(script: "BEGIN; LOCK TABLE a")
    let other = try connection()
    let failure = #expect(throws: StepFailure.self) {
      try other.transaction(PostgresLimits(holdBudget: .seconds(30))) {
        connection throws(StepFailure) in
        try connection.execute("INSERT INTO a VALUES (1)")
      }
    }
    #expect(failure?.code == "DatabaseLocked")
    #expect(failure?.disposition == .retry)
    try holder.run(script: "ROLLBACK")
    let held = try other.transaction(PostgresLimits(holdBudget: .seconds(30))) {
      connection throws(StepFailure) in
      try connection.execute("INSERT INTO a VALUES (1)")
    }
    #expect(held.result == 1)
  }

  @Test func `a transaction over its hold budget is undone`() throws {
    let connection = try connection()
    let failure = #expect(throws: StepFailure.self) {
      try connection.transaction(PostgresLimits(holdBudget: .milliseconds(200))) {
        connection throws(StepFailure) in
        try connection.execute("CREATE TABLE a (b int)")
        try connection.execute("SELECT pg_sleep(30)")
      }
    }
    #expect(failure?.code == "HoldBudgetExceeded")
    #expect(try connection.scalar("SELECT to_regclass('a')") == .null)
  }

  @Test func `a cancelled task gives its statement up on the server`() async throws {
    let session = PostgresSession(PostgresOptions(url: url))
    try await session.open()
    let began = ContinuousClock.now
    await withTaskGroup(of: StepFailure?.self) { group in
      group.addTask {
        do throws(StepFailure) {
          _ = try await session.rows(SQLStatement("SELECT pg_sleep(300)"), limit: 1)
          return nil
        } catch {
          return error
        }
      }
      group.cancelAll()
      for await failure in group { #expect(failure?.code == "Interrupted") }
    }
    #expect(ContinuousClock.now - began < .seconds(120))
  }

  @Test func `a session that the server ended is told as lost, and replaced`() async throws {
    let session = PostgresSession(PostgresOptions(url: url))
    let process = try await session.rows(SQLStatement("SELECT pg_backend_pid()"), limit: 1)
    try connection().execute("SELECT pg_terminate_backend($1)", [process[0].values[0]])
    let failure = await #expect(throws: StepFailure.self) {
      try await session.rows(SQLStatement("SELECT 1"), limit: 1)
    }
    #expect(failure?.code == "ConnectionLost")
    let rows = try await session.rows(SQLStatement("SELECT 1"), limit: 1)
    #expect(rows.first?.values == [.integer(1)])
  }

  @Test func `what is wrong with a URL's database or user is told apart`() throws {
    let missing = #expect(throws: StepFailure.self) {
      try PostgresConnection(PostgresOptions(url: url.replacing(database: "nowhere")))
    }
    #expect(missing?.code == "DatabaseMissing")
    let login = #expect(throws: StepFailure.self) {
      try PostgresConnection(
        PostgresOptions(url: url.replacing(user: "nobody_known", password: Secret("x"))))
    }
    #expect(login?.code == "LoginRefused")
    let absent = #expect(throws: StepFailure.self) {
      try PostgresConnection(PostgresOptions(url: PostgresURL("postgres://a@/b?host=/nowhere")))
    }
    #expect(absent?.code == "DatabaseUnreachable")
  }

  @Test func `an error names its line and holds no row`() throws {
    let connection = try connection()
    try connection.run(script: "CREATE TABLE a (b text UNIQUE); INSERT INTO a VALUES ('hush')")
    let doubled = #expect(throws: StepFailure.self) {
      try connection.run(script: "INSERT INTO a VALUES ('hush')")
    }
    #expect(doubled?.code == "ConstraintViolated")
    #expect(doubled?.message.contains("hush") == false)
    let wrong = #expect(throws: StepFailure.self) {
      try connection.run(script: "SELECT 1;\nSELECT nope;")
    }
    #expect(wrong?.message.contains("in line 2") == true)
    #expect(wrong?.message.contains("42703") == true)
  }

  @Test func `the server's notices are kept for the report`() throws {
    let connection = try connection()
    try connection.run(script: "DO $$ BEGIN RAISE NOTICE 'mind the gap'; END $$")
    #expect(connection.takeNotices() == ["mind the gap"])
    #expect(connection.takeNotices().isEmpty)
  }

  @Test func `rows stream out of a copy`() throws {
    var text = ""
    try connection().copyOut("COPY (SELECT generate_series(1, 3)) TO STDOUT") { bytes in
      text += String(decoding: bytes, as: UTF8.self)
    }
    #expect(text == "1\n2\n3\n")
  }

  @Test func `another server than the expected one is refused`() throws {
    let system = try connection().server.system
    #expect(!system.isEmpty)
    let failure = #expect(throws: StepFailure.self) {
      try connection { $0.expectedSystem = system + "1" }
    }
    #expect(failure?.code == "OtherServer")
  }

  @Test func `a standby is refused`() throws {
    let server = PostgresServer(.orphan)
    let failure = #expect(throws: StepFailure.self) {
      try PostgresConnection(PostgresOptions(url: PostgresURL(server.url("postgres"))))
    }
    #expect(failure?.code == "StandbyServer")
  }
}
