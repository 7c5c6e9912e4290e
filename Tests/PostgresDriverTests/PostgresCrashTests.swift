import PostgresDriver
import Testing
import WindlassCore
import WindlassSchema

/// Sessions that end at the worst moment, and servers that are not what they seem.
struct PostgresCrashTests {
  @Test func `a reply to COMMIT that is lost is resolved by reading back`() async throws {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int)"])
    let epoch = try await world.database().takeFence(after: nil, run: "run")
    let proxy = try TamperingProxy(.losesCommitReply(1), before: .shared)
    defer { proxy.close() }
    let database = try world.database(world.options(proxy.url(of: world.url)))
    try await database.apply(world.order(1, after: nil, epoch: epoch))
    #expect(proxy.hasLostReply)
    #expect(try world.ledger() == [[.integer(1), .integer(0)]])
    #expect(try world.value("SELECT count(*) FROM windlass_migration_log") == .integer(1))
  }

  @Test func `a fence whose reply is lost is taken once`() async throws {
    let world = try PostgresWorld()
    let proxy = try TamperingProxy(.losesCommitReply(1), before: .shared)
    defer { proxy.close() }
    let database = try world.database(world.options(proxy.url(of: world.url)))
    #expect(try await database.takeFence(after: nil, run: "run") == Epoch(1))
    #expect(proxy.hasLostReply)
    #expect(try await world.database().inspect().epoch == Epoch(1))
  }

  @Test(arguments: ["immediate", "deferred"])
  func `a session that the server ends in the body or while it commits is begun anew`(
    moment: String
  ) async throws {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int)"])
    try await world.migrate()
    // A sequence is not rolled back, so only the first attempt dies.
    try world.connection().run(
      script: """
        CREATE SEQUENCE attempts;
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF nextval('attempts') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
          RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER die AFTER INSERT ON a DEFERRABLE INITIALLY \(moment)
          FOR EACH ROW EXECUTE FUNCTION die()
        """)
    try await world.migrator().acceptDrift()
    try world.write(["2_b.up.sql": "INSERT INTO a VALUES (1)"])
    try await world.migrate()
    #expect(try world.value("SELECT last_value FROM attempts") == .integer(2))
    #expect(try world.value("SELECT count(*) FROM a") == .integer(1))
    #expect(try world.ledger() == [[.integer(2), .integer(0)]])
  }

  @Test func `a session whose process is not the server's own is refused as a pooler's`() throws {
    let url = try PostgresServer.shared.makeDatabase()
    let proxy = try TamperingProxy(.forgesProcess, before: .shared)
    defer { proxy.close() }
    let failure = #expect(throws: StepFailure.self) {
      try PostgresConnection(PostgresOptions(url: proxy.url(of: url)))
    }
    #expect(failure?.code == "PoolerRefused")
  }

  @Test func `an index whose builder was ended is built by the next attempt`() async throws {
    let world = try PostgresWorld([
      "1_a.up.sql": "CREATE TABLE a (b int); INSERT INTO a SELECT generate_series(1, 10)"
    ])
    try await world.migrate()
    try world.write(["2_b.up.sql": "CREATE INDEX CONCURRENTLY a_by_b ON a (b)"])
    let holder = try world.connection()
    try holder.run(script: "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM a")
    let options = try world.options { $0.lockDeadline = .seconds(100) }
    async let outcome = world.migrate(options: options)
    let watcher = try world.connection()
    var builder = SQLValue.null
    try await waitUntil {
      builder = try watcher.scalar(
        """
        SELECT pid FROM pg_stat_activity WHERE wait_event = 'virtualxid'
          AND datname = current_database() AND query LIKE '%CONCURRENTLY%'
        """)
      return builder != .null
    }
    _ = try watcher.scalar("SELECT pg_terminate_backend($1)", [builder])
    try await waitUntil {
      try watcher.scalar("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == .integer(1)
    }
    try holder.run(script: "COMMIT")
    #expect(try await outcome.applied.count == 1)
    #expect(
      try world.value("SELECT count(*) FROM pg_index WHERE indrelid = 'a'::regclass AND indisvalid")
        == .integer(1))
    #expect(try world.ledger() == [[.integer(2), .integer(0)]])
  }
}
