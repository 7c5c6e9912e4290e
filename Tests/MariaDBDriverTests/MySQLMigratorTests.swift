import Synchronization
import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// Migrations on a real server.
struct MySQLMigratorTests {
  private func request(
    _ fixture: Fixture, to target: SchemaVersion? = nil, phase: MigrationPhase = .contract
  ) -> MigrateRequest {
    MigrateRequest(directory: fixture.directory, target: target, phase: phase, run: "migrate-1")
  }

  @Test func `a directory is applied in order and the ledger is as golang-migrate writes it`()
    async throws
  {
    let fixture = try Fixture([
      "0_initial.up.sql": "CREATE TABLE t (a BIGINT NOT NULL PRIMARY KEY, b VARCHAR(20));",
      "3_rows.up.sql": "INSERT INTO t VALUES (1, 'x;y'), (2, 'it''s'); UPDATE t SET b = 'z';",
      "7_only.down.sql": "DROP TABLE t;",
      "10_more.up.sql": "ALTER TABLE t ADD COLUMN c INT; CREATE INDEX i ON t (c);\n-- end\n",
    ])
    defer { fixture.remove() }
    let migrator = fixture.migrator()
    let first = try await migrator.migrate(request(fixture, to: 0)) { _ in }
    #expect(first.applied.map(\.version) == [0])
    #expect(try fixture.ledger() == ["0,0"])
    let outcome = try await migrator.migrate(request(fixture)) { _ in }
    #expect(outcome.applied.map(\.version) == [3, 7, 10])
    #expect(try fixture.ledger() == ["10,0"])
    let definition = try fixture.other().rows("SHOW CREATE TABLE schema_migrations")
      .first?.values.last?.text
    // MySQL tells no width that only served for display.
    #expect(definition?.replacing("(20)", with: "").contains("`version` bigint NOT NULL") == true)
    #expect(definition?.contains("`dirty` tinyint(1) NOT NULL") == true)
    #expect(definition?.contains("PRIMARY KEY (`version`)") == true)
    let report = try await migrator.schema()
    #expect(report.version == 10 && !report.isDirty && report.drift == nil)
    #expect(report.history.map(\.version) == [0, 3, 7, 10])
    #expect(try fixture.other().scalar("SELECT COUNT(*) FROM windlass_step") == .integer(0))
    let nothing = try await migrator.migrate(request(fixture)) { _ in }
    #expect(nothing.applied.isEmpty)
  }

  @Test func `the lock's name is golang-migrate's`() {
    #expect(MySQLLedger.standard.lockName(database: "flipt") == "386022537")
  }

  @Test func `golang-migrate's lock keeps Windlass out until it is released`() async throws {
    var fixture = try Fixture(["1_a.up.sql": "CREATE TABLE t (a INT)"])
    defer { fixture.remove() }
    let other = try fixture.other()
    let name = fixture.options.ledger.lockName(database: fixture.options.address.database)
    #expect(try other.scalar("SELECT GET_LOCK('\(name)', 10)") == .integer(1))
    fixture = fixture.with(deadline: .milliseconds(500))
    let failure = await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(request(fixture)) { _ in }
    }
    #expect(failure?.code == "LockNotObtained")
    #expect(failure?.message.contains("session \(other.id)") == true)
    _ = try other.scalar("SELECT RELEASE_LOCK('\(name)')")
    let outcome = try await fixture.migrator().migrate(request(fixture)) { _ in }
    #expect(outcome.applied.count == 1)
  }

  @Test func `while Windlass migrates golang-migrate's lock is not to be had`() async throws {
    let fixture = try Fixture(["1_a.up.sql": "CREATE TABLE t (a INT)"])
    defer { fixture.remove() }
    let other = try fixture.other()
    let name = fixture.options.ledger.lockName(database: fixture.options.address.database)
    let seen = Seen()
    let migrator = fixture.migrator { point in
      guard point == "before 1" else { return }
      let answer = try? TestServer.shared.get().connection(fixture.options.address.database)
        .scalar("SELECT GET_LOCK('\(name)', 0)")
      seen.add("\(answer ?? .null)")
      seen.add((try? fixture.ledger().joined()) ?? "unreadable")
    }
    _ = try await migrator.migrate(request(fixture)) { _ in }
    #expect(seen.all == ["\(SQLValue.integer(0))", "1,1"])
    #expect(try other.scalar("SELECT GET_LOCK('\(name)', 0)") == .integer(1))
  }

  @Test func `a change of rows alone never leaves the ledger dirty`() async throws {
    let fixture = try Fixture([
      "1_a.up.sql": "CREATE TABLE t (a INT PRIMARY KEY)",
      "2_b.up.sql": "INSERT INTO t VALUES (1); INSERT INTO t VALUES (1);",
    ])
    defer { fixture.remove() }
    let failure = await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(request(fixture)) { _ in }
    }
    #expect(failure?.code == "ConstraintViolated")
    #expect(try fixture.ledger() == ["1,0"])
    #expect(try fixture.other().scalar("SELECT COUNT(*) FROM t") == .integer(0))
  }

  @Test func `a first statement that fails leaves the ledger clean`() async throws {
    let fixture = try Fixture([
      "1_a.up.sql": "CREATE TABLE t (a INT PRIMARY KEY)",
      "2_b.up.sql": "ALTER TABLE missing ADD x INT; CREATE TABLE u (a INT);",
    ])
    defer { fixture.remove() }
    let failure = await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(request(fixture)) { _ in }
    }
    #expect(failure?.code == "StatementFailed")
    #expect(failure?.message.contains("Nothing was changed") == true)
    #expect(try fixture.ledger() == ["1,0"])
  }

  @Test func `a later statement that fails is named, and the corrected file goes on there`()
    async throws
  {
    let fixture = try Fixture([
      "1_a.up.sql": "CREATE TABLE t (a INT);\nCREATE TABLE t (b INT);\nCREATE TABLE u (a INT);"
    ])
    defer { fixture.remove() }
    let failure = await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(request(fixture)) { _ in }
    }
    #expect(failure?.message.contains("statement 2 of 3 in 1_a.up.sql (line 2)") == true)
    #expect(try fixture.ledger() == ["1,1"])
    try fixture.write(
      "1_a.up.sql", "CREATE TABLE t (a INT);\nCREATE TABLE v (b INT);\nCREATE TABLE u (a INT);")
    let outcome = try await fixture.migrator().migrate(request(fixture)) { _ in }
    #expect(outcome.applied.map(\.version) == [1])
    #expect(try fixture.ledger() == ["1,0"])
    #expect(try fixture.other().rows("SHOW TABLES LIKE '_'").count == 3)
  }

  @Test func `a dirty mark of another tool is never cleared`() async throws {
    let fixture = try Fixture(["1_a.up.sql": "CREATE TABLE t (a INT)"])
    defer { fixture.remove() }
    let other = try fixture.other()
    try other.run(MySQLLedger.standard.creation)
    try other.run("INSERT INTO schema_migrations VALUES (1, 1)")
    let failure = await #expect(throws: StepFailure.self) {
      try await fixture.migrator().migrate(request(fixture)) { _ in }
    }
    #expect(failure?.code == "DirtyLedger")
    #expect(try fixture.ledger() == ["1,1"])
  }
}

/// What a checkpoint saw.
final class Seen: Sendable {
  private let texts = Mutex<[String]>([])
  var all: [String] { texts.withLock { $0 } }
  func add(_ text: String) { texts.withLock { $0.append(text) } }
}
