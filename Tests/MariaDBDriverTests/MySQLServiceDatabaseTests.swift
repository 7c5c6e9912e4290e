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
    try locks.take(locks.ownName)
    try locks.take(locks.sharedName)
    let own = MySQLOwnSchema(connection: orphan, ledger: .standard)
    try own.createLedger()
    try own.writeLedger(1, isDirty: true)
    let statement = "CREATE TABLE t (a INT)"
    try MySQLStepJournal(connection: orphan).intend(
      MySQLStep(
        version: 1, position: 1, file: "1_a.up.sql", line: 1, count: 1, run: "run-1", epoch: epoch,
        digest: SHA256.digest(of: statement), isDone: false, session: Int64(orphan.id),
        after: nil, before: ["table t": ""]))
    try await database.apply(order(1, after: nil, epoch: epoch))
    #expect(try fixture.ledger() == ["1,0"])
    #expect(throws: StepFailure.self) { try orphan.scalar("SELECT 1") }
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
