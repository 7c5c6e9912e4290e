import Testing
import WindlassCore

@testable import SQLiteDriver

/// Batches on a real file.
struct SQLiteSessionTests {
  private let directory: TemporaryDirectory
  private let path: String

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("test.db")
    try SQLiteConnection.opened(path).run(
      script: "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)")
  }

  private func session(deadline: Interval = .seconds(30)) -> SQLiteSession {
    SQLiteSession(SQLiteOptions(path: path, lockDeadline: deadline))
  }

  private func rows() throws -> [String] {
    try SQLiteConnection.opened(path).lines("SELECT b FROM t ORDER BY a")
  }

  @Test func `a script's failure names its line`() async throws {
    let session = session()
    for script in [
      "SELECT 1;\n\nSELECT gone FROM t;", "-- one\n\nINSERT INTO t VALUES (1, 'x'), (1, 'y');",
      "SELECT\n 1,\n gone FROM t",
    ] {
      let failed = await failure {
        _ = try await session.apply(StatementBatch(parts: [.script(script)]))
      }
      #expect(failed?.message.hasPrefix("Line 3: ") == true, "\(failed?.message ?? "none")")
    }
  }

  @Test func `a lock that is not had before the deadline is told with its holder`() async throws {
    let holder = try SQLiteConnection.opened(path)
    try holder.execute("BEGIN IMMEDIATE")
    let session = session(deadline: .milliseconds(50))
    let failed = await failure {
      _ = try await session.apply(
        StatementBatch(parts: [.script("DELETE FROM t")], lockBudget: .milliseconds(5)))
    }
    #expect(failed?.code == "LockNotObtained")
    #expect(failed?.disposition == .retry)
  }

  @Test func `an attempt is made again until the lock is free`() async throws {
    let holder = try SQLiteConnection.opened(path)
    try holder.execute("BEGIN IMMEDIATE")
    let session = session()
    async let outcome = session.apply(
      StatementBatch(parts: [.script("INSERT INTO t (b) VALUES ('x')")], lockBudget: .zero))
    // Readers see nothing of a batch that waits.
    #expect(try rows() == [])
    try holder.execute("COMMIT")
    #expect(try await outcome.rowsChanged == 1)
    #expect(try rows() == ["x"])
  }

  @Test func `a transaction that holds its lock too long is rolled back`() async throws {
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM n"
    let session = session()
    let failed = await failure {
      _ = try await session.apply(
        StatementBatch(
          parts: [.script("INSERT INTO t (b) VALUES ('x'); \(endless);")],
          holdBudget: .milliseconds(20)))
    }
    #expect(failed?.code == "HoldBudgetExceeded")
    #expect(failed?.disposition == .stop)
    #expect(try rows() == [])
    _ = try await session.apply(StatementBatch(parts: [.script("INSERT INTO t (b) VALUES ('y')")]))
    #expect(try rows() == ["y"])
  }

  @Test func `a name in double quotes is never a text`() async throws {
    let session = session()
    let failed = await failure {
      _ = try await session.rows(SQLStatement("SELECT \"gone\" FROM t"), limit: 1)
    }
    #expect(failed?.code == "StatementFailed")
  }

  @Test func `new rows that point nowhere are refused, and old ones are tolerated`() async throws {
    let session = session()
    func apply(_ script: String) async -> StepFailure? {
      await failure {
        _ = try await session.apply(
          StatementBatch(parts: [.script(script)], enforcesForeignKeys: false))
      }
    }
    let first = "CREATE TABLE c (p INTEGER REFERENCES t (a)); INSERT INTO c VALUES (7);"
    #expect(await apply(first)?.code == "ForeignKeyViolated")
    #expect(
      try SQLiteConnection.opened(path).lines("SELECT name FROM sqlite_schema").contains("c")
        == false)
    // The service itself, without enforcement, leaves a row that points nowhere.
    try SQLiteConnection.opened(path).run(script: first)
    #expect(await apply("INSERT INTO t (a) VALUES (1)") == nil)
    #expect(await apply("INSERT INTO c VALUES (8)")?.code == "ForeignKeyViolated")
    #expect(await apply("DELETE FROM c") == nil)
  }

  @Test func `foreign keys act as the batch says`() async throws {
    let session = session()
    try SQLiteConnection.opened(path).run(
      script: """
        CREATE TABLE c (p INTEGER REFERENCES t (a) ON DELETE CASCADE);
        INSERT INTO t VALUES (1, 'x'); INSERT INTO c VALUES (1);
        """)
    _ = try await session.apply(StatementBatch(parts: [.script("DELETE FROM t")]))
    #expect(try SQLiteConnection.opened(path).lines("SELECT * FROM c") == [])
  }

  @Test func `a file that is missing, a directory or no database has its own failure`() async throws
  {
    try directory.write(String(repeating: "no database ", count: 100), to: "text.db")
    for (name, code) in [
      ("missing.db", "DatabaseUnreachable"), ("", "DatabaseUnreachable"),
      ("text.db", "NotADatabase"),
    ] {
      let session = SQLiteSession(SQLiteOptions(path: directory.file(name)))
      let failed = await failure { try await session.open() }
      #expect(failed?.code == code)
      #expect(failed?.disposition == .stop)
    }
  }

  @Test func `a session makes its file, its mode and its directory entry when told to`()
    async throws
  {
    let new = directory.file("new.db")
    let session = SQLiteSession(
      SQLiteOptions(path: new, access: .create, durability: .full, journalMode: .wal))
    _ = try await session.apply(StatementBatch(parts: [.script("CREATE TABLE t (a)")]))
    let mode = try await session.rows(SQLStatement("PRAGMA journal_mode"), limit: 1)
    #expect(mode.first?.values == [.text("wal")])
    let synchronous = try await session.rows(SQLStatement("PRAGMA synchronous"), limit: 1)
    #expect(synchronous.first?.values == [.integer(2)])
    await session.close()
    #expect(try await session.rows(SQLStatement("SELECT a FROM t"), limit: 1) == [])
  }
}
