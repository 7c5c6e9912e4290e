import Synchronization
import Testing
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// Backfills on a real PostgreSQL: batches with their mark, whatever cuts them off.
struct PostgresBackfillTests {
  private static let statement = "UPDATE flags SET a = a + 1 WHERE /* windlass: range */ TRUE;"
  private static let setUp = """
    CREATE TABLE flags (id bigint PRIMARY KEY, a int NOT NULL DEFAULT 0, b int);
    INSERT INTO flags (id) SELECT i * 3 FROM generate_series(1, 200) i;
    """

  private static func file(
    _ statement: String = statement, _ fields: String = "key=id batch=20"
  ) -> String {
    "-- windlass: backfill table=flags \(fields)\n\(statement)"
  }

  /// A database at version 1, and a backfill of that text as version 2.
  private static func world(
    _ setUp: String = setUp, _ backfill: String = file(), on server: PostgresServer = .shared
  ) async throws -> (world: PostgresWorld, epoch: Epoch) {
    let world = try PostgresWorld(
      ["1_flags.up.sql": setUp, "2_fill.up.sql": backfill], on: server)
    let epoch = try await world.database().takeFence(after: nil, run: "run")
    try await world.database().apply(world.order(1, after: nil, epoch: epoch))
    return (world, epoch)
  }

  private static func order(
    _ world: PostgresWorld, _ epoch: Epoch, run: RunID = "run"
  ) -> MigrationOrder {
    MigrationOrder(
      run: run, migration: Migration(version: 2, phase: .backfill),
      archive: PostgresWorld.archive, after: 1, epoch: epoch)
  }

  /// How many rows were changed how often.
  private static func counts(_ world: PostgresWorld) throws -> [[SQLValue]] {
    try world.connection().rows("SELECT a, count(*) FROM flags GROUP BY a ORDER BY a")
      .map(\.values)
  }

  @Test func `every row is changed once, and the ledger moves when all are`() async throws {
    let (world, epoch) = try await Self.world()
    let database = try world.database()
    let first = try await database.apply(Self.order(world, epoch)) { $0.rowsWalked == 0 }
    #expect(first?.rowsWalked == 20)
    let reading = try await database.inspect()
    #expect(reading.version == 1 && !reading.isDirty)
    #expect(reading.backfill?.progress == first)
    #expect(try await database.apply(Self.order(world, epoch)) { _ in true } == nil)
    try await database.apply(Self.order(world, epoch))
    #expect(try Self.counts(world) == [[.integer(1), .integer(200)]])
    #expect(try world.ledger() == [[.integer(2), .integer(0)]])
    let after = try await database.inspect()
    #expect(after.backfill == nil)
    #expect(after.applied.map(\.version) == [1, 2])
    #expect(try await world.migrator().schema().drift == nil)
  }

  @Test func `a session that the server ends in every batch changes every row once`()
    async throws
  {
    let (world, epoch) = try await Self.world()
    // A sequence is not rolled back: the first attempt at each batch dies, the second passes.
    try world.connection().run(
      script: """
        CREATE SEQUENCE attempts;
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF nextval('attempts') % 2 = 1 THEN
            PERFORM pg_terminate_backend(pg_backend_pid());
          END IF;
          RETURN NULL;
        END $$;
        CREATE TRIGGER die AFTER UPDATE ON flags FOR EACH STATEMENT EXECUTE FUNCTION die()
        """)
    try await world.migrator().acceptDrift()
    try await world.database().apply(Self.order(world, epoch))
    #expect(try Self.counts(world) == [[.integer(1), .integer(200)]])
    #expect(try world.ledger() == [[.integer(2), .integer(0)]])
  }

  @Test func `a reply to COMMIT that is lost in a batch is resolved by the mark`() async throws {
    let (world, epoch) = try await Self.world()
    let proxy = try TamperingProxy(.losesCommitReply(1), before: .shared)
    defer { proxy.close() }
    let database = try world.database(world.options(proxy.url(of: world.url)))
    try await database.apply(Self.order(world, epoch))
    #expect(proxy.hasLostReply)
    #expect(try Self.counts(world) == [[.integer(1), .integer(200)]])
  }

  @Test func `rows that servers write meanwhile are met or left to what stands for them`()
    async throws
  {
    let (world, epoch) = try await Self.world()
    _ = try await world.database().apply(Self.order(world, epoch)) { $0.rowsWalked == 0 }
    try world.connection().run(
      script: """
        INSERT INTO flags (id) VALUES (1), (400), (5000);
        DELETE FROM flags WHERE id IN (90, 600); UPDATE flags SET b = 7 WHERE id = 93
        """)
    try await world.database().apply(Self.order(world, epoch))
    #expect(
      try world.connection().rows(
        "SELECT id, a FROM flags WHERE id IN (1, 93, 400, 5000) ORDER BY id"
      ).map(\.values) == [
        [.integer(1), .integer(0)], [.integer(93), .integer(1)], [.integer(400), .integer(1)],
        [.integer(5000), .integer(0)],
      ])
    #expect(try world.value("SELECT max(a) FROM flags") == .integer(1))
  }

  @Test func `a fence that is lost in the middle ends it, and the next daemon goes on`()
    async throws
  {
    let (world, epoch) = try await Self.world()
    _ = try await world.database().apply(Self.order(world, epoch)) { $0.rowsWalked == 0 }
    let next = try await world.database().takeFence(after: epoch, run: "run")
    let failure = await #expect(throws: StepFailure.self) {
      try await world.database().apply(Self.order(world, epoch))
    }
    #expect(failure?.code == "FenceLost")
    #expect(try world.value("SELECT sum(a) FROM flags") == .integer(20))
    try await world.database().apply(Self.order(world, next))
    #expect(try Self.counts(world) == [[.integer(1), .integer(200)]])
  }

  @Test func `two at once change every row once`() async throws {
    let (world, epoch) = try await Self.world()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<2 {
        group.addTask { try await world.database().apply(Self.order(world, epoch)) }
      }
      try await group.waitForAll()
    }
    #expect(try Self.counts(world) == [[.integer(1), .integer(200)]])
    #expect(try await world.database().inspect().applied.map(\.version) == [1, 2])
  }

  @Test func `a row that somebody holds makes its batch wait and no other row queue`()
    async throws
  {
    let (world, epoch) = try await Self.world()
    let holder = try world.connection()
    try holder.run(script: "BEGIN; UPDATE flags SET b = 1 WHERE id = 300")
    async let applied: Void = world.database().apply(Self.order(world, epoch))
    let watcher = try world.connection()
    try await waitUntil {
      try watcher.scalar("SELECT count(*) FROM flags WHERE a = 1").integer ?? 0 >= 80
    }
    try holder.run(script: "COMMIT")
    try await applied
    #expect(try Self.counts(world) == [[.integer(1), .integer(200)]])
    #expect(try world.value("SELECT b FROM flags WHERE id = 300") == .integer(1))
  }

  @Test(arguments: [
    ("CREATE TABLE flags (id text COLLATE \"C\" PRIMARY KEY, a int DEFAULT 0)", "i::text"),
    ("CREATE TABLE flags (id varchar(40) PRIMARY KEY, a int DEFAULT 0)", "'Ä''\\' || i"),
    ("CREATE TABLE flags (id uuid PRIMARY KEY, a int DEFAULT 0)", "gen_random_uuid()"),
    ("CREATE TABLE flags (id smallint NOT NULL UNIQUE, a int DEFAULT 0)", "i - 30"),
    (
      "CREATE TABLE flags (id int, a int DEFAULT 0, UNIQUE (id));"
        + " ALTER TABLE flags ALTER id SET NOT NULL",
      "i"
    ),
    (
      "CREATE TABLE flags (id bigint PRIMARY KEY, a int DEFAULT 0) PARTITION BY HASH (id);"
        + " CREATE TABLE f0 PARTITION OF flags FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        + " CREATE TABLE f1 PARTITION OF flags FOR VALUES WITH (MODULUS 2, REMAINDER 1)", "i"
    ),
  ])
  func `any column that is unique and never null is a key`(
    table: String, value: String
  ) async throws {
    let (world, epoch) = try await Self.world(
      "\(table); INSERT INTO flags (id) SELECT \(value) FROM generate_series(1, 60) i;",
      Self.file(
        "UPDATE public.Flags AS F SET a = a + 1 WHERE /* windlass: range F.id */ TRUE",
        "key=id batch=7"))
    try await world.database().apply(Self.order(world, epoch))
    #expect(try Self.counts(world) == [[.integer(1), .integer(60)]])
  }

  @Test(arguments: [
    ("CREATE TABLE x (id int)", "no such table"), ("CREATE TABLE flags (a int)", "no such column"),
    ("CREATE TABLE flags (id int UNIQUE, a int)", "may hold null"),
    ("CREATE TABLE flags (id int NOT NULL, a int)", "not unique"),
    ("CREATE TABLE flags (id int, a int, PRIMARY KEY (id, a))", "not unique"),
    ("CREATE TABLE flags (id float8 PRIMARY KEY, a int)", "of type float8"),
    ("CREATE VIEW flags AS SELECT 1 AS id, 2 AS a", "no ordinary table"),
  ])
  func `a table that can't be walked by the key is refused and nothing changes`(
    setUp: String, part: String
  ) async throws {
    let (world, epoch) = try await Self.world(setUp)
    let failure = await #expect(throws: StepFailure.self) {
      try await world.database().apply(Self.order(world, epoch))
    }
    #expect(failure?.code == "BackfillImpossible")
    #expect(failure?.message.contains(part) == true, "\(failure?.message ?? "")")
    #expect(try world.ledger() == [[.integer(1), .integer(0)]])
  }

  @Test func `the command line runs it in batches between the files around it`() async throws {
    let (world, _) = try await Self.world()
    try world.write(["3_more.up.sql": "ALTER TABLE flags ADD COLUMN c int;"])
    try world.connection().run(script: "ANALYZE flags")
    let forecast = try await world.migrator().forecast(
      MigrateRequest(directory: world.directory, run: "by-hand"))
    #expect(forecast.pending.map(\.rowsEstimated) == [200, nil])
    let told = Mutex<[Int64]>([])
    let outcome = try await world.migrator().migrate(
      MigrateRequest(directory: world.directory, run: "by-hand")
    ) { progress in
      if case .backfill(let progress) = progress {
        told.withLock { $0.append(progress.rowsWalked) }
      }
    }
    #expect(outcome.applied.map(\.version) == [2, 3])
    #expect(told.withLock { $0.last } == 200)
    #expect(try Self.counts(world) == [[.integer(1), .integer(200)]])
    #expect(try await world.migrator().schema().drift == nil)
  }

  @Test func `a statement that fails leaves the batches before it`() async throws {
    let text = "UPDATE flags SET a = a + 1,\n  b = 1 / (id - 300) WHERE /* windlass: range */ TRUE"
    let (world, epoch) = try await Self.world(Self.setUp, Self.file(text))
    let failure = await #expect(throws: StepFailure.self) {
      try await world.database().apply(Self.order(world, epoch))
    }
    #expect(failure?.message.contains("division by zero") == true)
    #expect(failure?.message.contains("row(s) that stay done") == true)
    #expect(try world.ledger() == [[.integer(1), .integer(0)]])
    try world.connection().run(script: "DELETE FROM flags WHERE id = 300")
    try await world.database().apply(Self.order(world, epoch))
    #expect(try Self.counts(world) == [[.integer(1), .integer(199)]])
  }

  @Test func `a standby that falls behind holds it up until it has caught up`() async throws {
    let primary = PostgresServer()
    let standby = PostgresServer(.standby(of: primary))
    let (world, epoch) = try await Self.world(
      Self.setUp + "CREATE TABLE noise (a int);", on: primary)
    let watcher = try world.connection()
    func reason() throws -> String? { try watcher.pressure().reason }
    let replicas = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
    try await waitUntil { try watcher.scalar(replicas) == .integer(1) }
    // Keeping pace, it holds nothing up: the first batch is made.
    let first = try await world.database().apply(Self.order(world, epoch)) { $0.rowsWalked == 0 }
    #expect(first?.rowsWalked == 20 && first?.heldUpBy == nil)
    standby.execute("SELECT pg_wal_replay_pause()")
    try await waitUntil {
      // Only what is written is behind.
      try watcher.run(script: "INSERT INTO noise VALUES (1)")
      return try reason() != nil
    }
    #expect(try reason()?.hasPrefix("a replica is ") == true)
    let held = Mutex<[String]>([])
    let ended = try await world.database().apply(Self.order(world, epoch)) { progress in
      held.withLock { $0 += progress.heldUpBy.map { [$0] } ?? [] }
      return progress.heldUpBy == nil
    }
    #expect(ended?.rowsWalked == 20)
    #expect(held.withLock { $0.first?.contains("5s are allowed") } == true)
    // It goes on by itself when the standby does.
    let resumed = Mutex(false)
    let rest = try await world.database().apply(Self.order(world, epoch)) { progress in
      if progress.heldUpBy != nil {
        resumed.withLock { isResumed in
          if !isResumed { standby.execute("SELECT pg_wal_replay_resume()") }
          isResumed = true
        }
      }
      return true
    }
    #expect(rest == nil && resumed.withLock { $0 })
    #expect(try Self.counts(world) == [[.integer(1), .integer(200)]])
  }

  @Test func `sessions that wait for locks hold it up`() async throws {
    let (world, epoch) = try await Self.world()
    try world.connection().run(script: "CREATE TABLE held (a int); INSERT INTO held VALUES (1)")
    try await world.migrator().acceptDrift()
    let holder = try world.connection()
    try holder.run(script: "BEGIN; UPDATE held SET a = 2")
    let count = Bounds.backfillWaitersMax + 1
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<count {
        group.addTask { try await WaitingSession(world).run("UPDATE held SET a = a + 1") }
      }
      let watcher = try world.connection()
      try await waitUntil {
        try watcher.scalar(
          """
          SELECT count(*) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'
          """) == .integer(Int64(count))
      }
      let held = Mutex<String?>(nil)
      let progress = try await world.database().apply(Self.order(world, epoch)) { progress in
        held.withLock { $0 = progress.heldUpBy }
        return progress.heldUpBy == nil
      }
      #expect(held.withLock { $0 }?.contains("sessions wait for locks") == true)
      #expect(progress?.rowsWalked == 0)
      try holder.run(script: "COMMIT")
      try await group.waitForAll()
    }
    try await world.database().apply(Self.order(world, epoch))
    #expect(try Self.counts(world) == [[.integer(1), .integer(200)]])
  }
}

/// A session whose statement waits on a thread of its own.
private actor WaitingSession {
  private let world: PostgresWorld
  private let executor = BlockingExecutor(label: "test.waiting")

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(_ world: PostgresWorld) { self.world = world }

  func run(_ text: String) throws { try world.connection().run(script: text) }
}
