import Glibc
import Testing
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// Copies to rehearse on.
struct ScratchTests {
  private let world: ServiceWorld

  init() async throws {
    world = try ServiceWorld()
    try world.write(RebuildStory.files)
    let epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    try world.run(RebuildStory.rows)
    _ = try await world.backups().backUp("b1", run: "run", purpose: .beforeExpand)
  }

  private let rebuild = Migration(version: 2, phase: .expand)

  @Test func `a copy is migrated, compared and removed without touching the database`() async throws
  {
    let scratch = world.scratch()
    let copy = try await scratch.restore("b1", label: "old-1")
    #expect(copy.url == "sqlite://\(world.directory.file("scratch/old-1.db"))")
    #expect(try SQLiteURL.path(of: copy.url) == world.directory.file("scratch/old-1.db"))
    let before = try await scratch.catalogue(of: copy)
    #expect(before.tables.map(\.name) == ["child", "parent"])
    #expect(before.tables.map(\.rows) == [2, 2])
    let seen = try await scratch.migrate(copy, rebuild, from: ServiceWorld.archive)
    #expect(seen.file == "2_rebuild.up.sql")
    let after = try await scratch.catalogue(of: copy)
    #expect(
      before.differences(to: after).map(\.kind)
        == [.columnNullabilityChanged, .columnDefaultChanged])
    #expect(try await world.database.inspect().version == 1)
    try await scratch.discard(copy)
    try await scratch.discard(copy)
    #expect(world.directory.names(in: "scratch") == [])
  }

  @Test func `queries are prepared on the copy as it is now, and not carried out`() async throws {
    let scratch = world.scratch()
    let copy = try await scratch.restore("b1", label: "old-1")
    let texts = [
      "SELECT id, id + 1 AS next FROM parent WHERE id = ?1;", "DELETE FROM parent",
      // Old programs read this as a text, where there is no such column.
      #"SELECT "gone" FROM parent"#,
      "SELECT p.gone FROM parent AS p", "INSERT INTO parent VALUES (1, 2, 3, 4, 5, 6, 7)",
      "SELECT 1; DELETE FROM parent", "SELECT 1; -- no more", "-- nothing", "SELEC 1",
    ]
    let recorded = RecordedQueries(
      engine: scratch.queryEngine, queries: texts.map { RecordedQuery(name: $0, sql: $0) })
    let outcomes = try await scratch.prepare(recorded, on: copy)
    #expect(
      outcomes.prefix(2) == [.prepared(columns: ["id INTEGER", "next"]), .prepared(columns: [])])
    #expect(
      outcomes.dropFirst(2) == [
        .refused("no such column: gone"), .refused("no such column: p.gone"),
        .refused("table parent has 2 columns but 7 values were supplied"),
        .refused("it holds more than one statement"), .prepared(columns: ["1"]),
        .refused("it holds no statement"), .refused("near \"SELEC\": syntax error"),
      ])
    #expect(try await scratch.catalogue(of: copy).tables.map(\.rows) == [2, 2])
  }

  @Test func `rows that a rebuild loses are counted, with foreign keys as the service has them`()
    async throws
  {
    let scratch = world.scratch { $0.enforcesForeignKeys = true }
    let copy = try await scratch.restore("b1", label: "old-1")
    let before = try await scratch.catalogue(of: copy)
    _ = try await scratch.migrate(copy, rebuild, from: ServiceWorld.archive)
    let lost = before.differences(to: try await scratch.catalogue(of: copy)).filter {
      $0.kind == .rowsLost
    }
    #expect(lost.map(\.sentence) == ["Table child lost 2 of its 2 row(s)."])
  }

  @Test func `a copy has the mode of the database and replaces a leftover`() async throws {
    let scratch = world.scratch()
    let first = try await scratch.restore("b1", label: "old-1")
    _ = try await scratch.migrate(first, rebuild, from: ServiceWorld.archive)
    let second = try await scratch.restore("b1", label: "old-1")
    let copy = try SQLiteConnection.opened(try SQLiteURL.path(of: second.url), mode: nil)
    #expect(try copy.lines("PRAGMA journal_mode") == ["wal"])
    #expect(try copy.lines("SELECT * FROM schema_migrations") == ["1|0"])
    #expect(try copy.lines("SELECT * FROM windlass_fence") == [])
  }

  @Test func `a damaged backup makes no copy`() async throws {
    let file = world.directory.file("backups/b1.db")
    var bytes = try TemporaryDirectory.read(file)
    bytes[5_000] ^= 4
    try TemporaryDirectory.write(bytes, to: file)
    let failed = await failure { _ = try await world.scratch().restore("b1", label: "x") }
    #expect(failed?.code == "BackupDamaged")
    #expect(world.directory.names(in: "scratch") == [])
  }

  @Test func `a copy that was forgotten a day ago is removed, and no other`() async throws {
    let scratch = world.scratch()
    _ = try await scratch.restore("b1", label: "forgotten")
    _ = try await scratch.restore("b1", label: "in-use")
    var times = [utimbuf()]
    times[0].modtime = time(nil) - 90_000
    #expect(utime(world.directory.file("scratch/forgotten.db"), times) == 0)
    _ = try await scratch.restore("b1", label: "new")
    #expect(world.directory.names(in: "scratch") == ["in-use.db", "new.db"])
  }

  @Test func `a migration that fails on the copy says why`() async throws {
    try world.write(["2_rebuild.up.sql": "INSERT INTO child VALUES (3, 99)"])
    let scratch = world.scratch()
    let copy = try await scratch.restore("b1", label: "old-1")
    let failed = await failure {
      _ = try await scratch.migrate(copy, rebuild, from: ServiceWorld.archive)
    }
    #expect(failed?.code == "ForeignKeyViolated")
  }

  @Test(arguments: [
    ("sqlite:///var/lib/a.db", "/var/lib/a.db"),
    ("sqlite:///var/a%20b%25.db?cache=shared&_fk=true", "/var/a b%.db"),
  ])
  func `a URL names a path`(url: String, path: String) throws {
    #expect(try SQLiteURL.path(of: url) == path)
  }

  @Test(arguments: [
    "sqlite://relative.db", "sqlite:///a?mode=memory", "sqlite:///%zz", "sqlite:///%+1",
    "postgres://a/b", "sqlite:///", "sqlite:///a%00b", "sqlite:///%ff",
  ])
  func `a URL that names no file is refused`(url: String) async {
    let failed = await failure { _ = try SQLiteURL.path(of: url) }
    #expect(failed?.code == "BadURL")
  }
}
