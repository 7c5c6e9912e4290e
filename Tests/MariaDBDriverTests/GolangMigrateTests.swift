import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// Windlass and golang-migrate on one database.
struct GolangMigrateTests {
  private typealias Files = [Int64: [String]?]

  /// Version 0, a gap, a version with a down file only, and one that is far off.
  private static let files: Files = [
    0: ["CREATE TABLE t (a INT PRIMARY KEY)"], 3: ["INSERT INTO t VALUES (1)"], 7: nil,
    20_240_101_000_000: ["ALTER TABLE t ADD COLUMN b INT", "INSERT INTO t VALUES (2, 2)"],
  ]

  private func fixture(_ files: Files = files) throws -> Fixture {
    let fixture = try Fixture()
    try write(files, fixture)
    return fixture
  }

  private func write(_ files: Files, _ fixture: Fixture) throws {
    for (number, statements) in files {
      if let statements {
        try fixture.write("\(number)_x.up.sql", statements.joined(separator: ";\n"))
      } else {
        try fixture.write("\(number)_x.down.sql", "SELECT 1")
      }
    }
  }

  private func migrate(
    _ fixture: Fixture, to target: SchemaVersion? = nil
  ) async throws -> [SchemaVersion] {
    try await fixture.migrator().migrate(
      MigrateRequest(
        directory: fixture.directory, target: target, phase: .contract, run: "migrate-1")
    ) { _ in }.applied.map(\.version)
  }

  /// The ledger's definition and every row.
  private func ledger(_ fixture: Fixture) throws -> [String] {
    let definition = try fixture.other().rows("SHOW CREATE TABLE schema_migrations")
      .first?.values.last?.text
    return [definition ?? ""] + (try fixture.ledger())
  }

  @Test(arguments: [0, 3, 7, 20_240_101_000_000])
  func `after Windlass the ledger is what golang-migrate would have written`(
    version: UInt64
  ) async throws {
    let (theirs, ours) = (try fixture(), try fixture())
    defer {
      theirs.remove()
      ours.remove()
    }
    let files = Self.files.filter { UInt64($0.key) <= version }
    try EmulatedGolangMigrate(theirs).up(files)
    _ = try await migrate(ours, to: SchemaVersion(version))
    #expect(try ledger(ours) == ledger(theirs))
  }

  @Test func `either goes on where the other stopped, and applies nothing twice`() async throws {
    var files = Self.files
    let fixture = try fixture(files)
    defer { fixture.remove() }
    let golang = try EmulatedGolangMigrate(fixture)
    try golang.up(files.filter { $0.key <= 3 })
    #expect(try await migrate(fixture) == [7, 20_240_101_000_000])
    #expect(throws: EmulatedGolangMigrate.Failure.noChange) { try golang.up(files) }
    files[20_240_101_000_001] = ["UPDATE t SET b = 5", "ALTER TABLE t ADD COLUMN c INT"]
    try golang.up(files)
    #expect(try fixture.ledger() == ["20240101000001,0"])
    files[20_240_101_000_002] = ["INSERT INTO t VALUES (3, 3, 3)"]
    try write(files, fixture)
    // What another tool changed in the schema is taken on a person's word.
    let drift = await #expect(throws: StepFailure.self) { try await migrate(fixture) }
    #expect(drift?.code == "SchemaDrift")
    try await fixture.migrator().acceptDrift()
    #expect(try await migrate(fixture) == [20_240_101_000_002])
    let rows = try fixture.other().rows("SELECT a, b FROM t ORDER BY a").map(\.values)
    #expect(
      rows == [
        [.integer(1), .integer(5)], [.integer(2), .integer(5)], [.integer(3), .integer(3)],
      ])
    #expect(try fixture.ledger() == ["20240101000002,0"])
  }

  @Test func `what golang-migrate left half done is refused until a person has forced it`()
    async throws
  {
    let fixture = try fixture()
    defer { fixture.remove() }
    let golang = try EmulatedGolangMigrate(fixture)
    try golang.up(Self.files, killedIn: 3)
    let failure = await #expect(throws: StepFailure.self) { try await migrate(fixture) }
    #expect(failure?.code == "DirtyLedger")
    #expect(try fixture.ledger() == ["3,1"])
    #expect(try await fixture.migrator().schema().interrupted == nil)
    // While the first migration is taken back, golang-migrate writes a row that is no version.
    try golang.setVersion(-1, isDirty: true)
    let first = await #expect(throws: StepFailure.self) { try await migrate(fixture) }
    #expect(first?.code == "DirtyLedger")
    try golang.force(0)
    #expect(try await migrate(fixture) == [3, 7, 20_240_101_000_000])
  }

  @Test func `what Windlass left half done is refused by golang-migrate`() async throws {
    let fixture = try fixture([1: ["CREATE TABLE t (a INT)", "ALTER TABLE missing ADD b INT"]])
    defer { fixture.remove() }
    await #expect(throws: StepFailure.self) { try await migrate(fixture) }
    let golang = try EmulatedGolangMigrate(fixture)
    #expect(throws: EmulatedGolangMigrate.Failure.dirty(1)) { try golang.up([1: []]) }
    let report = try await fixture.migrator().schema()
    let interrupted = try #require(report.interrupted)
    #expect(interrupted.position == 2 && interrupted.count == 2)
    #expect(interrupted.file == "1_x.up.sql" && interrupted.standing == .notBegun)
  }

  @Test func `while golang-migrate is under way Windlass waits, and then finds its work done`()
    async throws
  {
    let fixture = try fixture()
    defer { fixture.remove() }
    let golang = try EmulatedGolangMigrate(fixture)
    try golang.lock()
    let work = Worker(golang)
    async let applied = migrate(fixture)
    try await work.goOn(with: Self.files)
    // It read the ledger before golang-migrate began, or after: either way it applies nothing that
    // is there already.
    do {
      #expect(try await applied.isEmpty)
    } catch {
      #expect((error as? StepFailure)?.code == "LedgerMoved")
    }
    #expect(try fixture.ledger() == ["20240101000000,0"])
    #expect(try fixture.other().scalar("SELECT COUNT(*) FROM t") == .integer(2))
  }

  @Test func `while Windlass is under way golang-migrate waits, and then finds its work done`()
    async throws
  {
    let fixture = try fixture()
    defer { fixture.remove() }
    let golang = try EmulatedGolangMigrate(fixture)
    let seen = Seen()
    let once = Once()
    let work = Worker(golang)
    let migrator = fixture.migrator { point in
      // It asks while a migration is under way, and is answered when that one is done.
      guard point == "before 1", once.isFirst else { return }
      Task { seen.add(await work.outcome(of: Self.files)) }
      let waiting = """
        SELECT COUNT(*) FROM information_schema.PROCESSLIST
        WHERE DB = DATABASE() AND STATE = 'User lock'
        """
      let deadline = ContinuousClock.now + .seconds(20)
      let other = try? fixture.other()
      while (try? other?.scalar(waiting)) == .integer(0), ContinuousClock.now < deadline {}
    }
    let request = MigrateRequest(
      directory: fixture.directory, phase: .contract, run: "migrate-1")
    do {
      _ = try await migrator.migrate(request) { _ in }
    } catch {
      // golang-migrate came in between two migrations, which Windlass lets it do.
      #expect(error.code == "LedgerMoved")
    }
    let deadline = ContinuousClock.now + .seconds(60)
    while seen.all.isEmpty, ContinuousClock.now < deadline { await Task.yield() }
    #expect(["done", "\(EmulatedGolangMigrate.Failure.noChange)"].contains(seen.all.first))
    #expect(try fixture.ledger() == ["20240101000000,0"])
    #expect(try fixture.other().scalar("SELECT COUNT(*) FROM t") == .integer(2))
  }
}

/// golang-migrate on a thread of its own.
private actor Worker {
  private let executor = BlockingExecutor(label: "golang-migrate")
  private let golang: EmulatedGolangMigrate

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(_ golang: sending EmulatedGolangMigrate) { self.golang = golang }

  /// Goes on with the lock that it has, and gives it back.
  func goOn(with files: [Int64: [String]?]) throws {
    try golang.up(files)
    try golang.unlock()
  }

  func outcome(of files: [Int64: [String]?]) -> String {
    do {
      try golang.up(files)
      return "done"
    } catch {
      return "\(error)"
    }
  }
}
