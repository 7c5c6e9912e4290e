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
    #expect(report.history.map(\.version) == [1, 2, 3])
    #expect(report.drift == nil)
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
}
