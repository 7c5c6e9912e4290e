import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// A dirty mark of golang-migrate's, while it is at work and after it was killed.
struct MySQLDirtyMarkTests {
  private static let files = [
    "1_a.up.sql": "CREATE TABLE a (b INT)", "2_b.up.sql": "CREATE TABLE b (b INT)",
    "3_c.up.sql": "CREATE TABLE c (b INT)",
  ]

  /// A database that golang-migrate brought to version 1 and now brings to version 2, under its
  /// lock.
  private struct Stage {
    let fixture: Fixture
    let golang: EmulatedGolangMigrate

    init() throws {
      fixture = try Fixture(MySQLDirtyMarkTests.files)
      golang = try EmulatedGolangMigrate(fixture)
      try golang.connection.run("CREATE TABLE a (b INT)")
      try golang.setVersion(1, isDirty: false)
      try golang.lock()
      try golang.setVersion(2, isDirty: true)
    }

    func finish() throws {
      try golang.connection.run("CREATE TABLE b (b INT)")
      try golang.setVersion(2, isDirty: false)
      try golang.unlock()
    }

    /// Who does not wait long.
    var impatient: MySQLMigrator { fixture.with(deadline: .milliseconds(300)).migrator() }

    func database() -> MySQLServiceDatabase {
      let directory = fixture.directory
      return MySQLServiceDatabase(
        fixture.options, locate: { (_) throws(StepFailure) in directory },
        now: { Timestamp(milliseconds: 1_790_000_000_000) })
    }

    /// A plan for what is left behind version 1.
    func plan() throws -> Plan {
      let migrations = [2, 3].map { Migration(version: $0, phase: .expand) }
      let archive = ArchiveReference(url: "", digest: "", size: 0)
      let target = Release(
        version: Version(1, 1, 0), window: try #require(SchemaWindow(min: 0, max: 9)),
        migrations: migrations, migrationArchive: archive)
      return Plan(
        service: "service", run: "run", kind: .upgrade, source: nil, target: target,
        migrations: migrations, schemaBefore: 1, rollout: RolloutPolicy(), manifest: "")
    }

    var holder: String { "session \(golang.connection.id)" }
    var request: MigrateRequest { MigrateRequest(directory: fixture.directory, run: "by-hand") }
  }

  @Test func `a mark of one that is at work is waited for before drift is accepted`() async throws {
    let stage = try Stage()
    defer { stage.fixture.remove() }
    let early = await #expect(throws: StepFailure.self) { try await stage.impatient.acceptDrift() }
    #expect(early?.code == "LockNotObtained", "\(early?.description ?? "none")")
    #expect(early?.message.contains(stage.holder) == true)
    let fixture = stage.fixture
    async let accepted: Void = fixture.migrator().acceptDrift()
    try stage.finish()
    try await accepted
    #expect(try stage.fixture.ledger() == ["2,0"])
    let report = try await stage.fixture.migrator().schema()
    #expect(report.drift == nil && report.version == 2 && !report.isDirty)
  }

  @Test func `a mark that is left over keeps drift from being accepted`() async throws {
    let stage = try Stage()
    defer { stage.fixture.remove() }
    try stage.golang.unlock()
    let failure = await #expect(throws: StepFailure.self) {
      try await stage.fixture.migrator().acceptDrift()
    }
    #expect(failure?.code == "DirtyLedger")
    // The lock is free again.
    try stage.golang.lock()
  }

  @Test func `the schema tells who is at work, and of a mark left over that nobody is`()
    async throws
  {
    let stage = try Stage()
    defer { stage.fixture.remove() }
    let running = try await stage.fixture.migrator().schema()
    #expect(running.isDirty && running.version == 2)
    #expect(running.atWork?.contains(stage.holder) == true)
    try stage.golang.unlock()
    let left = try await stage.fixture.migrator().schema()
    #expect(left.isDirty && left.version == 2 && left.atWork == nil)
    try stage.golang.lock()
    try stage.finish()
    let clean = try await stage.fixture.migrator().schema()
    #expect(!clean.isDirty && clean.version == 2 && clean.atWork == nil)
  }

  @Test func `a dry run does not believe the mark of one that is at work`() async throws {
    let stage = try Stage()
    defer { stage.fixture.remove() }
    let running = await #expect(throws: StepFailure.self) {
      try await stage.fixture.migrator().forecast(stage.request)
    }
    #expect(running?.code == "DatabaseLocked")
    #expect(running?.message.contains(stage.holder) == true)
    try stage.golang.unlock()
    let left = await #expect(throws: StepFailure.self) {
      try await stage.fixture.migrator().forecast(stage.request)
    }
    #expect(left?.code == "DirtyLedger")
    try stage.golang.lock()
    try stage.finish()
    #expect(
      try await stage.fixture.migrator().forecast(stage.request).pending.map(\.version) == [3])
  }

  @Test func `a run's preflight waits for one that is at work, and stops for a mark left over`()
    async throws
  {
    let stage = try Stage()
    defer { stage.fixture.remove() }
    let (database, plan) = (stage.database(), try stage.plan())
    let running = await #expect(throws: StepFailure.self) { try await database.preflight(plan) }
    #expect(running?.code == "MigrationRunning")
    #expect(running?.disposition == .wait)
    #expect(running?.message.contains(stage.holder) == true)
    try stage.golang.unlock()
    let left = await #expect(throws: StepFailure.self) { try await database.preflight(plan) }
    #expect(left?.code == "DirtyLedger")
    #expect(left?.disposition == .stop)
    // The lock is free again.
    try stage.golang.lock()
  }

  @Test func `a run's reading of the ledger does not believe the mark of one that is at work`()
    async throws
  {
    let stage = try Stage()
    defer { stage.fixture.remove() }
    let database = stage.database()
    let running = await #expect(throws: StepFailure.self) { try await database.inspect() }
    #expect(running?.code == "MigrationRunning" && running?.disposition == .wait)
    #expect(running?.message.contains(stage.holder) == true)
    try stage.golang.unlock()
    let left = try await database.inspect()
    #expect(left.isDirty && left.version == 2 && left.interruptedRun == nil)
    // The lock is free again.
    try stage.golang.lock()
    try stage.finish()
    let clean = try await database.inspect()
    #expect(!clean.isDirty && clean.version == 2)
  }
}
