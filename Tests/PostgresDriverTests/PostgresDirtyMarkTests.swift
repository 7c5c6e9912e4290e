import Testing
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// A dirty mark of golang-migrate's, while it is at work and after it was killed.
struct PostgresDirtyMarkTests {
  private static let files = [
    "1_a.up.sql": "CREATE TABLE a (b int)", "2_b.up.sql": "CREATE TABLE b (b int)",
    "3_c.up.sql": "CREATE TABLE c (b int)",
  ]

  /// A database that golang-migrate brought to version 1 and now brings to version 2, under its
  /// lock.
  private struct Stage {
    let world: PostgresWorld
    let golang: EmulatedGolangMigrate

    init(key number: Int = 0) throws {
      world = try PostgresWorld(PostgresDirtyMarkTests.files)
      let keys = try LedgerKeys.all(of: world)
      golang = EmulatedGolangMigrate(connection: try world.connection(), key: keys[number])
      try golang.makeTable()
      try golang.connection.execute(PostgresDirtyMarkTests.files["1_a.up.sql"] ?? "")
      try golang.setVersion(1, isDirty: false)
      _ = try golang.connection.scalar("SELECT pg_advisory_lock($1)", [.integer(golang.key)])
      try golang.setVersion(2, isDirty: true)
    }

    /// The options of one who does not wait long.
    func impatient() throws -> PostgresServiceOptions {
      try world.options { $0.lockDeadline = .milliseconds(300) }
    }

    func finish() throws {
      try golang.connection.execute(PostgresDirtyMarkTests.files["2_b.up.sql"] ?? "")
      try golang.setVersion(2, isDirty: false)
      try unlock()
    }

    func unlock() throws { _ = try golang.connection.scalar("SELECT pg_advisory_unlock_all()") }

    /// Whether a session of that step has read the ledger with its mark.
    func hasRead(_ step: String) throws -> Bool {
      try world.connection().scalar(
        """
        SELECT count(*) > 0 FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE '%/' || $1
          AND query ~ 'ROLLBACK|pg_try_advisory|pg_locks'
        """, [.text(step)]) == .integer(1)
    }
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5])
  func `a mark of one that is at work under any key is waited for, and what is left is applied`(
    number: Int
  ) async throws {
    let stage = try Stage(key: number)
    let world = stage.world
    async let outcome = world.migrate()
    try await waitUntil { try stage.hasRead("migrate") }
    try stage.finish()
    #expect(try await outcome.applied.map(\.version) == [3])
    #expect(try world.ledger() == [[.integer(3), .integer(0)]])
  }

  @Test func `a mark whose maker stays at work is told as a lock that is not had, with its holder`()
    async throws
  {
    let stage = try Stage()
    let failed = try await #require(throws: StepFailure.self) {
      try await stage.world.migrate(options: stage.impatient())
    }
    #expect(failed.code == "LockNotObtained")
    #expect(failed.message.contains("process \(stage.golang.connection.process)"))
    #expect(try stage.world.ledger() == [[.integer(2), .integer(1)]])
    let forecast = try await #require(throws: StepFailure.self) {
      _ = try await stage.world.migrator().forecast(
        MigrateRequest(directory: stage.world.directory, run: "by-hand"))
    }
    #expect(forecast.code == "DatabaseLocked")
    #expect(forecast.message.contains("process \(stage.golang.connection.process)"))
  }

  @Test func `a mark that is left over is told as such, and no key stays taken`() async throws {
    let stage = try Stage()
    try stage.unlock()
    let failed = try await #require(throws: StepFailure.self) { try await stage.world.migrate() }
    #expect(failed.code == "DirtyLedger")
    let forecast = try await #require(throws: StepFailure.self) {
      _ = try await stage.world.migrator().forecast(
        MigrateRequest(directory: stage.world.directory, run: "by-hand"))
    }
    #expect(forecast.code == "DirtyLedger")
    for key in try LedgerKeys.all(of: stage.world) {
      #expect(try EmulatedGolangMigrate(connection: stage.world.connection(), key: key).isFree())
    }
    #expect(try stage.world.ledger() == [[.integer(2), .integer(1)]])
  }

  @Test func `a mark beside a row by which some versions lock is not taken for one left over`()
    async throws
  {
    let stage = try Stage()
    try stage.unlock()
    let connection = stage.golang.connection
    try connection.execute("CREATE TABLE schema_lock (lock_id bigint not null primary key)")
    try connection.execute(
      "INSERT INTO schema_lock VALUES ($1)", [.integer(LedgerKeys.row(of: stage.world))])
    let failed = try await #require(throws: StepFailure.self) {
      try await stage.world.migrate(options: stage.impatient())
    }
    #expect(failed.code == "LockNotObtained")
    #expect(failed.message.contains("schema_lock"))
    try connection.execute("DELETE FROM schema_lock")
    let left = try await #require(throws: StepFailure.self) { try await stage.world.migrate() }
    #expect(left.code == "DirtyLedger")
    #expect(try stage.world.value("SELECT count(*) FROM schema_lock") == .integer(0))
  }

  @Test(arguments: [0, 5])
  func `drift is accepted once whoever is at work under any key is done`(
    number: Int
  ) async throws {
    let stage = try Stage(key: number)
    let world = stage.world
    let early = try await #require(throws: StepFailure.self) {
      try await world.migrator(stage.impatient()).acceptDrift()
    }
    #expect(early.code == "LockNotObtained")
    #expect(early.message.contains("process \(stage.golang.connection.process)"))
    async let accepted: Void = world.migrator().acceptDrift()
    try stage.finish()
    try await accepted
    let report = try await world.migrator().schema()
    #expect(report.version == 2 && !report.isDirty && report.drift == nil)
  }

  @Test func `a mark that is left over keeps drift from being accepted`() async throws {
    let stage = try Stage()
    try stage.unlock()
    let failed = try await #require(throws: StepFailure.self) {
      try await stage.world.migrator().acceptDrift()
    }
    #expect(failed.code == "DirtyLedger")
    for key in try LedgerKeys.all(of: stage.world) {
      #expect(try EmulatedGolangMigrate(connection: stage.world.connection(), key: key).isFree())
    }
  }

  @Test(arguments: [0, 5])
  func `the schema tells who is at work, and of a mark left over that nobody is`(
    number: Int
  ) async throws {
    let stage = try Stage(key: number)
    let running = try await stage.world.migrator().schema()
    #expect(running.isDirty && running.version == 2)
    #expect(
      running.atWork?.contains("process \(stage.golang.connection.process)") == true)
    try stage.unlock()
    let left = try await stage.world.migrator().schema()
    #expect(left.isDirty && left.version == 2 && left.atWork == nil)
    try stage.finish()
    let clean = try await stage.world.migrator().schema()
    #expect(!clean.isDirty && clean.version == 2 && clean.atWork == nil)
  }

  @Test func `what another tool changed behind the mark is told as drift from what Windlass left`()
    async throws
  {
    let stage = try Stage()
    try stage.golang.setVersion(1, isDirty: false)
    let world = stage.world
    try stage.unlock()
    try await world.migrator().acceptDrift()
    _ = try stage.golang.connection.scalar(
      "SELECT pg_advisory_lock($1)", [.integer(stage.golang.key)])
    try stage.golang.setVersion(2, isDirty: true)
    async let outcome = world.migrate()
    try await waitUntil { try stage.hasRead("migrate") }
    try stage.finish()
    do {
      _ = try await outcome
      Issue.record("a table that Windlass did not make was not told")
    } catch {
      #expect((error as? StepFailure)?.code == "SchemaDrift")
    }
  }

  @Test func `a run's preflight waits for one that is at work, and stops for a mark left over`()
    async throws
  {
    let stage = try Stage()
    let plan = try stage.world.plan([2, 3], before: 1)
    let database = try stage.world.database()
    let running = try await #require(throws: StepFailure.self) {
      try await database.preflight(plan)
    }
    #expect(running.code == "MigrationRunning")
    #expect(running.disposition == .wait)
    try stage.unlock()
    let left = try await #require(throws: StepFailure.self) { try await database.preflight(plan) }
    #expect(left.code == "DirtyLedger")
    #expect(left.disposition == .stop)
  }

  @Test func `a run's migration waits for one that is at work, and finds that it migrated`()
    async throws
  {
    let stage = try Stage()
    let database = try stage.world.database()
    let epoch = try await database.takeFence(after: nil, run: "run")
    let order = stage.world.order(2, after: 1, epoch: epoch)
    async let applied = database.apply(order) { _ in true }
    try await waitUntil { try stage.hasRead("migrate") }
    try stage.finish()
    do {
      _ = try await applied
      Issue.record("another tool's migration was taken for the run's own")
    } catch {
      #expect((error as? StepFailure)?.code == "LedgerMoved")
    }
  }

  @Test(arguments: [0, 5])
  func `a run's reading of the ledger does not believe the mark of one that is at work`(
    number: Int
  ) async throws {
    let stage = try Stage(key: number)
    let database = try stage.world.database()
    let running = try await #require(throws: StepFailure.self) { try await database.inspect() }
    #expect(running.code == "MigrationRunning" && running.disposition == .wait)
    #expect(running.message.contains("process \(stage.golang.connection.process)"))
    try stage.unlock()
    let left = try await database.inspect()
    #expect(left.isDirty && left.version == 2 && left.interruptedRun == nil)
    for key in try LedgerKeys.all(of: stage.world) {
      #expect(try EmulatedGolangMigrate(connection: stage.world.connection(), key: key).isFree())
    }
    try stage.finish()
    let clean = try await database.inspect()
    #expect(!clean.isDirty && clean.version == 2)
  }
}
