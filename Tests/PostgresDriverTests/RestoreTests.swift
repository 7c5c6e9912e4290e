import Testing
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// Restoring when a person says so, and scratch copies.
struct RestoreTests {
  private let world: BackupWorld
  private let store: PostgresBackupStore

  init() async throws {
    world = try BackupWorld()
    store = world.store
    try world.connect().run(script: "INSERT INTO log (text) VALUES ('kept')")
    _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
  }

  private func scratch(_ locate: @escaping MigrationLocator = { _ in nil }) -> PostgresScratch {
    PostgresScratch(world.service, backups: world.backups, locate: locate, now: BackupWorld.now)
  }

  @Test func `a restore brings everything back, under the fence's next number`() async throws {
    let database = try world.connect().scalar("SELECT current_database()").text ?? ""
    try world.connect().run(
      script: """
        ALTER DATABASE \(database) SET search_path TO public, "Odd ""one"" s";
        COMMENT ON DATABASE \(database) IS 'the service''s';
        REVOKE CONNECT ON DATABASE \(database) FROM PUBLIC;
        CREATE TABLE later (a int); DELETE FROM log; UPDATE windlass_fence SET epoch = 41
        """)
    let old = try world.connect()
    let users = try await store.users()
    #expect(users.count == 1)
    let report = try await store.restore("b1", acceptingLossSince: BackupWorld.moment)
    #expect(report.epoch == Epoch(42))
    #expect(report.schema == SchemaVersion(3))
    #expect(throws: StepFailure.self) { try old.scalar("SELECT 1") }
    let connection = try world.connect()
    #expect(try connection.scalar("SELECT text FROM log") == .text("kept"))
    #expect(try connection.scalar("SELECT to_regclass('later')") == .null)
    #expect(try connection.scalar("SELECT epoch FROM windlass_fence") == .integer(42))
    #expect(try connection.scalar("SELECT count(*) FROM windlass_identity") == .integer(1))
    #expect(try connection.scalar("SHOW search_path") == .text(#"public, "Odd ""one"" s""#))
    let outside = try connection.rows(
      """
      SELECT shobj_description(oid, 'pg_database'),
        has_database_privilege('pg_monitor', datname, 'CONNECT')
      FROM pg_database WHERE datname = current_database()
      """)
    #expect(outside.first?.values == [.text("the service's"), .integer(0)])
    #expect(try world.leftovers() == [])
  }

  @Test func `a restored schema is no drift, though the server prints it differently`() async throws
  {
    let migrator = PostgresMigrator(world.service, now: BackupWorld.now)
    try await migrator.acceptDrift()
    _ = try await store.backUp("b2", run: "run", purpose: .beforeExpand)
    let place = try world.service.ledger.located(on: world.connect())
    let before = try world.connect().catalogue(place, countsRows: false)
    _ = try await store.restore("b2", acceptingLossSince: BackupWorld.moment)
    let after = try world.connect().catalogue(place, countsRows: false)
    #expect(before.canonicalText != after.canonicalText)
    #expect(try await migrator.schema().drift == nil)
  }

  @Test func `a loss that was not named stops a restore`() async throws {
    let failed = await failure {
      _ = try await store.restore(
        "b1", acceptingLossSince: BackupWorld.moment + .seconds(1))
    }
    #expect(failed?.code == "LossNotNamed")
    #expect(try world.connect().scalar("SELECT text FROM log") == .text("kept"))
  }

  @Test func `a database that is gone is made again`() async throws {
    let database = try world.connect().scalar("SELECT current_database()").text ?? ""
    try PostgresConnection(PostgresOptions(url: world.url.replacing(database: "postgres")))
      .run(script: "DROP DATABASE \(database)")
    #expect(try await store.users() == [])
    let report = try await store.restore("b1", acceptingLossSince: BackupWorld.moment)
    #expect(report.epoch == Epoch(7 + Bounds.lostFenceStride))
    #expect(try world.connect().scalar("SELECT text FROM log") == .text("kept"))
  }

  @Test func `a copy is migrated, compared and removed without touching the database`()
    async throws
  {
    let files = [
      "4_more.up.sql": "-- windlass: expand\nALTER TABLE log ADD COLUMN more int;",
      "5_bad.up.sql": "-- windlass: expand\nALTER TABLE log ADD CONSTRAINT c CHECK (text = 'x');",
      "6_out.up.sql": "-- windlass: expand\nCREATE ROLE somebody;",
    ]
    for (name, text) in files {
      try FileStream.replace(world.directory + "/" + name, with: Array(text.utf8))
    }
    let folder = world.directory
    let scratch = scratch { _ in folder }
    let archive = ArchiveReference(url: "", digest: Digest(""), size: 0)
    let copy = try await scratch.restore("b1", label: "old-1")
    let before = try await scratch.catalogue(of: copy)
    let seen = try await scratch.migrate(
      copy, Migration(version: 4, phase: .expand), from: archive)
    #expect(seen.file == "4_more.up.sql")
    let after = try await scratch.catalogue(of: copy)
    #expect(before.differences(to: after).map(\.kind) == [.columnAdded])
    #expect(before.tables.first { $0.name == "log" }?.rows == 1)
    let failed = await failure {
      _ = try await scratch.migrate(copy, Migration(version: 5, phase: .expand), from: archive)
    }
    #expect(failed?.code == "ConstraintViolated")
    #expect(failed?.blamesRelease == true)
    let out = await failure {
      _ = try await scratch.migrate(copy, Migration(version: 6, phase: .expand), from: archive)
    }
    #expect(out?.code == "ScratchNotContained")
    #expect(out?.blamesRelease == false)
    #expect(
      try world.connect().scalar(
        "SELECT count(*) FROM information_schema.columns WHERE column_name = 'more'")
        == .integer(0))
    try await scratch.discard(copy)
    #expect(try world.leftovers() == [])
  }

  @Test func `a copy with a way out is refused and dropped`() async throws {
    try world.connect().run(
      script: "CREATE EXTENSION dblink WITH SCHEMA public; INSERT INTO log (text) VALUES ('x')")
    _ = try await store.backUp("b2", run: "run", purpose: .beforeExpand)
    let failed = await failure { _ = try await scratch().restore("b2", label: "old-1") }
    #expect(failed?.code == "ScratchNotContained")
    #expect(failed?.message.contains("dblink") == true)
    #expect(try world.leftovers() == [])
  }

  @Test func `only our own databases are ever dropped`() async throws {
    let server = try world.backups.scratchServer()
    let name = server.name(.verification, "b1")
    try world.connect().run(script: "CREATE DATABASE \(name)")
    try world.connect().run(script: "COMMENT ON DATABASE \(name) IS 'somebody else''s'")
    let failed = await failure { _ = try await store.verify("b1") }
    #expect(failed?.code == "ScratchRefused")
    let count = try world.connect().scalar(
      "SELECT count(*) FROM pg_database WHERE datname = $1", [.text(name)])
    #expect(count == .integer(1))
  }

  @Test func `a copy whose directory is gone is swept once it is old, and nothing else is`() throws
  {
    // A server of its own: on the shared one other tests' backup stores sweep what is old as well.
    let url = try PostgresURL(PostgresServer().url("postgres"))
    let connection = try PostgresConnection(PostgresOptions(url: url))
    let server = try PostgresBackupOptions(
      url: url, ledger: world.service.ledger, directory: world.backups.directory,
      freeSpaceMargin: nil
    ).scratchServer()
    let now = Timestamp(milliseconds: Interval.hours(26).milliseconds)
    let promise = "Windlass made this; it may be dropped at any time."
    let other = String(repeating: "0", count: 31) + "x"
    let hour = Interval.hours(1).milliseconds
    // Purpose and hour of making.
    let comments = [
      "\(promise) \(other) rehearse \(hour)", "\(promise) \(other) rehearse \(hour * 20)",
      "\(promise) \(other) restore \(hour)", "\(promise) \(other) rehearse", "rehearse \(hour)",
    ]
    let names = comments.indices.map { "\(server.name(.rehearsal, "stale"))_\($0)" }
    for (name, comment) in zip(names, comments) {
      try connection.run(script: "CREATE DATABASE \(name)")
      try connection.run(script: "COMMENT ON DATABASE \(name) IS '\(comment)'")
    }
    #expect(try server.sweep(.rehearsal, olderThan: .zero, at: now) == 1)
    for (index, name) in names.enumerated() {
      let count = try connection.scalar(
        "SELECT count(*) FROM pg_database WHERE datname = $1", [.text(name)])
      #expect(count == .integer(index == 0 ? 0 : 1), "\(comments[index])")
    }
  }
}
