import Testing
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// Migrations of a series that are sent before the answer to the one before has come.
struct PostgresSeriesTests {
  private let world: PostgresWorld

  /// A service's database in use, on which the first file is applied.
  init() async throws {
    world = try PostgresWorld([
      "1_a.up.sql": "CREATE TABLE a (b int); CREATE TABLE c (d int PRIMARY KEY)"
    ])
    try await world.migrate()
  }

  /// Files that each add a row, but for those that are given.
  private func write(_ numbers: ClosedRange<Int>, _ others: [Int: String] = [:]) throws {
    for number in numbers {
      try world.write([
        "\(number)_a.up.sql": others[number] ?? "INSERT INTO a VALUES (\(number))"
      ])
    }
  }

  private var rows: [SQLValue] {
    get throws {
      try world.connection().rows("SELECT b FROM a ORDER BY b").map { $0.values[0] }
    }
  }

  private func integers(_ numbers: [Int64]) -> [SQLValue] { numbers.map { .integer($0) } }

  @Test func `each file is a transaction of its own, with ledger and history`() async throws {
    try world.connection().run(
      script: """
        CREATE TABLE seen (n bigserial, op text, version bigint);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO seen (op, version) VALUES (TG_OP, coalesce(NEW.version, OLD.version));
          RETURN NULL;
        END $$;
        CREATE TRIGGER see AFTER INSERT OR DELETE ON schema_migrations
          FOR EACH ROW EXECUTE FUNCTION see()
        """)
    try await world.migrator().acceptDrift()
    try write(
      2...12,
      [
        5: "-- nothing\n", 7: "BEGIN;\nALTER TABLE a ADD COLUMN e int;\nCOMMIT;",
        9: "ALTER TABLE public.\"a\" ADD COLUMN f text DEFAULT 'x'; CREATE INDEX i ON a (e)",
      ])
    let outcome = try await world.migrate()
    #expect(outcome.applied.map(\.version) == (2...12).map { SchemaVersion($0) })
    #expect(try rows == integers([2, 3, 4, 6, 8, 10, 11, 12]))
    #expect(try world.ledger() == [[.integer(12), .integer(0)]])
    let history = try world.connection().rows(
      """
      SELECT version, file, checksum, phase, run, duration_ms, applied_at
      FROM windlass_migration_log WHERE version > 1 ORDER BY version
      """)
    #expect(history.map { HistoryEntry($0) } == outcome.applied)
    for entry in outcome.applied {
      #expect(entry.appliedAt.milliseconds == 1_000 + entry.duration.milliseconds)
    }
    #expect(
      try world.value("SELECT count(DISTINCT xmin::text) FROM windlass_migration_log")
        == .integer(12))
    // Triggers of the service see what golang-migrate does.
    #expect(
      try world.value("SELECT string_agg(left(op, 1) || version, ' ' ORDER BY n) FROM seen")
        == .text("D1 I2 D2 I3 D3 I4 D4 I5 D5 I6 D6 I7 D7 I8 D8 I9 D9 I10 D10 I11 D11 I12"))
    #expect(try await world.migrator().schema().drift == nil)
    #expect(try await world.migrate().applied.isEmpty)
  }

  @Test(arguments: [
    ("SELECT 1; INSERT INTO a VALUES ('x')", "StatementFailed"),
    ("INSERT INTO a VALUES (1);\n\nINSERT INTO a VALUES ('x')", "StatementFailed"),
    ("INSERT INTO c VALUES (1), (1)", "ConstraintViolated"),
    ("CREATE TABLE a (b int)", "StatementFailed"),
    ("ALTER TABLE nowhere ADD COLUMN e int", "StatementFailed"),
  ])
  func `a file that fails stands at its line, and nothing behind it is applied`(
    text: String, code: String
  ) async throws {
    try write(2...12, [6: text])
    let failure = try await world.failure(of: [:])
    #expect(failure?.code == code)
    #expect(failure?.message.contains("6_a.up.sql was rolled back") == true)
    if text.contains("\n") { #expect(failure?.message.contains("in line 3") == true) }
    #expect(try rows == integers([2, 3, 4, 5]))
    #expect(try world.ledger() == [[.integer(5), .integer(0)]])
    #expect(try world.value("SELECT count(*) FROM windlass_migration_log") == .integer(5))
    #expect(try await world.migrator().schema().drift == nil)
    try write(6...6)
    #expect(try await world.migrate().applied.count == 7)
    #expect(try rows == integers(Array(2...12)))
  }

  @Test func `a constraint that breaks at COMMIT lets nothing behind it through`() async throws {
    try write(
      2...9,
      [
        3: "ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (d) REFERENCES c DEFERRABLE",
        4: "ALTER TABLE c ADD COLUMN up int REFERENCES c (d) DEFERRABLE INITIALLY DEFERRED",
        6: "INSERT INTO c VALUES (1, 99)",
      ])
    #expect(try await world.failure(of: [:])?.code == "ConstraintViolated")
    #expect(try rows == integers([2, 5]))
    #expect(try world.ledger() == [[.integer(5), .integer(0)]])
  }

  @Test func `a lock that is not had stops the series there, and its holder is named`()
    async throws
  {
    let holder = try world.connection()
    try holder.run(script: "BEGIN; SELECT * FROM c")
    // One that has just begun is not looked for before a lock is tried.
    let isOlder = "SELECT (clock_timestamp() > now() + interval '50 milliseconds')::int"
    try await waitUntil { try holder.scalar(isOlder) == .integer(1) }
    for text in ["ALTER TABLE c ADD COLUMN e int", "CREATE INDEX i ON c (d); DROP INDEX i"] {
      try write(2...9, [6: text])
      if text.hasPrefix("CREATE") { try holder.run(script: "LOCK TABLE c IN ROW EXCLUSIVE MODE") }
      var options = try world.options()
      options.lockDeadline = .milliseconds(300)
      let failure = await #expect(throws: StepFailure.self) {
        try await world.migrate(options: options)
      }
      #expect(failure?.code == "LockNotObtained")
      #expect(failure?.message.contains("process \(holder.process)") == true)
      #expect(try rows == integers([2, 3, 4, 5]))
      #expect(try world.ledger() == [[.integer(5), .integer(0)]])
    }
    let observer = try world.connection()
    let others = """
      SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND backend_type = 'client backend' AND pid NOT IN (pg_backend_pid(), \(holder.process))
      """
    try await waitUntil { try observer.scalar(others) == .integer(0) }
    async let outcome = world.migrate()
    try await waitUntil { try observer.scalar(others) != .integer(0) }
    try holder.run(script: "COMMIT")
    #expect(try await outcome.applied.map(\.version) == [6, 7, 8, 9])
    #expect(try rows == integers([2, 3, 4, 5, 7, 8, 9]))
  }

  @Test func `nobody waits behind a series for a table that another transaction holds`()
    async throws
  {
    let holder = try world.connection()
    try holder.run(script: "BEGIN; SELECT * FROM a")
    try write(2...4, [3: "ALTER TABLE a ADD COLUMN e int"])
    var options = try world.options()
    options.lockDeadline = .seconds(100)
    let changed = options
    async let outcome = world.migrate(options: changed)
    // Readers come and go meanwhile, well within the budget for which one may stand in a queue.
    let reader = try world.connection()
    try reader.run(script: "SET statement_timeout = '5s'")
    for _ in 0..<50 { _ = try reader.scalar("SELECT count(*) FROM a") }
    try holder.run(script: "COMMIT")
    #expect(try await outcome.applied.count == 3)
  }

  @Test(arguments: 2...9)
  func `a reply to COMMIT that is lost in a series is read back`(number: Int) async throws {
    try write(2...9)
    let proxy = try TamperingProxy(.losesCommitReply(number), before: .shared)
    defer { proxy.close() }
    let options = try world.options(proxy.url(of: world.url))
    let outcome = try await world.migrate(options: options)
    #expect(proxy.hasLostReply)
    #expect(outcome.applied.map(\.version) == (2...9).map { SchemaVersion($0) })
    #expect(try rows == integers(Array(2...9)))
    #expect(try world.ledger() == [[.integer(9), .integer(0)]])
    #expect(try world.value("SELECT count(*) FROM windlass_migration_log") == .integer(9))
    #expect(try await world.migrator().schema().drift == nil)
  }

  @Test(arguments: ["immediate", "deferred"])
  func `a session that ends in the middle of a series is begun anew`(moment: String) async throws {
    // A sequence is not rolled back, so only the first attempt dies.
    try world.connection().run(
      script: """
        CREATE SEQUENCE attempts;
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.b = 6 AND nextval('attempts') = 1 THEN
            PERFORM pg_terminate_backend(pg_backend_pid());
          END IF;
          RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER die AFTER INSERT ON a DEFERRABLE INITIALLY \(moment)
          FOR EACH ROW EXECUTE FUNCTION die()
        """)
    try await world.migrator().acceptDrift()
    try write(2...9)
    #expect(try await world.migrate().applied.count == 8)
    #expect(try world.value("SELECT last_value FROM attempts") == .integer(2))
    #expect(try rows == integers(Array(2...9)))
    #expect(try world.ledger() == [[.integer(9), .integer(0)]])
  }

  @Test(arguments: [
    "INSERT INTO a SELECT 0 FROM pg_sleep(0.3); INSERT INTO a SELECT 0 FROM pg_sleep(0.3)",
    "INSERT INTO a SELECT 0 FROM pg_sleep(5)",
  ])
  func `what takes longer than the hold budget is rolled back, and not tried again`(
    text: String
  ) async throws {
    try write(2...9, [5: text])
    var options = try world.options()
    options.holdBudget = .milliseconds(500)
    let failure = await #expect(throws: StepFailure.self) {
      try await world.migrate(options: options)
    }
    #expect(failure?.code == "HoldBudgetExceeded")
    #expect(try rows == integers([2, 3, 4]))
    #expect(try world.ledger() == [[.integer(4), .integer(0)]])
  }

  // MARK: What stops a series at once

  private func batches(_ numbers: [SchemaVersion], after: SchemaVersion) throws -> [PostgresBatch] {
    let directory = try MigrationDirectory.read(at: world.directory)
    var after = after
    var batches: [PostgresBatch] = []
    for number in numbers {
      let step = MigrationStep(
        body: try directory.body(of: number), phase: .expand, run: "by-hand", fence: .none,
        after: after, startedAt: Timestamp(milliseconds: 1_000))
      batches.append(PostgresBatch(steps: [step]))
      after = number
    }
    return batches
  }

  /// What a stream of three files leaves over.
  private func left(after: SchemaVersion = 1) throws -> Int {
    try write(2...4)
    let connection = try world.connection()
    var rest = try batches([2, 3, 4], after: after)
    try MigrationStream(
      connection: connection, place: PostgresLedger().located(on: connection),
      options: world.options()
    ).run(&rest) { _ in }
    // The session is as it was.
    #expect(!connection.isInTransaction)
    #expect(try connection.scalar("SELECT 1") == .integer(1))
    return rest.count
  }

  @Test func `a stream stops before anything while a key is held, or the ledger says otherwise`()
    throws
  {
    let other = try world.connection()
    let place = try PostgresLedger().located(on: other)
    for key in place.keys {
      try other.execute("SELECT pg_advisory_lock(\(key))")
      #expect(try left() == 3)
      try other.execute("SELECT pg_advisory_unlock_all()")
    }
    try other.execute("SELECT pg_advisory_lock(\(place.ownKey.first), \(place.ownKey.second))")
    #expect(try left() == 3)
    try other.execute("SELECT pg_advisory_unlock_all()")
    #expect(try left(after: 0) == 3)
    try other.execute("UPDATE schema_migrations SET dirty = true")
    #expect(try left() == 3)
    try other.execute("UPDATE schema_migrations SET dirty = false")
    try other.execute("INSERT INTO schema_migrations VALUES (77, false)")
    #expect(try left() == 3)
    try other.execute("DELETE FROM schema_migrations WHERE version = 77")
    try other.run(script: "CREATE TABLE schema_lock (lock_id BIGINT NOT NULL PRIMARY KEY)")
    #expect(try left() == 3)
    try other.run(script: "DROP TABLE schema_lock")
    #expect(try rows == [])
    #expect(try left() == 0)
    #expect(try rows == integers([2, 3, 4]))
    // Another run has applied them.
    #expect(try left() == 3)
  }

  @Test func `a file that has to be looked at by itself stands between two streams`() async throws {
    try write(2...9, [4: "CREATE INDEX CONCURRENTLY i ON a (b)", 7: "SELECT 1"])
    #expect(try await world.migrate().applied.count == 8)
    #expect(try rows == integers([2, 3, 5, 6, 8, 9]))
    #expect(try world.ledger() == [[.integer(9), .integer(0)]])
  }

  @Test func `a request's answers are told apart, and a name is only kept where the server has it`()
    throws
  {
    let connection = try world.connection()
    let good = PipelineStatement(SQLStatement("SELECT $1::int", [.integer(5)]))
    let bad = PipelineStatement(once: "SELECT\n1/(SELECT 0)")
    let late = PipelineStatement(SQLStatement("SELECT 7"))
    let pipeline = try PostgresPipeline(connection)
    try pipeline.send([good, bad, late])
    try pipeline.send([good])
    try pipeline.send([late])
    #expect(pipeline.count == 3)
    let reply = try pipeline.receive()
    #expect(reply.rows.map { $0.map(\.values) } == [[[.integer(5)]]])
    #expect(reply.failure?.place == 1)
    #expect(reply.failure?.error?.state == "22012")
    // These took it that the server has them.
    #expect(try pipeline.receive().failure?.error?.state == nil)
    #expect(try pipeline.receive().failure?.error?.state == "26000")
    try pipeline.close()
    for _ in 0..<2 {
      let rows = try connection.pipeline([
        SQLStatement("SELECT 7"), SQLStatement("SELECT $1::int", [.integer(6)]),
      ])
      #expect(rows.map { $0.map(\.values) } == [[[.integer(7)]], [[.integer(6)]]])
    }
  }
}
