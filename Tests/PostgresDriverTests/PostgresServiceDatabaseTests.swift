import PostgresDriver
import Testing
import WindlassCore
import WindlassSchema

struct PostgresServiceDatabaseTests {
  private static let files = [
    "1_a.up.sql": "CREATE TABLE a (b int)", "2_b.up.sql": "INSERT INTO a VALUES (1)",
  ]

  @Test func `a run's steps leave ledger, history, fence and commit point`() async throws {
    let world = try PostgresWorld(Self.files)
    let database = try world.database()
    let before = try await database.inspect()
    #expect(before.version == nil && before.epoch == nil && !before.hasTables)
    #expect(before.systemID.isEmpty)
    let epoch = try await database.takeFence(after: nil, run: "run")
    try await database.apply(world.order(1, after: nil, epoch: epoch))
    try await database.apply(world.order(2, after: 1, epoch: epoch))
    try await database.recordCommitPoint("run", epoch: epoch)
    let reading = try await database.inspect()
    #expect(reading.version == 2 && !reading.isDirty && reading.hasTables)
    #expect(reading.epoch == epoch)
    #expect(reading.committedRun == "run")
    #expect(reading.applied.map(\.version) == [1, 2])
    #expect(reading.applied[1].checksum == SHA256.digest(of: "INSERT INTO a VALUES (1)"))
    #expect(reading.systemID.contains(":"))
  }

  @Test func `the first fence is taken once, whenever a second one wants it meanwhile`()
    async throws
  {
    var places = 0
    while true {
      let world = try PostgresWorld(Self.files)
      let proxy = try TamperingProxy(.holds(places + 1), before: .shared)
      defer { proxy.close() }
      let slow = try world.database(world.options(proxy.url(of: world.url)))
      let taking = Task { try await slow.takeFence(after: nil, run: "slow") }
      guard await proxy.isHolding(taking) else { break }
      places += 1
      // Who comes second gets it, unless the first one keeps it out already.
      let impatient = try world.options { $0.lockDeadline = .milliseconds(1) }
      let quick = Task {
        try await world.database(impatient).takeFence(after: nil, run: "quick")
      }
      let second = await quick.result
      proxy.letGo()
      let outcomes = [await taking.result, second]
      let failures = outcomes.compactMap { outcome -> String? in
        guard case .failure(let failure) = outcome else { return nil }
        return (failure as? StepFailure)?.code ?? "\(failure)"
      }
      #expect(failures.count == 1, "at request \(places)")
      #expect(["FenceLost", "LockNotObtained"].contains(failures.first), "at request \(places)")
      #expect(try await world.database().inspect().epoch == Epoch(1))
    }
    #expect(places > 5)
  }

  @Test func `a database that does not exist has no tables`() async throws {
    let url = try PostgresServer.shared.makeDatabase().replacing(database: "not_yet")
    let options = try PostgresServiceOptions(url: url)
    let database = PostgresServiceDatabase(
      options, locate: { (_) throws(StepFailure) in nil }, now: { Timestamp(milliseconds: 0) })
    #expect(try await !database.inspect().hasTables)
  }

  @Test func `the hold budget ends a migration that would hold its locks for long`() async throws {
    let world = try PostgresWorld(Self.files)
    try await world.migrate()
    let failure = try await #require(throws: StepFailure.self) {
      try world.write(["3_c.up.sql": "ALTER TABLE a ADD c int; SELECT pg_sleep(60)"])
      try await world.migrate(options: world.options { $0.holdBudget = .seconds(1) })
    }
    #expect(failure.code == "HoldBudgetExceeded")
    #expect(try world.ledger() == [[.integer(2), .integer(0)]])
  }

  // MARK: Preflight

  private func preflight(
    _ world: PostgresWorld, options: PostgresServiceOptions? = nil
  ) async throws -> String? {
    do {
      try await world.database(options).preflight(world.plan([3], before: 2))
      return nil
    } catch let failure as StepFailure {
      return failure.code
    }
  }

  private func readyWorld() async throws -> PostgresWorld {
    let world = try PostgresWorld(Self.files)
    try await world.migrate()
    try world.write(["3_c.up.sql": "ALTER TABLE a ADD c int"])
    return world
  }

  @Test func `preflight passes when nothing is wrong`() async throws {
    let world = try await readyWorld()
    #expect(try await preflight(world) == nil)
    #expect(try world.ledger() == [[.integer(2), .integer(0)]])
  }

  @Test func `preflight tells a ledger that moved, a dirty one, a changed file and drift`()
    async throws
  {
    let world = try await readyWorld()
    let connection = try world.connection()
    try connection.execute("UPDATE schema_migrations SET version = 1")
    #expect(try await preflight(world) == "LedgerMoved")
    try connection.execute("UPDATE schema_migrations SET version = 2, dirty = true")
    #expect(try await preflight(world) == "DirtyLedger")
    try connection.execute("UPDATE schema_migrations SET dirty = false")
    try world.write(["1_a.up.sql": "CREATE TABLE a (b bigint)"])
    #expect(try await preflight(world) == "ChangedFile")
    try world.write(Self.files)
    try connection.execute("CREATE TABLE stranger (b int)")
    #expect(try await preflight(world) == "SchemaDrift")
  }

  @Test func `preflight waits for a running dump and for whoever migrates`() async throws {
    let world = try await readyWorld()
    let dump = try PostgresConnection(
      PostgresOptions(url: world.url, applicationName: "pg_dump"))
    try dump.run(script: "BEGIN; SELECT * FROM a")
    #expect(try await preflight(world) == "LongTransaction")
    try dump.run(script: "COMMIT")
    _ = try dump.scalar("SELECT pg_advisory_lock($1)", [.integer(LedgerKeys.all(of: world)[0])])
    #expect(try await preflight(world) == "MigrationRunning")
  }

  @Test func `preflight tells what the user may not do`() async throws {
    let world = try await readyWorld()
    let connection = try world.connection()
    let user = "limited_\(UInt32.random(in: .min ... .max))"
    try connection.run(
      script: "CREATE ROLE \(user) LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(user)")
    let url = world.url.replacing(user: user, password: Secret(""))
    let options = try world.options(url)
    #expect(try await preflight(world, options: options) == "PrivilegeMissing")
    try connection.run(script: "GRANT INSERT, DELETE ON schema_migrations TO \(user)")
    // The table to be altered belongs to another user.
    #expect(try await preflight(world, options: options) == "PrivilegeMissing")
    try connection.run(script: "ALTER TABLE a OWNER TO \(user)")
    // Windlass's own tables can't be written, and other users' sessions are not seen.
    #expect(try await preflight(world, options: options) == "PrivilegeMissing")
    try connection.run(
      script: "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO \(user)")
    #expect(try await preflight(world, options: options) == "PrivilegeMissing")
    try connection.run(script: "GRANT pg_read_all_stats TO \(user)")
    #expect(try await preflight(world, options: options) == nil)
  }
}
