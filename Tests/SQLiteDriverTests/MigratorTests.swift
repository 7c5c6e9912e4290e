import Glibc
import Testing
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// The migration engine by itself: what one command leaves, whole or cut off.
@Suite struct MigratorTests {
  private static let files = [
    "1_flags.up.sql": "CREATE TABLE flags (id INTEGER PRIMARY KEY);",
    "2_names.up.sql": "ALTER TABLE flags ADD COLUMN name TEXT;",
    "3_rules.up.sql": "CREATE TABLE rules (id INTEGER PRIMARY KEY, flag INTEGER);",
  ]

  private static func migrate(
    _ world: ServiceWorld
  ) async throws(StepFailure) -> MigrateOutcome {
    let migrator = SQLiteMigrator(world.options, now: world.clock.now)
    return try await migrator.migrate(
      MigrateRequest(
        directory: world.directory.file("migrations"), run: "by-hand", createsDatabase: true)
    ) { _ in }
  }

  private static func report(_ world: ServiceWorld) async throws -> SchemaReport {
    try await SQLiteMigrator(world.options, now: world.clock.now).schema()
  }

  @Test func `a fresh database gets everything in one transaction`() async throws {
    let world = try ServiceWorld()
    try world.write(Self.files)
    let outcome = try await Self.migrate(world)
    #expect(outcome.applied.map(\.version) == [1, 2, 3])
    let report = try await Self.report(world)
    #expect(report.version == 3)
    #expect(!report.isDirty)
    #expect(report.history == outcome.applied)
    #expect(report.drift == nil)
    let ledger = try SQLiteConnection(SQLiteOptions(path: world.path, access: .readOnly))
    #expect(
      try ledger.rows("SELECT version, dirty FROM schema_migrations").map(\.values)
        == [[.integer(3), .integer(0)]])
  }

  @Test(arguments: [
    "INSERT INTO schema_migrations (version, dirty) VALUES (3, 0)",
    "CREATE TRIGGER t AFTER INSERT ON flags BEGIN DELETE FROM windlass_migration_log; END;"
      + "INSERT INTO flags (name) VALUES ('a')",
  ])
  func `no body of a fresh database writes what stands behind the last one`(
    body: String
  ) async throws {
    let world = try ServiceWorld()
    try world.write(Self.files.merging(["4_own.up.sql": body]) { $1 })
    await #expect(throws: StepFailure.self) { try await Self.migrate(world) }
    #expect(try await Self.report(world).version == nil)
  }

  @Test func `a body of a fresh database finds the ledger of the first one`() async throws {
    let world = try ServiceWorld()
    let view =
      "CREATE VIEW applied AS SELECT version FROM schema_migrations;"
      + "CREATE TABLE seen AS SELECT count(*) AS ledgers FROM schema_migrations;"
    try world.write(Self.files.merging(["4_view.up.sql": view]) { $1 })
    #expect(try await Self.migrate(world).applied.count == 4)
    let service = try SQLiteConnection(SQLiteOptions(path: world.path, access: .readOnly))
    #expect(try service.scalar("SELECT version FROM applied") == .integer(4))
    #expect(try service.scalar("SELECT ledgers FROM seen") == .integer(0))
  }

  @Test func `a file that fails leaves a fresh database as it was`() async throws {
    let world = try ServiceWorld()
    try world.write(Self.files.merging(["3_rules.up.sql": "CREATE TABLE flags (x);"]) { $1 })
    await #expect { try await Self.migrate(world) } throws: { error in
      (error as? StepFailure)?.message.contains("3_rules.up.sql was rolled back") == true
    }
    let report = try await Self.report(world)
    #expect(report.version == nil)
    #expect(report.history.isEmpty)
    // The mended file finds nothing in its way.
    try world.write(Self.files)
    #expect(try await Self.migrate(world).applied.count == 3)
  }

  @Test func `on a database in use what came before the failing file stays`() async throws {
    let world = try ServiceWorld()
    try world.write(["1_flags.up.sql": "CREATE TABLE flags (id INTEGER PRIMARY KEY);"])
    _ = try await Self.migrate(world)
    try world.write(Self.files.merging(["3_rules.up.sql": "CREATE TABLE flags (x);"]) { $1 })
    await #expect(throws: StepFailure.self) { try await Self.migrate(world) }
    let report = try await Self.report(world)
    #expect(report.version == 2)
    #expect(report.history.map(\.version) == [1, 2])
    #expect(report.drift == nil)
    try SQLiteConnection(SQLiteOptions(path: world.path, access: .readWrite))
      .execute("CREATE TABLE strange (x)")
    #expect(try await Self.report(world).drift != nil)
  }

  @Test func `a series leaves a rollback journal's mode and no file behind`() async throws {
    let world = try ServiceWorld()
    let service = try SQLiteConnection(SQLiteOptions(path: world.path, access: .create))
    try service.execute("PRAGMA journal_mode=delete")
    try service.execute("CREATE TABLE service (id INTEGER)")
    try world.write(Self.files)
    #expect(try await Self.migrate(world).applied.count == 3)
    #expect(access(world.path + "-journal", F_OK) != 0)
    #expect(try service.scalar("PRAGMA journal_mode") == .text("delete"))
    #expect(try await Self.report(world).drift == nil)
  }

  @Test func `a series leaves a write-ahead log as it is`() async throws {
    let world = try ServiceWorld()
    let service = try SQLiteConnection(SQLiteOptions(path: world.path, access: .create))
    try service.execute("PRAGMA journal_mode=wal")
    try service.execute("CREATE TABLE service (id INTEGER)")
    try world.write(Self.files)
    #expect(try await Self.migrate(world).applied.count == 3)
    #expect(try service.scalar("PRAGMA journal_mode") == .text("wal"))
  }

  @Test(arguments: [
    "ALTER TABLE flags ADD COLUMN more", "CREATE VIEW seen AS SELECT id FROM flags",
    "CREATE INDEX by_name ON flags (name)", "DROP TABLE rules",
    "CREATE TRIGGER t AFTER DELETE ON flags BEGIN SELECT 1; END",
  ])
  func `each change of the schema is drift, and rows are none`(change: String) async throws {
    let world = try ServiceWorld()
    try world.write(Self.files)
    _ = try await Self.migrate(world)
    let service = try SQLiteConnection(SQLiteOptions(path: world.path, access: .readWrite))
    try service.execute("INSERT INTO flags (name) VALUES ('a')")
    #expect(try await Self.report(world).drift == nil)
    try service.execute(change)
    #expect(try await Self.report(world).drift?.differences.isEmpty == false)
  }

  @Test func `a record under another fingerprint is compared by its catalogue`() async throws {
    let world = try ServiceWorld()
    try world.write(Self.files)
    _ = try await Self.migrate(world)
    let service = try SQLiteConnection(SQLiteOptions(path: world.path, access: .readWrite))
    try service.execute("UPDATE windlass_catalogue SET fingerprint = 'of another kind'")
    #expect(try await Self.report(world).drift == nil)
    try service.execute("CREATE TABLE strange (x)")
    #expect(try await Self.report(world).drift != nil)
  }
}
