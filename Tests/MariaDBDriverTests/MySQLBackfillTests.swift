import Synchronization
import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// Backfills on a real MariaDB: batches with their mark, whatever cuts them off.
struct MySQLBackfillTests {
  private static let statement = "UPDATE flags SET a = a + 1 WHERE /* windlass: range */ TRUE;"
  private static let table = "CREATE TABLE flags (id BIGINT PRIMARY KEY, a INT NOT NULL DEFAULT 0)"

  private static func file(
    _ statement: String = statement, _ fields: String = "key=id batch=20"
  ) -> String {
    "-- windlass: backfill table=flags \(fields)\n\(statement)"
  }

  private static func rows(_ value: String = "seq * 3", _ count: Int = 100) -> String {
    "INSERT INTO flags (id) SELECT \(value) FROM \(Fixture.numbers(to: count))"
  }

  private static func database(
    _ fixture: Fixture, checkpoint: @escaping @Sendable (String) -> Void = { _ in }
  ) -> MySQLServiceDatabase {
    let path = fixture.directory
    var options = fixture.options
    // A loaded machine's slowness is no failure here.
    options.holdBudget = .seconds(20)
    return MySQLServiceDatabase(
      options, locate: { (_) throws(StepFailure) in path }, now: fixture.now,
      checkpoint: checkpoint)
  }

  /// A database at version 1, and a backfill of that text as version 2.
  private static func world(
    _ table: String = table, _ rows: String = rows(), _ backfill: String = file()
  ) async throws -> (fixture: Fixture, epoch: Epoch) {
    let fixture = try Fixture(["1_flags.up.sql": table, "2_fill.up.sql": backfill])
    let database = database(fixture)
    let epoch = try await database.takeFence(after: nil, run: "run")
    try await database.apply(order(1, .expand, after: nil, epoch))
    try fixture.other().run(rows)
    return (fixture, epoch)
  }

  private static func order(
    _ version: SchemaVersion, _ phase: MigrationPhase, after: SchemaVersion?, _ epoch: Epoch
  ) -> MigrationOrder {
    MigrationOrder(
      run: "run", migration: Migration(version: version, phase: phase),
      archive: ArchiveReference(url: "", digest: "", size: 0), after: after, epoch: epoch)
  }

  private static func order(_ epoch: Epoch) -> MigrationOrder {
    order(2, .backfill, after: 1, epoch)
  }

  /// How many rows were changed how often.
  private static func counts(_ fixture: Fixture) throws -> [[SQLValue]] {
    try fixture.other().rows("SELECT a, COUNT(*) FROM flags GROUP BY a ORDER BY a").map(\.values)
  }

  @Test func `every row is changed once, and the ledger moves when all are`() async throws {
    let (fixture, epoch) = try await Self.world()
    defer { fixture.remove() }
    let database = Self.database(fixture)
    let first = try await database.apply(Self.order(epoch)) { $0.rowsWalked == 0 }
    #expect(first?.rowsWalked == 20)
    let reading = try await database.inspect()
    #expect(reading.version == 1 && !reading.isDirty && reading.interruptedRun == nil)
    #expect(reading.backfill?.progress == first)
    #expect(try await database.apply(Self.order(epoch)) { _ in true } == nil)
    try await database.apply(Self.order(epoch))
    #expect(try Self.counts(fixture) == [[.integer(1), .integer(100)]])
    #expect(try fixture.ledger() == ["2,0"])
    let after = try await database.inspect()
    #expect(after.backfill == nil && after.applied.map(\.version) == [1, 2])
    #expect(try await fixture.migrator().schema().drift == nil)
  }

  /// Each point of a batch, in several of them.
  static let points = [
    "begin", "before change", "after change", "before mark", "after mark", "before finish",
    "after finish", "end",
  ].flatMap { name in [1, 2, 4].map { "\(name) \($0)" } }

  @Test(arguments: points)
  func `a connection that is lost anywhere changes every row once`(point: String) async throws {
    let (fixture, epoch) = try await Self.world()
    defer { fixture.remove() }
    let counts = Mutex<[String: Int]>([:])
    let database = Self.database(fixture) { here in
      let count = counts.withLock { counts in
        counts[here, default: 0] += 1
        return counts[here, default: 0]
      }
      if "\(here) \(count)" == point { fixture.killOthers() }
    }
    try await database.apply(Self.order(epoch))
    #expect(try Self.counts(fixture) == [[.integer(1), .integer(100)]])
    #expect(try fixture.ledger() == ["2,0"])
    #expect(try fixture.other().scalar("SELECT COUNT(*) FROM windlass_backfill") == .integer(0))
  }

  @Test func `rows that servers write meanwhile are met or left to what stands for them`()
    async throws
  {
    let (fixture, epoch) = try await Self.world()
    defer { fixture.remove() }
    _ = try await Self.database(fixture).apply(Self.order(epoch)) { $0.rowsWalked == 0 }
    let other = try fixture.other()
    try other.run("INSERT INTO flags (id) VALUES (1), (200), (5000)")
    try other.run("DELETE FROM flags WHERE id IN (90, 300)")
    try await Self.database(fixture).apply(Self.order(epoch))
    #expect(
      try other.rows("SELECT id, a FROM flags WHERE id IN (1, 200, 5000) ORDER BY id")
        .map(\.values) == [
          [.integer(1), .integer(0)], [.integer(200), .integer(1)],
          [.integer(5000), .integer(0)],
        ])
    #expect(try other.scalar("SELECT MAX(a) FROM flags") == .integer(1))
  }

  @Test func `a fence that is lost in the middle ends it, and the next daemon goes on`()
    async throws
  {
    let (fixture, epoch) = try await Self.world()
    defer { fixture.remove() }
    _ = try await Self.database(fixture).apply(Self.order(epoch)) { $0.rowsWalked == 0 }
    let next = try await Self.database(fixture).takeFence(after: epoch, run: "run")
    let failure = await #expect(throws: StepFailure.self) {
      try await Self.database(fixture).apply(Self.order(epoch))
    }
    #expect(failure?.code == "FenceLost")
    #expect(
      try Self.counts(fixture) == [[.integer(0), .integer(80)], [.integer(1), .integer(20)]])
    try await Self.database(fixture).apply(Self.order(next))
    #expect(try Self.counts(fixture) == [[.integer(1), .integer(100)]])
  }

  @Test func `two at once change every row once`() async throws {
    let (fixture, epoch) = try await Self.world()
    defer { fixture.remove() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<2 {
        group.addTask { try await Self.database(fixture).apply(Self.order(epoch)) }
      }
      try await group.waitForAll()
    }
    #expect(try Self.counts(fixture) == [[.integer(1), .integer(100)]])
    #expect(try await Self.database(fixture).inspect().applied.map(\.version) == [1, 2])
  }

  @Test(arguments: [
    (
      "CREATE TABLE flags (id BIGINT UNSIGNED PRIMARY KEY, a INT DEFAULT 0)",
      "18446744073709551600 - seq"
    ),
    ("CREATE TABLE flags (id TINYINT NOT NULL UNIQUE, a INT DEFAULT 0)", "seq % 128"),
    (
      "CREATE TABLE flags (id VARCHAR(40) COLLATE utf8mb4_unicode_ci PRIMARY KEY, a INT DEFAULT 0)"
        + " DEFAULT CHARSET=utf8mb4", "CONCAT('Ä''\\\\', seq)"
    ),
    (
      "CREATE TABLE flags (id CHAR(12) PRIMARY KEY, a INT DEFAULT 0) DEFAULT CHARSET=latin1",
      "CONCAT('ä', seq)"
    ),
  ])
  func `any column that is unique and never null is a key`(
    table: String, value: String
  ) async throws {
    let (fixture, epoch) = try await Self.world(
      table, Self.rows(value, 60),
      Self.file(
        "UPDATE flags AS f SET a = a + 1 WHERE /* windlass: range f.id */ TRUE",
        "key=id batch=7"))
    defer { fixture.remove() }
    try await Self.database(fixture).apply(Self.order(epoch))
    #expect(try Self.counts(fixture) == [[.integer(1), .integer(60)]])
  }

  @Test(arguments: [
    ("CREATE TABLE x (id INT)", "no such table"), ("CREATE TABLE flags (a INT)", "no such column"),
    ("CREATE TABLE flags (id INT UNIQUE, a INT)", "may hold null"),
    ("CREATE TABLE flags (id INT NOT NULL, a INT)", "not unique"),
    ("CREATE TABLE flags (id INT, a INT, PRIMARY KEY (id, a))", "not unique"),
    ("CREATE TABLE flags (id VARBINARY(16) PRIMARY KEY, a INT)", "of type varbinary"),
    ("CREATE TABLE flags (id VARCHAR(50) NOT NULL, a INT, UNIQUE (id(5)))", "not unique"),
    ("CREATE TABLE flags (id INT PRIMARY KEY, a INT) ENGINE=MyISAM", "knows no transactions"),
    ("CREATE VIEW flags AS SELECT 1 AS id, 2 AS a", "no ordinary table"),
  ])
  func `a table that can't be walked by the key is refused and nothing changes`(
    table: String, part: String
  ) async throws {
    let (fixture, epoch) = try await Self.world(table, "SELECT 1")
    defer { fixture.remove() }
    let failure = await #expect(throws: StepFailure.self) {
      try await Self.database(fixture).apply(Self.order(epoch))
    }
    #expect(failure?.code == "BackfillImpossible")
    #expect(failure?.message.contains(part) == true, "\(failure?.message ?? "")")
    #expect(try fixture.ledger() == ["1,0"])
  }

  @Test func `the command line runs it in batches between the files around it`() async throws {
    let (fixture, _) = try await Self.world()
    defer { fixture.remove() }
    try fixture.write("3_more.up.sql", "ALTER TABLE flags ADD COLUMN c INT")
    let request = MigrateRequest(directory: fixture.directory, run: "by-hand")
    let forecast = try await fixture.migrator().forecast(request)
    #expect(forecast.pending.map(\.backfill?.key) == ["id", nil])
    let told = Mutex<[Int64]>([])
    let outcome = try await fixture.migrator().migrate(request) { progress in
      if case .backfill(let progress) = progress {
        told.withLock { $0.append(progress.rowsWalked) }
      }
    }
    #expect(outcome.applied.map(\.version) == [2, 3])
    #expect(told.withLock { $0.last } == 100)
    #expect(try Self.counts(fixture) == [[.integer(1), .integer(100)]])
    #expect(try await fixture.migrator().schema().drift == nil)
  }

  @Test func `a row that somebody holds makes its batch wait`() async throws {
    let (fixture, epoch) = try await Self.world()
    defer { fixture.remove() }
    let holder = try fixture.other()
    try holder.run("START TRANSACTION")
    try holder.run("UPDATE flags SET a = a WHERE id = 150")
    async let applied: Void = Self.database(fixture).apply(Self.order(epoch))
    let watcher = try fixture.other()
    while try watcher.scalar("SELECT COUNT(*) FROM flags WHERE a = 1").integer ?? 0 < 40 {
      await Task.yield()
    }
    try holder.run("COMMIT")
    try await applied
    #expect(try Self.counts(fixture) == [[.integer(1), .integer(100)]])
  }
}
