import Synchronization
import Testing
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// Backfills on SQLite: batches with their mark, whatever cuts them off.
@Suite struct BackfillTests {
  private static let setUp = """
    CREATE TABLE flags (id INTEGER PRIMARY KEY, a INTEGER NOT NULL DEFAULT 0, b INTEGER);
    """
  private static let statement = "UPDATE flags SET a = a + 1 WHERE /* windlass: range */ TRUE;"

  private static func file(_ statement: String, _ fields: String = "key=id batch=10") -> String {
    "-- windlass: backfill table=flags \(fields)\n\(statement)"
  }

  /// A database with that many rows at version 1, and a backfill of that text as version 2.
  private static func world(
    rows: Int, _ setUp: String = setUp, _ backfill: String = file(statement)
  ) async throws -> (world: ServiceWorld, epoch: Epoch) {
    let world = try ServiceWorld()
    try world.write(["1_flags.up.sql": setUp, "2_fill.up.sql": backfill])
    let epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    guard rows > 0 else { return (world, epoch) }
    try world.run(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows))
      INSERT INTO flags (id) SELECT i * 3 FROM n;
      """)
    return (world, epoch)
  }

  private static func order(
    _ world: ServiceWorld, _ epoch: Epoch, run: RunID = "run"
  ) -> MigrationOrder {
    MigrationOrder(
      run: run, migration: Migration(version: 2, phase: .backfill), archive: ServiceWorld.archive,
      after: 1, epoch: epoch)
  }

  /// Applies one batch after the other, each as an attempt of its own on a new connection.
  private static func applyOneByOne(
    _ world: ServiceWorld, _ epoch: Epoch, limit: Int = 10_000
  ) async throws -> Int {
    for attempt in 1...limit {
      let progress = try await world.anotherDatabase().apply(order(world, epoch)) {
        $0.rowsWalked == 0
      }
      if progress == nil { return attempt }
    }
    throw TestFailure("no end after \(limit) attempts")
  }

  @Test func `every row is changed once, and the ledger moves when all are`() async throws {
    let (world, epoch) = try await Self.world(rows: 1_000)
    let first = try await world.database.apply(Self.order(world, epoch)) { $0.rowsWalked == 0 }
    #expect(first?.rowsWalked == 10)
    #expect(first?.rowsEstimated == 1_000)
    let reading = try await world.database.inspect()
    #expect(reading.version == 1)
    #expect(!reading.isDirty)
    #expect(reading.backfill == BegunBackfill(run: "run", progress: try #require(first)))
    #expect(try await world.database.apply(Self.order(world, epoch)) { _ in true } == nil)
    #expect(try world.lines("SELECT a, count(*) FROM flags GROUP BY a") == ["1|1000"])
    let after = try await world.database.inspect()
    #expect(after.version == 2)
    #expect(after.backfill == nil)
    #expect(after.applied.map(\.version) == [1, 2])
    #expect(try await SQLiteMigrator(world.options, now: world.clock.now).schema().drift == nil)
  }

  @Test func `applying it again does nothing`() async throws {
    let (world, epoch) = try await Self.world(rows: 20)
    try await world.database.apply(Self.order(world, epoch))
    try await world.database.apply(Self.order(world, epoch))
    #expect(try world.lines("SELECT DISTINCT a FROM flags") == ["1"])
  }

  @Test func `attempts that end after each batch change every row once`() async throws {
    let (world, epoch) = try await Self.world(rows: 95)
    let attempts = try await Self.applyOneByOne(world, epoch)
    #expect(attempts > 2)
    #expect(try world.lines("SELECT a, count(*) FROM flags GROUP BY a") == ["1|95"])
  }

  @Test func `rows that servers write meanwhile are met or left to what stands for them`()
    async throws
  {
    let (world, epoch) = try await Self.world(rows: 40)
    _ = try await world.database.apply(Self.order(world, epoch)) { $0.rowsWalked == 0 }
    // Behind the cursor, ahead of it, above the end; one row is gone, one changed.
    try world.run(
      """
      INSERT INTO flags (id) VALUES (1), (100), (1000);
      DELETE FROM flags WHERE id = 90;
      UPDATE flags SET b = 7 WHERE id = 93;
      """)
    try await world.database.apply(Self.order(world, epoch))
    #expect(
      try world.lines(
        "SELECT id, a, coalesce(b, '-') FROM flags WHERE id IN (1, 90, 93, 100, 1000) ORDER BY id")
        == ["1|0|-", "93|1|7", "100|1|-", "1000|0|-"])
    #expect(try world.lines("SELECT max(a) FROM flags") == ["1"])
  }

  @Test func `the last row of the walk may go while it walks`() async throws {
    let (world, epoch) = try await Self.world(rows: 40)
    _ = try await world.database.apply(Self.order(world, epoch)) { $0.rowsWalked == 0 }
    try world.run("DELETE FROM flags WHERE id > 100")
    try await world.database.apply(Self.order(world, epoch))
    #expect(try world.lines("SELECT a, count(*) FROM flags GROUP BY a") == ["1|33"])
  }

  @Test func `a fence that is lost in the middle ends it, and the next daemon goes on`()
    async throws
  {
    let (world, epoch) = try await Self.world(rows: 60)
    _ = try await world.database.apply(Self.order(world, epoch)) { $0.rowsWalked == 0 }
    let next = try await world.anotherDatabase().takeFence(after: epoch, run: "run")
    let before = try world.lines("SELECT sum(a) FROM flags")
    await #expect {
      try await world.database.apply(Self.order(world, epoch))
    } throws: { ($0 as? StepFailure)?.code == "FenceLost" }
    #expect(try world.lines("SELECT sum(a) FROM flags") == before)
    try await world.database.apply(Self.order(world, next))
    #expect(try world.lines("SELECT a, count(*) FROM flags GROUP BY a") == ["1|60"])
  }

  @Test func `two at once change every row once`() async throws {
    let (world, epoch) = try await Self.world(rows: 600)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<2 {
        group.addTask { try await world.anotherDatabase().apply(Self.order(world, epoch)) }
      }
      try await group.waitForAll()
    }
    #expect(try world.lines("SELECT a, count(*) FROM flags GROUP BY a") == ["1|600"])
    #expect(try await world.database.inspect().applied.map(\.version) == [1, 2])
  }

  @Test func `another run goes on where one that was given up had come`() async throws {
    let (world, epoch) = try await Self.world(rows: 30)
    _ = try await world.database.apply(Self.order(world, epoch)) { $0.rowsWalked == 0 }
    try await world.database.apply(Self.order(world, epoch, run: "run-2"))
    #expect(try world.lines("SELECT a, count(*) FROM flags GROUP BY a") == ["1|30"])
    #expect(try await world.database.inspect().applied.last?.run == "run-2")
  }

  @Test func `a statement that fails leaves the batches before it, and the mended rows go on`()
    async throws
  {
    let text = "UPDATE flags SET a = a + 1 / (b IS NULL) WHERE /* windlass: range */ TRUE;"
    let constrained = Self.setUp.replacing("b INTEGER", with: "b INTEGER, CHECK (a < 9)")
    let (world, epoch) = try await Self.world(rows: 30, constrained, Self.file(text))
    try world.run("UPDATE flags SET a = 8 WHERE id = 45")
    let first = try await world.database.apply(Self.order(world, epoch)) { _ in true }
    #expect(first?.rowsWalked == 10)
    await #expect {
      try await world.database.apply(Self.order(world, epoch))
    } throws: { error in
      guard let failure = error as? StepFailure else { return false }
      return failure.code == "ConstraintViolated" && failure.message.contains("2_fill.up.sql")
        && failure.message.contains("after 10 row(s) that stay done")
        && failure.message.contains("Line 2")
    }
    try world.run("UPDATE flags SET a = 0 WHERE id = 45")
    try await world.database.apply(Self.order(world, epoch))
    #expect(try world.lines("SELECT a, count(*) FROM flags GROUP BY a") == ["1|30"])
  }

  @Test func `text keys are walked in the order in which they are unique`() async throws {
    let setUp = """
      CREATE TABLE flags (key TEXT NOT NULL COLLATE NOCASE, a INTEGER NOT NULL DEFAULT 0);
      CREATE UNIQUE INDEX flags_key ON flags (key COLLATE BINARY);
      """
    let text = "UPDATE flags AS f SET a = a + 1 WHERE /* windlass: range f.key */ TRUE;"
    let (world, epoch) = try await Self.world(
      rows: 0, setUp, Self.file(text, "key=key batch=1"))
    try world.run(
      "INSERT INTO flags (key) VALUES ('a'), ('A'), ('b'), ('B'), ('it''s'), ('é'), ('')")
    _ = try await Self.applyOneByOne(world, epoch)
    #expect(try world.lines("SELECT a, count(*) FROM flags GROUP BY a") == ["1|7"])
  }

  @Test(arguments: [
    ("CREATE TABLE x (id INTEGER)", "no such table"),
    ("CREATE TABLE flags (a INTEGER)", "no such column"),
    ("CREATE TABLE flags (id TEXT PRIMARY KEY, a INTEGER)", "may hold null"),
    ("CREATE TABLE flags (id INTEGER NOT NULL, a INTEGER)", "not unique"),
    ("CREATE TABLE flags (id INTEGER, a INTEGER, PRIMARY KEY (id, a))", "may hold null"),
    (
      "CREATE TABLE flags (id INTEGER, a INTEGER, PRIMARY KEY (id, a)) WITHOUT ROWID", "not unique"
    ),
    (
      """
      CREATE TABLE flags (id INTEGER NOT NULL, a INTEGER);
      CREATE UNIQUE INDEX part ON flags (id) WHERE a > 0
      """, "not unique"
    ),
    ("CREATE VIEW flags AS SELECT 1 AS id, 2 AS a", "is a view"),
  ])
  func `a table that can't be walked by the key is refused and nothing changes`(
    setUp: String, part: String
  ) async throws {
    let (world, epoch) = try await Self.world(rows: 0, setUp)
    await #expect {
      try await world.database.apply(Self.order(world, epoch))
    } throws: { error in
      guard let failure = error as? StepFailure else { return false }
      return failure.code == "BackfillImpossible" && failure.message.contains(part)
    }
    #expect(try await world.database.inspect().version == 1)
  }

  @Test(arguments: [
    "CREATE TABLE flags (id TEXT NOT NULL PRIMARY KEY, a INTEGER DEFAULT 0)",
    "CREATE TABLE flags (id TEXT PRIMARY KEY, a INTEGER DEFAULT 0) WITHOUT ROWID",
    "CREATE TABLE flags (id NUMERIC NOT NULL UNIQUE, a INTEGER DEFAULT 0)",
    "CREATE TABLE flags (\"ID\" INTEGER PRIMARY KEY, a INTEGER DEFAULT 0)",
  ])
  func `any column that is unique and never null is a key`(setUp: String) async throws {
    let (world, epoch) = try await Self.world(rows: 25, setUp)
    _ = try await Self.applyOneByOne(world, epoch)
    #expect(try world.lines("SELECT a, count(*) FROM flags GROUP BY a") == ["1|25"])
  }

  @Test func `a batch that would hold the lock for too long is made smaller`() async throws {
    // Each row costs about as much as a hundred thousand steps, a small part of the budget.
    let text = """
      UPDATE flags SET a = a + (
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        SELECT count(*) > 0 FROM n WHERE i + flags.id > 0)
      WHERE /* windlass: range */ TRUE;
      """
    let (world, epoch) = try await Self.world(
      rows: 1_500, Self.setUp, Self.file(text, "key=id batch=1500"))
    let database = world.anotherDatabase { $0.holdBudget = .seconds(1) }
    try await database.apply(Self.order(world, epoch))
    #expect(try world.lines("SELECT a, count(*) FROM flags GROUP BY a") == ["1|1500"])
  }

  @Test func `the command line runs it in batches, in order with the files around it`()
    async throws
  {
    let (world, _) = try await Self.world(rows: 55)
    try world.write(["3_more.up.sql": "ALTER TABLE flags ADD COLUMN c INTEGER;"])
    let migrator = SQLiteMigrator(world.options, now: world.clock.now)
    let request = MigrateRequest(directory: world.directory.file("migrations"), run: "by-hand")
    let forecast = try await migrator.forecast(request)
    #expect(forecast.pending.map(\.backfill?.table) == ["flags", nil])
    #expect(forecast.pending[0].rowsEstimated == 55)
    let told = Mutex<[MigrateProgress]>([])
    let outcome = try await migrator.migrate(request) { progress in
      told.withLock { $0.append(progress) }
    }
    #expect(outcome.applied.map(\.version) == [2, 3])
    let walked = told.withLock { told in
      told.compactMap { if case .backfill(let progress) = $0 { progress.rowsWalked } else { nil } }
    }
    #expect(walked == walked.sorted())
    #expect(walked.last == 55)
    #expect(try world.lines("SELECT a, count(*) FROM flags GROUP BY a") == ["1|55"])
    let report = try await migrator.schema()
    #expect(report.version == 3)
    #expect(report.drift == nil)
  }

  @Test func `a cursor does not outlive a migration below it that is applied anew`() async throws {
    let (world, epoch) = try await Self.world(rows: 30)
    _ = try await world.database.apply(Self.order(world, epoch)) { $0.rowsWalked == 0 }
    // A person took the first migration back by another tool, and said so.
    try world.run("DELETE FROM schema_migrations; DROP TABLE flags")
    let migrator = SQLiteMigrator(world.options, now: world.clock.now)
    try await migrator.acceptDrift()
    #expect(try await world.database.inspect().backfill == nil)
    #expect(try world.lines("SELECT count(*) FROM windlass_backfill") == ["0"])
  }

  @Test func `a rehearsal measures each batch, and forecasts the whole`() async throws {
    let (world, _) = try await Self.world(rows: 400)
    let backups = world.backups()
    _ = try await backups.backUp("b", run: "run", purpose: .beforeExpand)
    let scratch = world.scratch { $0.backfillShare = 25 }
    let copy = try await scratch.restore("b", label: "copy")
    let observation = try await scratch.migrate(
      copy, Migration(version: 2, phase: .backfill), from: ServiceWorld.archive)
    let forecast = try #require(observation.backfill)
    #expect(forecast.progress?.rowsWalked == 400)
    #expect(observation.held == forecast.longest)
    #expect(forecast.longest <= forecast.worked)
    #expect(forecast.expected.milliseconds == forecast.worked.milliseconds * 4)
    #expect(try await world.database.inspect().version == 1)
  }
}
