import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// A service's database as the steps of a run use it, on a real server.
struct MySQLServiceDatabaseTests {
  private func database(
    _ fixture: Fixture, checkpoint: @escaping @Sendable (String) -> Void = { _ in }
  ) -> MySQLServiceDatabase {
    let path = fixture.directory
    return MySQLServiceDatabase(
      fixture.options, locate: { (_) throws(StepFailure) in path }, now: fixture.now,
      checkpoint: checkpoint)
  }

  private func order(
    _ version: SchemaVersion, after: SchemaVersion?, epoch: Epoch, run: RunID = "run-1"
  ) -> MigrationOrder {
    MigrationOrder(
      run: run, migration: Migration(version: version, phase: .expand),
      archive: ArchiveReference(url: "", digest: "", size: 0), after: after, epoch: epoch)
  }

  @Test func `a migration that was cut off is named with its run, and goes on`() async throws {
    let fixture = try Fixture([
      "1_a.up.sql": "CREATE TABLE t (a INT);\nCREATE TABLE missing_table_of_nobody LIKE nothing;"
    ])
    defer { fixture.remove() }
    let database = database(fixture)
    let epoch = try await database.takeFence(after: nil, run: "run-1")
    await #expect(throws: StepFailure.self) {
      try await database.apply(order(1, after: nil, epoch: epoch))
    }
    let reading = try await database.inspect()
    #expect(reading.isDirty && reading.version == nil && reading.interruptedRun == "run-1")
    try fixture.other().run("CREATE TABLE nothing (b INT)")
    try await database.apply(order(1, after: nil, epoch: epoch))
    let after = try await database.inspect()
    #expect(!after.isDirty && after.version == 1 && after.interruptedRun == nil)
  }

  @Test
  func `a session that an earlier attempt left behind is ended before a statement is repeated`()
    async throws
  {
    let fixture = try Fixture(["1_a.up.sql": "CREATE TABLE t (a INT)"])
    defer { fixture.remove() }
    let database = database(fixture)
    let epoch = try await database.takeFence(after: nil, run: "run-1")
    // What a killed job leaves: its session holds the lock and runs a statement.
    let orphan = try fixture.options.connect("orphan")
    let locks = MySQLLocks(connection: orphan, ledger: .standard)
    // The session that took the fence may still be about to end.
    func same(_ failure: StepFailure, _ waited: Interval) -> StepFailure { failure }
    try await LockBackoff.retrying(deadline: .minutes(1), overdue: same) {
      () throws(StepFailure) in
      try locks.take(locks.ownName)
    }
    try locks.take(locks.sharedName)
    let own = MySQLOwnSchema(connection: orphan, ledger: .standard)
    try own.createLedger()
    try own.writeLedger(1, isDirty: true)
    let statement = "CREATE TABLE t (a INT)"
    let line = MySQLStep(
      version: 1, position: 1, file: "1_a.up.sql", line: 1, count: 1, run: "run-1", epoch: epoch,
      digest: SHA256.digest(of: statement), isDone: false, session: Int64(orphan.id),
      after: nil, before: ["table t": ""])
    try orphan.run(MySQLStepJournal(connection: orphan).intending(line))
    try await database.apply(order(1, after: nil, epoch: epoch))
    #expect(try fixture.ledger() == ["1,0"])
    #expect(throws: StepFailure.self) { try orphan.scalar("SELECT 1") }
  }

  @Test func `whatever changes the catalogue changes the stamp by which it is told`() throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    let connection = try fixture.other()
    let changes = [
      "CREATE TABLE t (a INT AUTO_INCREMENT PRIMARY KEY, b VARCHAR(10))",
      "ALTER TABLE t MODIFY b VARCHAR(20)", "ALTER TABLE t ALTER b SET DEFAULT 'x'",
      "ALTER TABLE t MODIFY b VARCHAR(20) NOT NULL DEFAULT 'x'", "CREATE INDEX i ON t (b)",
      "ALTER TABLE t ADD CONSTRAINT c CHECK (b <> '')", "ALTER TABLE t ROW_FORMAT=COMPACT",
      "CREATE TABLE u (a INT, FOREIGN KEY (a) REFERENCES t (a))",
      "CREATE VIEW v AS SELECT a FROM t", "CREATE OR REPLACE VIEW v AS SELECT b FROM t",
      "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.b = 'y'",
      "CREATE PROCEDURE p(a INT) SELECT a", "CREATE FUNCTION f(a INT) RETURNS INT NO SQL RETURN a",
      "DROP PROCEDURE p", "CREATE PROCEDURE p(a BIGINT) SELECT a",
      "CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO SELECT 1", "ALTER EVENT e DISABLE",
      "DROP TABLE u",
    ]
    var seen: Set<String> = []
    for change in changes {
      try connection.run(change)
      let stamp = try #require(try connection.schemaStamp(ledger: .standard))
      #expect(seen.insert(stamp.text).inserted, "\(change)")
      // Rows, and the counter for the next one, are no part of it.
      _ = try? connection.run("INSERT INTO t (b) VALUES ('r')")
      #expect(try connection.schemaStamp(ledger: .standard) == stamp, "\(change)")
    }
  }

  @Test func `drift by hand is told with what changed`() async throws {
    let fixture = try Fixture([
      "1_a.up.sql": "CREATE TABLE t (a INT, b ENUM('x','y') DEFAULT 'x', KEY k (a));"
    ])
    defer { fixture.remove() }
    let migrator = fixture.migrator()
    let request = MigrateRequest(
      directory: fixture.directory, phase: .contract, run: "migrate-1")
    _ = try await migrator.migrate(request) { _ in }
    #expect(try await migrator.schema().drift == nil)
    try fixture.other().run("ALTER TABLE t ADD COLUMN c BIGINT(20) NOT NULL DEFAULT 0")
    let drift = try #require(try await migrator.schema().drift)
    #expect(drift.differences.map(\.kind) == [.columnAdded])
    #expect(drift.sentences.first?.contains("t.c") == true)
    let failure = await #expect(throws: StepFailure.self) {
      try await migrator.migrate(request) { _ in }
    }
    #expect(failure?.code == "SchemaDrift")
    try await migrator.acceptDrift()
    #expect(try await migrator.schema().drift == nil)
  }
}
