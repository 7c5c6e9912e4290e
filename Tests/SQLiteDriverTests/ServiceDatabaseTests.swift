import Testing
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// The steps of a run on a real database.
struct ServiceDatabaseTests {
  private let world: ServiceWorld

  init() throws { world = try ServiceWorld() }

  // MARK: First contact and the fence

  @Test func `a database that does not exist has nothing applied`() async throws {
    let reading = try await world.database.inspect()
    #expect(reading.version == nil)
    #expect(!reading.hasTables)
    #expect(reading.epoch == nil)
    #expect(reading.systemID == "")
    #expect(world.directory.names(in: "") == ["migrations"])
  }

  @Test func `a fence that was there before does not make a new database`() async throws {
    let failed = await failure {
      _ = try await world.database.takeFence(after: Epoch(4), run: "one")
    }
    #expect(failed?.code == "DatabaseMissing")
  }

  // MARK: The ledger

  @Test func `the ledger is golang-migrate's to the letter`() async throws {
    try world.write([
      "0_initial.up.sql": "CREATE TABLE flags (key TEXT PRIMARY KEY)",
      "2_name.up.sql": "ALTER TABLE flags ADD COLUMN name TEXT",
      "5_off.down.sql": "DROP TABLE flags", "12_end.up.sql": "",
    ])
    let epoch = try await world.adopt()
    var after: SchemaVersion? = nil
    for version: SchemaVersion in [0, 2, 5, 12] {
      try await world.apply(version, after: after, epoch: epoch)
      #expect(try world.lines("SELECT * FROM schema_migrations") == ["\(version)|0"])
      #expect(try await world.database.inspect().version == version)
      after = version
    }
    #expect(
      try world.lines(
        "SELECT sql FROM sqlite_schema WHERE tbl_name = 'schema_migrations' ORDER BY type DESC")
        == [
          "CREATE TABLE schema_migrations (version uint64,dirty bool)",
          "CREATE UNIQUE INDEX version_unique ON schema_migrations (version)",
        ])
    #expect(
      try world.lines("SELECT typeof(version), typeof(dirty) FROM schema_migrations")
        == ["integer|integer"])
    #expect(try world.lines("SELECT name FROM pragma_table_info('flags')") == ["key", "name"])
    let reading = try await world.database.inspect()
    #expect(reading.applied.map(\.version) == [0, 2, 5, 12])
    #expect(reading.applied[2].checksum == SHA256.digest(of: ""))
    #expect(reading.hasTables)
  }

  @Test func `history tells file, checksum, phase, run and times`() async throws {
    try world.write(["1_a.up.sql": "CREATE TABLE a (b)"])
    let epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    let checksum = SHA256.digest(of: "CREATE TABLE a (b)")
    #expect(
      try world.lines(
        """
        SELECT version, file, checksum, phase, run, duration_ms >= 0, applied_at >= 1000
        FROM windlass_migration_log
        """) == ["1|1_a.up.sql|\(checksum)|expand|run|1|1"])
  }

  @Test func `applying again for the same run does nothing`() async throws {
    try world.write(["1_a.up.sql": "CREATE TABLE a (b)"])
    let epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    try await world.apply(1, after: nil, epoch: epoch)
    let other = await failure { try await world.apply(1, after: nil, epoch: epoch, run: "other") }
    #expect(other?.code == "LedgerMoved")
    try world.write(["1_a.up.sql": "CREATE TABLE a (c)"])
    let changed = await failure { try await world.apply(1, after: nil, epoch: epoch) }
    #expect(changed?.code == "ChangedFile")
    #expect(try await world.database.inspect().applied.count == 1)
  }

  @Test func `nothing is applied from a directory whose applied files changed`() async throws {
    try world.write(["1_a.up.sql": "CREATE TABLE a (b)", "3_b.up.sql": "CREATE TABLE c (d)"])
    let epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    try world.write(["1_a.up.sql": "CREATE TABLE a (c)"])
    let changed = await failure { try await world.apply(3, after: 1, epoch: epoch) }
    #expect(changed?.code == "ChangedFile")
    try world.write(["1_a.up.sql": "CREATE TABLE a (b)"])
    try await world.apply(3, after: 1, epoch: epoch)
    try world.write(["2_late.up.sql": "CREATE TABLE e (f)", "4_d.up.sql": "CREATE TABLE g (h)"])
    let late = await failure { try await world.apply(4, after: 3, epoch: epoch) }
    #expect(late?.code == "LateFile")
    #expect(try await world.database.inspect().version == 3)
  }

  @Test func `a statement that fails leaves neither schema nor ledger changed`() async throws {
    try world.write([
      "1_a.up.sql": "CREATE TABLE a (b)",
      "2_bad.up.sql":
        "CREATE TABLE c (d);\nINSERT INTO a VALUES (1);\nINSERT INTO gone VALUES (1);",
    ])
    let epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    let failed = await failure { try await world.apply(2, after: 1, epoch: epoch) }
    #expect(failed?.code == "StatementFailed")
    #expect(failed?.message.contains("2_bad.up.sql") == true)
    #expect(failed?.message.contains("Line 3") == true)
    #expect(try world.lines("SELECT * FROM schema_migrations") == ["1|0"])
    #expect(try world.lines("SELECT count(*) FROM a") == ["0"])
    #expect(try world.lines("SELECT name FROM sqlite_schema WHERE name = 'c'") == [])
  }

  @Test func `triggers on the ledger run with it`() async throws {
    try world.write(["1_a.up.sql": "CREATE TABLE a (b)", "2_b.up.sql": "CREATE TABLE c (d)"])
    let epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    try world.run(
      """
      CREATE TABLE audit (version);
      CREATE TRIGGER audit AFTER INSERT ON schema_migrations
        BEGIN INSERT INTO audit VALUES (new.version); END;
      """)
    try await world.apply(2, after: 1, epoch: epoch)
    #expect(try world.lines("SELECT * FROM audit") == ["2"])
  }

  // MARK: What a body may not do

  @Test(arguments: [
    "COMMIT;", "CREATE TABLE x (y); COMMIT; CREATE TABLE z (y);", "ATTACH 'other.db' AS o;",
    "PRAGMA foreign_keys=off;", ".read other.sql", "UPDATE windlass_fence SET epoch = 9;",
  ])
  func `a body that leaves its transaction is refused before it runs`(text: String) async throws {
    try world.write(["1_a.up.sql": text])
    let epoch = try await world.adopt()
    let failed = await failure { try await world.apply(1, after: nil, epoch: epoch) }
    #expect(failed?.code == "MigrationRefused")
    #expect(failed?.message.hasPrefix("1_a.up.sql:1: ") == true)
    #expect(try await world.database.inspect().version == nil)
  }

  @Test(arguments: [
    "COMMIT", "ROLLBACK", "SAVEPOINT a", "RELEASE a", "BEGIN", "ATTACH ':memory:' AS o",
    "DETACH main", "PRAGMA foreign_keys=off", "PRAGMA journal_mode=delete",
    "PRAGMA writable_schema=1", "UPDATE windlass_fence SET epoch = 9",
    "DELETE FROM schema_migrations", "DROP TABLE windlass_migration_log",
    "ALTER TABLE windlass_run ADD COLUMN x", "CREATE TABLE windlass_x (y)", "VACUUM",
  ])
  func `SQLite itself refuses the same where a text deceives the classifier`(
    statement: String
  ) async throws {
    try world.write(["1_a.up.sql": "CREATE TABLE a (b)"])
    let epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    let connection = try SQLiteConnection.opened(world.path)
    let failed = await failure {
      _ = try connection.transaction(TransactionLimits()) { connection throws(StepFailure) in
        try StatementGuard.guarding(connection, ledger: .standard) { () throws(StepFailure) in
          try connection.run(script: "CREATE TABLE c (d); \(statement); CREATE TABLE e (f)")
        }
      }
    }
    #expect(failed != nil)
    #expect(try world.lines("SELECT name FROM sqlite_schema WHERE name IN ('c', 'e')") == [])
    #expect(try world.lines("SELECT epoch FROM windlass_fence") == ["\(epoch)"])
  }

  @Test func `a trigger that rolls back can't leave half a migration`() async throws {
    try world.write([
      "1_a.up.sql": """
      CREATE TABLE a (b);
      CREATE TRIGGER t BEFORE INSERT ON a BEGIN SELECT RAISE(ROLLBACK, 'no'); END;
      """,
      "2_b.up.sql": "CREATE TABLE c (d); INSERT INTO a VALUES (1); CREATE TABLE e (f);",
      "3_c.up.sql": "CREATE TABLE c (d); INSERT OR ROLLBACK INTO windows VALUES (1);",
    ])
    let epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    #expect(await failure { try await world.apply(2, after: 1, epoch: epoch) } != nil)
    #expect(try world.lines("SELECT name FROM sqlite_schema WHERE name IN ('c', 'e')") == [])
    #expect(try world.lines("SELECT * FROM schema_migrations") == ["1|0"])
  }

  @Test func `the manifest's phase must agree with the file's`() async throws {
    try world.write(["1_a.up.sql": "-- windlass: contract\nCREATE TABLE a (b)"])
    let epoch = try await world.adopt()
    let failed = await failure { try await world.apply(1, after: nil, epoch: epoch) }
    #expect(failed?.code == "MigrationPhaseConflict")
  }

  @Test func `rebuilding a parent table keeps the rows of its children`() async throws {
    try world.write(RebuildStory.files)
    let epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    try world.run(RebuildStory.rows)
    try await world.apply(2, after: 1, epoch: epoch)
    #expect(try world.lines("SELECT count(*) FROM child") == ["2"])
    #expect(try world.lines("PRAGMA foreign_key_check") == [])
  }

  @Test func `two writers apply each migration once`() async throws {
    var files: [String: String] = [:]
    for number in 1...20 {
      files["\(number)_x.up.sql"] = "CREATE TABLE t\(number) (a); INSERT INTO t\(number) VALUES (1)"
    }
    try world.write(files)
    let epoch = try await world.adopt()
    let (first, second) = (world.database, world.anotherDatabase())
    for number in UInt64(1)...20 {
      let order = world.order(
        SchemaVersion(number), after: number == 1 ? nil : SchemaVersion(number - 1), epoch: epoch)
      async let one: Void = first.apply(order)
      async let two: Void = second.apply(order)
      _ = try await (one, two)
      #expect(try world.lines("SELECT count(*) FROM t\(number)") == ["1"])
    }
    #expect(try await first.inspect().applied.count == 20)
  }

  @Test func `a migration waits while a server holds the write lock`() async throws {
    try world.write(["1_a.up.sql": "CREATE TABLE a (b)"])
    let epoch = try await world.adopt()
    let server = try SQLiteConnection.opened(world.path)
    try server.execute("BEGIN IMMEDIATE")
    let impatient = world.anotherDatabase { $0.lockDeadline = .milliseconds(50) }
    let order = world.order(1, after: nil, epoch: epoch)
    let failed = await failure { try await impatient.apply(order) }
    #expect(failed?.code == "LockNotObtained")
    async let applied: Void = world.database.apply(order)
    try server.execute("COMMIT")
    try await applied
    #expect(try await world.database.inspect().version == 1)
  }
}
