import Foundation
import Synchronization
import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// Series of small files, whose intents, ends and statements travel together on MariaDB.
struct MySQLSeriesTests {
  private static let files = [
    "1_a.up.sql": "CREATE TABLE t (a INT) -- the first", "2_b.up.sql": "ALTER TABLE t ADD b INT",
    "3_c.up.sql": "CREATE TABLE u (a VARCHAR(20) DEFAULT 'it''s \"\\\\') # the second",
    "4_d.up.sql": "ALTER TABLE u ADD b INT DEFAULT 5 /* the third */",
    "5_e.up.sql": "ALTER TABLE t ADD c INT", "6_f.up.sql": "CREATE INDEX i ON t (c)",
  ]

  private func request(_ fixture: Fixture) -> MigrateRequest {
    MigrateRequest(directory: fixture.directory, phase: .contract, run: "migrate-1")
  }

  private func columns(_ table: String, _ fixture: Fixture) throws -> [String] {
    try fixture.other().rows("SHOW COLUMNS FROM \(table)").map { $0.text("Field") }
  }

  @Test func `a series leaves ledger, history and an empty journal`() async throws {
    let fixture = try Fixture(Self.files)
    defer { fixture.remove() }
    let outcome = try await fixture.migrator().migrate(request(fixture)) { _ in }
    #expect(outcome.applied.map(\.version) == (1...6).map { SchemaVersion($0) })
    #expect(try fixture.ledger() == ["6,0"])
    #expect(try columns("t", fixture) == ["a", "b", "c"])
    #expect(try columns("u", fixture) == ["a", "b"])
    let report = try await fixture.migrator().schema()
    #expect(report.history == outcome.applied && report.drift == nil)
    #expect(try fixture.other().scalar("SELECT COUNT(*) FROM windlass_step") == .integer(0))
  }

  @Test func `a session that ends behind the intent, while the statement runs, is begun anew`()
    async throws
  {
    let fixture = try Fixture(Self.files)
    defer { fixture.remove() }
    try fixture.write("3_c.up.sql", "CREATE TABLE u AS SELECT SLEEP(3) AS a")
    async let outcome = fixture.migrator().migrate(request(fixture)) { _ in }
    let other = try fixture.other()
    let deadline = ContinuousClock.now + .seconds(60)
    let running = """
      SELECT ID FROM information_schema.PROCESSLIST WHERE DB = DATABASE()
        AND STATE = 'User sleep' AND ID <> CONNECTION_ID()
      """
    var session: String?
    while session == nil, ContinuousClock.now < deadline {
      session = try other.rows(running).first?.text("ID")
    }
    // The intent is durable before the statement begins, and the one before has ended.
    let step = try other.rows("SELECT version, done FROM windlass_step")
    #expect(step.map(\.values) == [[.integer(3), .integer(0)]])
    #expect(try fixture.ledger() == ["3,1"])
    #expect(try other.scalar("SELECT MAX(version) FROM windlass_migration_log") == .integer(2))
    _ = try? other.run("KILL \(session ?? "0")")
    #expect(try await outcome.applied.map(\.version) == (1...6).map { SchemaVersion($0) })
    #expect(try fixture.ledger() == ["6,0"])
    #expect(try other.scalar("SELECT COUNT(*) FROM u") == .integer(1))
    #expect(try other.scalar("SELECT COUNT(*) FROM windlass_step") == .integer(0))
  }

  @Test(arguments: [
    ("UPDATE schema_migrations SET version = 77", "LedgerMoved", "77,1"),
    ("UPDATE schema_migrations SET dirty = 0", "LedgerMoved", "4,0"),
    ("INSERT INTO schema_migrations VALUES (99, 0)", "LedgerMalformed", "4,1"),
    ("DELETE FROM schema_migrations", "LedgerMoved", nil),
  ])
  func `a ledger that somebody wrote meanwhile keeps the next statement from running`(
    change: String, code: String, ledger: String?
  ) async throws {
    let fixture = try Fixture(Self.files)
    defer { fixture.remove() }
    let changed = Once()
    let seen = Seen()
    let migrator = fixture.migrator { here in
      seen.add(here)
      guard here == "after 1", seen.all.filter({ $0 == here }).count == 4, changed.isFirst else {
        return
      }
      _ = try? fixture.other().run(change)
    }
    let failure = await #expect(throws: StepFailure.self) {
      try await migrator.migrate(request(fixture)) { _ in }
    }
    #expect(!changed.isFirst)
    #expect(failure?.code == code)
    #expect(try columns("t", fixture) == ["a", "b"])
    #expect(try fixture.ledger().first == ledger)
  }

  @Test func `a table that is in use stops the series there, and the one before has ended`()
    async throws
  {
    let fixture = try Fixture(Self.files).with(deadline: .milliseconds(300))
    defer { fixture.remove() }
    let holder = TableHolder()
    let begun = Once()
    let seen = Seen()
    let migrator = fixture.migrator { here in
      seen.add(here)
      guard here == "after 1", seen.all.filter({ $0 == here }).count == 4, begun.isFirst else {
        return
      }
      holder.begin("SELECT * FROM t", in: fixture)
    }
    let failure = await #expect(throws: StepFailure.self) {
      try await migrator.migrate(request(fixture)) { _ in }
    }
    #expect(!begun.isFirst)
    #expect(failure?.code == "LockNotObtained")
    #expect(try fixture.ledger() == ["4,0"])
    #expect(try columns("t", fixture) == ["a", "b"])
    holder.end()
    let outcome = try await fixture.migrator().migrate(request(fixture)) { _ in }
    #expect(outcome.applied.map(\.version) == [5, 6])
    #expect(try columns("t", fixture) == ["a", "b", "c"])
  }

  @Test func `a definition in the journal is the JSON that it is read back from`() throws {
    let text = "CREATE TABLE `a\"b` (\n\t`c\\d` INT COMMENT 'ü\u{1}')"
    let step = MySQLStep(
      version: 1, position: 1, file: "1_a.up.sql", line: 1, count: 1, run: "r", epoch: nil,
      digest: SHA256.digest(of: "x"), isDone: false, session: 1, after: nil,
      before: ["table a\"b": text, "table e": ""])
    let fixture = try Fixture([:])
    defer { fixture.remove() }
    let connection = try fixture.other()
    guard
      case .text(let json) = MySQLStepJournal(connection: connection).intending(step)
        .parameters.last
    else {
      Issue.record("there is no text")
      return
    }
    let read = try JSONDecoder().decode([String: String].self, from: Data(json.utf8))
    #expect(read == step.before)
  }

  @Test(arguments: [
    "plain-1.2_3:4", "", "it's", "a\"b", "back\\slash", "ü", "a b", "x;y", "-- c", "`t`", "%",
    "\u{0}",
  ])
  func `a text comes back as it was sent`(text: String) throws {
    let fixture = try Fixture([:])
    defer { fixture.remove() }
    let other = try fixture.other()
    #expect(try other.scalar("SELECT ?", [.text(text)]) == .text(text))
  }
}

/// A transaction of another session.
private final class TableHolder: Sendable {
  private let connection = Mutex<MySQLConnection?>(nil)

  /// Opens a transaction that asks a question.
  func begin(_ question: String, in fixture: Fixture) {
    connection.withLock { connection in
      connection = try? fixture.other()
      _ = try? connection?.run("START TRANSACTION")
      _ = try? connection?.run(question)
    }
  }

  /// Ends the transaction with its session.
  func end() { connection.withLock { $0 = nil } }
}
