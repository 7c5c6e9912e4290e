import Synchronization
import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// Migrations whose connection is lost at every point between two statements.
struct InterruptionTests {
  private static let files = [
    "1_first.up.sql": """
    CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0);
    INSERT INTO t (id) VALUES (1), (2);
    """,
    "2_mixed.up.sql": """
    SET foreign_key_checks = 0;
    UPDATE t SET n = n + 1;
    ALTER TABLE t ADD COLUMN c INT NOT NULL DEFAULT 5;
    UPDATE t SET n = n + 10, c = c + 1;
    CREATE TABLE u (a INT); RENAME TABLE u TO v, v TO w;
    CREATE INDEX i ON t (n);
    CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.n = 7; SET NEW.c = 8; END;
    DROP TABLE IF EXISTS gone, w;
    """,
    "3_rows.up.sql": "UPDATE t SET n = n + 100; UPDATE t SET n = n + 1000 WHERE id = 1;",
  ]

  static let points =
    (1...9).flatMap { ["before \($0)", "after \($0)", "noted \($0)"] } + ["begin", "end"]

  @Test(arguments: points)
  func `nothing is applied twice or lost when the connection is lost`(point: String) async throws {
    let fixture = try Fixture(Self.files)
    defer { fixture.remove() }
    let request = MigrateRequest(
      directory: fixture.directory, phase: .contract, run: "migrate-1")
    let cut = Once()
    let migrator = fixture.migrator { here in
      if here == point, cut.isFirst { fixture.killOthers() }
    }
    let outcome = try await migrator.migrate(request) { _ in }
    #expect(outcome.applied.map(\.version) == [1, 2, 3])
    #expect(try fixture.ledger() == ["3,0"])
    let other = try fixture.other()
    let rows = try other.rows("SELECT id, n, c FROM t ORDER BY id").map(\.values)
    #expect(
      rows == [
        [.integer(1), .integer(1111), .integer(6)], [.integer(2), .integer(111), .integer(6)],
      ])
    #expect(try other.scalar("SELECT COUNT(*) FROM windlass_step") == .integer(0))
    #expect(try other.rows("SHOW TABLES LIKE '_'").map(\.values) == [[.text("t")]])
    #expect(try other.rows("SHOW TRIGGERS").count == 1)
    let report = try await migrator.schema()
    #expect(report.history.map(\.version) == [1, 2, 3])
    #expect(report.drift == nil)
  }

  @Test func `an end that is written with the next beginning is lost at no point`() async throws {
    let files = [
      "1_a.up.sql": "CREATE TABLE t (a INT)", "2_b.up.sql": "ALTER TABLE t ADD b INT",
      "3_c.up.sql": "ALTER TABLE t ADD c INT", "4_d.up.sql": "SELECT 1; CREATE INDEX i ON t (c);",
    ]
    let undisturbed = try await applied(files, cutAt: 0)
    #expect(undisturbed > 10)
    for number in 1...undisturbed { _ = try await applied(files, cutAt: number) }
  }

  /// Applies the files with the connection cut at that checkpoint, counted from 1, and checks what
  /// is there.
  ///
  /// - Returns: how many checkpoints were passed.
  private func applied(_ files: [String: String], cutAt number: Int) async throws -> Int {
    let fixture = try Fixture(files)
    defer { fixture.remove() }
    let passed = Seen()
    let migrator = fixture.migrator { here in
      passed.add(here)
      if passed.all.count == number { fixture.killOthers() }
    }
    let outcome = try await migrator.migrate(
      MigrateRequest(directory: fixture.directory, phase: .contract, run: "migrate-1")
    ) { _ in }
    #expect(outcome.applied.map(\.version) == [1, 2, 3, 4], "cut at \(number)")
    #expect(try fixture.ledger() == ["4,0"], "cut at \(number)")
    let report = try await migrator.schema()
    #expect(report.history.map(\.version) == [1, 2, 3, 4] && report.drift == nil)
    let columns = try fixture.other().rows("SHOW COLUMNS FROM t").map { $0.text("Field") }
    #expect(columns == ["a", "b", "c"], "cut at \(number)")
    return passed.all.count
  }

  @Test func `a migration that fails leaves the end of the one before it`() async throws {
    let fixture = try Fixture([
      "1_a.up.sql": "CREATE TABLE t (a INT)", "2_b.up.sql": "ALTER TABLE t ADD b INT",
      "3_c.up.sql": "ALTER TABLE missing ADD c INT",
    ])
    defer { fixture.remove() }
    let told = Seen()
    await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(
        MigrateRequest(directory: fixture.directory, phase: .contract, run: "migrate-1")
      ) { progress in
        if case .applied(let entry) = progress { told.add("\(entry.version)") }
      }
    }
    #expect(told.all == ["1", "2"])
    #expect(try fixture.ledger() == ["2,0"])
    #expect(try await fixture.migrator().schema().history.map(\.version) == [1, 2])
    #expect(try fixture.other().scalar("SELECT COUNT(*) FROM windlass_step") == .integer(0))
  }

  @Test func `what can't be decided stays dirty, and the statement is named`() async throws {
    let fixture = try Fixture([
      "1_a.up.sql": "CREATE TABLE t (a INT);\nTRUNCATE t;\nCREATE TABLE u (a INT);"
    ])
    defer { fixture.remove() }
    let request = MigrateRequest(
      directory: fixture.directory, phase: .contract, run: "migrate-1")
    let cut = Once()
    let migrator = fixture.migrator { here in
      if here == "after 2", cut.isFirst { fixture.killOthers() }
    }
    let failure = await #expect(throws: StepFailure.self) {
      try await migrator.migrate(request) { _ in }
    }
    #expect(failure?.code == "DirtyLedger")
    #expect(failure?.message.contains("statement 2 of 3 in 1_a.up.sql (line 2)") == true)
    #expect(failure?.message.contains("migrate force 1") == true)
    #expect(try fixture.ledger() == ["1,1"])
    // A person who compared says that all of it took effect.
    try fixture.other().run("UPDATE schema_migrations SET dirty = 0")
    try await migrator.acceptDrift()
    #expect(try await migrator.migrate(request) { _ in }.applied.isEmpty)
  }

  @Test func `a file whose finished statements changed is not resumed`() async throws {
    let fixture = try Fixture([
      "1_a.up.sql": "CREATE TABLE t (a INT);\nCREATE TABLE missing.x (a INT);"
    ])
    defer { fixture.remove() }
    try fixture.write(
      "1_a.up.sql", "CREATE TABLE t (a INT);\nALTER TABLE missing ADD a INT;")
    let request = MigrateRequest(
      directory: fixture.directory, phase: .contract, run: "migrate-1")
    await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(request) { _ in }
    }
    try fixture.write("1_a.up.sql", "CREATE TABLE t (b INT);\nCREATE TABLE x (a INT);")
    let failure = await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(request) { _ in }
    }
    #expect(failure?.code == "DirtyLedger")
    #expect(failure?.message.contains("statement 1 of 2") == true)
    #expect(try fixture.ledger() == ["1,1"])
  }
}

/// Says once that it is the first time.
final class Once: Sendable {
  private let asked = Mutex(false)
  var isFirst: Bool {
    asked.withLock { asked in
      defer { asked = true }
      return !asked
    }
  }
}

extension Fixture {
  /// Ends every other session in the database and waits until they are gone.
  func killOthers() {
    guard let other = try? other() else { return }
    let query = """
      SELECT ID FROM information_schema.PROCESSLIST
      WHERE DB = DATABASE() AND ID <> CONNECTION_ID()
      """
    let deadline = ContinuousClock.now + .seconds(10)
    while let rows = try? other.rows(query), !rows.isEmpty, ContinuousClock.now < deadline {
      for row in rows { _ = try? other.run("KILL \(row.text("ID"))") }
    }
  }
}
