import PostgresDriver
import Testing
import WindlassCore
import WindlassSchema

/// Windlass and golang-migrate, and several of either, on one database.
struct PostgresExclusionTests {
  @Test(arguments: [0, 1, 2, 3, 4, 5])
  func `whoever holds a key of golang-migrate keeps Windlass out, in every variant`(
    number: Int
  ) async throws {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int)"])
    let holder = try world.connection()
    let key = try #require(try Self.keys(world).dropFirst(number).first)
    _ = try holder.scalar("SELECT pg_advisory_lock($1)", [.integer(key)])
    let options = try world.options { $0.lockDeadline = .milliseconds(300) }
    let failure = try await #require(throws: StepFailure.self) {
      try await world.migrate(options: options)
    }
    #expect(failure.code == "LockNotObtained")
    #expect(failure.message.contains("process \(holder.process)"))
    #expect(try world.value("SELECT to_regclass('a')") == .null)
    _ = try holder.scalar("SELECT pg_advisory_unlock_all()")
    try await world.migrate()
    #expect(try world.ledger() == [[.integer(1), .integer(0)]])
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5])
  func `while Windlass migrates, golang-migrate waits in every variant`(number: Int) async throws {
    let world = try PostgresWorld([
      "1_a.up.sql": "CREATE TABLE a (b int)", "2_b.up.sql": "INSERT INTO a SELECT 1 FROM hold",
    ])
    try world.connection().execute("CREATE TABLE hold (x int)")
    try await world.migrate(to: 1)
    let key = try #require(try Self.keys(world).dropFirst(number).first)
    let golang = EmulatedGolangMigrate(connection: try world.connection(), key: key)
    try golang.makeTable()
    #expect(try golang.isFree())
    // An index that is built waits here while the keys are held.
    let holder = try world.connection()
    try holder.run(script: "BEGIN; LOCK TABLE hold IN ACCESS EXCLUSIVE MODE")
    let options = try world.options { $0.lockBudget = .seconds(60) }
    async let outcome = world.migrate(options: options)
    try await waitUntil { try !golang.isFree() }
    try holder.run(script: "COMMIT")
    #expect(try await outcome.applied.map(\.version) == [2])
    #expect(try golang.isFree())
    try golang.setVersion(3, isDirty: false)
    #expect(try world.ledger() == [[.integer(3), .integer(0)]])
  }

  @Test func `two migrators apply everything once`() async throws {
    let files = Dictionary(
      uniqueKeysWithValues: (1...8).map {
        ("\($0)_a.up.sql", "CREATE TABLE t\($0) (b int); INSERT INTO t\($0) VALUES (1)")
      })
    let world = try PostgresWorld(files)
    await withTaskGroup(of: Void.self) { group in
      for number in 1...3 {
        group.addTask {
          // Whoever comes second finds that the other migrated, and says so.
          do { try await world.migrate(run: RunID("run-\(number)")) } catch {
            #expect((error as? StepFailure)?.code == "LedgerMoved")
          }
        }
      }
    }
    try await world.migrate()
    #expect(try world.ledger() == [[.integer(8), .integer(0)]])
    #expect(try world.value("SELECT count(*) FROM windlass_migration_log") == .integer(8))
  }

  @Test func `a row of the table by which some versions lock keeps Windlass out, and none stays`()
    async throws
  {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int)"])
    let other = try world.connection()
    try other.execute("CREATE TABLE schema_lock (lock_id bigint not null primary key)")
    let key = try LedgerKeys.row(of: world)
    try other.execute("INSERT INTO schema_lock VALUES ($1)", [.integer(key)])
    let options = try world.options { $0.lockDeadline = .milliseconds(300) }
    let failure = try await #require(throws: StepFailure.self) {
      try await world.migrate(options: options)
    }
    #expect(failure.code == "LockNotObtained")
    try other.execute("DELETE FROM schema_lock")
    try await world.migrate()
    #expect(try world.value("SELECT count(*) FROM schema_lock") == .integer(0))
  }

  @Test func `a lock that somebody holds for long is not queued for`() async throws {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int)"])
    try await world.migrate()
    try world.write(["2_b.up.sql": "ALTER TABLE a ADD c int"])
    let reader = try world.connection()
    try reader.run(script: "BEGIN; SELECT * FROM a")
    async let outcome = world.migrate()
    // Other readers pass all the time; with a queue, each would wait for the first one's end.
    let passer = try world.connection()
    let began = ContinuousClock.now
    var passed = 0
    while ContinuousClock.now - began < .seconds(3) {
      _ = try passer.transaction(PostgresLimits(lockBudget: .seconds(2), holdBudget: nil)) {
        connection throws(StepFailure) in
        _ = try connection.scalar("SELECT count(*) FROM a")
      }
      passed += 1
    }
    #expect(passed > 10)
    #expect(try world.value("SELECT version FROM schema_migrations") == .integer(1))
    try reader.run(script: "COMMIT")
    #expect(try await outcome.applied.map(\.version) == [2])
  }

  @Test func `who holds the lock is named when the deadline is over`() async throws {
    let world = try PostgresWorld(["1_a.up.sql": "CREATE TABLE a (b int)"])
    try await world.migrate()
    try world.write(["2_b.up.sql": "ALTER TABLE a ADD c int"])
    let reader = try PostgresConnection(
      PostgresOptions(url: world.url, applicationName: "nightly-report"))
    try reader.run(script: "BEGIN; SELECT * FROM a")
    let options = try world.options { $0.lockDeadline = .milliseconds(500) }
    let failure = try await #require(throws: StepFailure.self) {
      try await world.migrate(options: options)
    }
    #expect(failure.code == "LockNotObtained")
    #expect(failure.message.contains("process \(reader.process), nightly-report"))
    #expect(failure.message.contains("on a"))
  }

  private static func keys(_ world: PostgresWorld) throws -> [Int64] {
    try LedgerKeys.all(of: world)
  }
}
