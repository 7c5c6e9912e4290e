import Testing
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// What stops a plan before anything is changed.
struct PreflightTests {
  private let world: ServiceWorld
  private let epoch: Epoch

  init() async throws {
    world = try ServiceWorld()
    try world.write([
      "1_a.up.sql": "CREATE TABLE a (b)", "2_b.up.sql": "ALTER TABLE a ADD COLUMN c",
      "3_c.up.sql": "ALTER TABLE a ADD COLUMN d",
    ])
    epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    try await world.apply(2, after: 1, epoch: epoch)
  }

  private func code(
    _ versions: [SchemaVersion] = [3], before: SchemaVersion? = 2,
    of database: SQLiteServiceDatabase? = nil
  ) async throws -> String? {
    let plan = try world.plan(versions, before: before)
    return await failure { try await (database ?? world.database).preflight(plan) }?.code
  }

  @Test func `a sound database passes`() async throws {
    #expect(try await code() == nil)
    #expect(try await world.database.inspect().version == 2)
  }

  @Test func `a missing database is told`() async throws {
    let other = world.anotherDatabase { $0.path = world.directory.file("other.db") }
    #expect(try await code(of: other) == "DatabaseMissing")
    #expect(!world.directory.names(in: "").contains("other.db"))
  }

  @Test func `a file that is no database is told`() async throws {
    let other = world.anotherDatabase { $0.path = world.directory.file("text.db") }
    try world.directory.write(String(repeating: "text ", count: 500), to: "text.db")
    #expect(try await code(of: other) == "NotADatabase")
  }

  @Test func `a ledger that moved since the plan is told`() async throws {
    #expect(try await code([2, 3], before: 1) == "LedgerMoved")
  }

  @Test func `an applied file that changed is told`() async throws {
    try world.write(["1_a.up.sql": "CREATE TABLE a (b) -- edited"])
    #expect(try await code() == "ChangedFile")
  }

  @Test func `an applied file that is gone is told`() async throws {
    FileStream.remove(world.directory.file("migrations/1_a.up.sql"))
    #expect(try await code() == "MissingFile")
  }

  @Test func `a planned file that is missing is told`() async throws {
    #expect(try await code([3, 4]) == "MissingFile")
  }

  @Test func `a file that the manifest does not name is told`() async throws {
    try world.write(["4_d.up.sql": "CREATE TABLE d (e)"])
    #expect(try await code([4]) == "MigrationUnplanned")
    #expect(try await code([3]) == nil)
  }

  @Test func `a lower file that came late is told`() async throws {
    try world.write(["10_x.up.sql": "CREATE TABLE x (y)"])
    try await world.apply(10, after: 2, epoch: epoch)
    #expect(try await code([], before: 10) == "LateFile")
  }

  @Test func `a surplus of a later release is no fault`() async throws {
    try await world.apply(3, after: 2, epoch: epoch)
    FileStream.remove(world.directory.file("migrations/3_c.up.sql"))
    #expect(try await code([], before: 3) == nil)
  }

  @Test func `a body that leaves its transaction is told`() async throws {
    try world.write(["3_c.up.sql": "COMMIT;"])
    #expect(try await code() == "MigrationRefused")
  }

  @Test func `a file that only the other tool would run is told`() async throws {
    try world.write(["3_c.up.sql.bak": "DROP TABLE a"])
    #expect(try await code() == "MigrationFileUnexpected")
  }

  @Test func `a schema that was changed by hand is told with what changed`() async throws {
    try world.run("ALTER TABLE a ADD COLUMN by_hand TEXT")
    let plan = try world.plan([3], before: 2)
    let failed = await failure { try await world.database.preflight(plan) }
    #expect(failed?.code == "SchemaDrift")
    #expect(failed?.message.contains("Column a.by_hand is new (TEXT).") == true)
    try world.run("ALTER TABLE a DROP COLUMN by_hand; INSERT INTO a VALUES (1, 2)")
    #expect(try await code() == nil)
  }

  @Test func `a migration by another tool is told`() async throws {
    try world.run("UPDATE schema_migrations SET version = 3; ALTER TABLE a ADD COLUMN d")
    #expect(try await code([], before: 3) == "SchemaDrift")
  }

  @Test func `a rollback journal is told when a backup would take too long`() async throws {
    try world.run("PRAGMA journal_mode = delete")
    #expect(try await code() == nil)
    let strict = world.anotherDatabase { $0.holdBudget = .zero }
    try world.run(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
      INSERT INTO a (b) SELECT randomblob(2000) FROM n
      """)
    #expect(try await code(of: strict) == "RollbackJournal")
  }

  @Test func `an archive that is not unpacked yet stops nothing`() async throws {
    let database = SQLiteServiceDatabase(
      SQLiteServiceOptions(path: world.path), locate: { (_) throws(StepFailure) in nil },
      now: world.clock.now)
    #expect(try await code(of: database) == nil)
    let failed = await failure {
      try await database.apply(world.order(3, after: 2, epoch: epoch))
    }
    #expect(failed?.code == "MigrationsNotUnpacked")
    #expect(failed?.disposition == .retry)
  }
}
