import FoundationEssentials
import Glibc
import Testing
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// Backups against a real server.
struct BackupTests {
  private let world: BackupWorld
  private let store: PostgresBackupStore

  init() throws {
    world = try BackupWorld()
    store = world.store
  }

  private func take(_ id: BackupID = "b1") async throws {
    _ = try await store.backUp(id, run: "run", purpose: .beforeExpand)
  }

  private var file: String { world.directory + "/backups/b1.dump" }

  @Test func `a backup under writes restores to exactly what its snapshot saw`() async throws {
    let writer = BackupWriter(world)
    async let written = writer.run()
    for index in 1...3 { try await take(BackupID("b\(index)")) }
    await writer.stop()
    #expect(try await written > 0)
    for index in 1...3 {
      let receipt = try await store.verify(BackupID("b\(index)"))
      #expect(receipt.isVerified)
      #expect(receipt.schema == SchemaVersion(3))
    }
    #expect(try world.leftovers() == [])
    let names = try FileManager.default.contentsOfDirectory(atPath: world.directory + "/backups")
    #expect(names.allSatisfy { !$0.hasSuffix(".partial") }, "\(names)")
    var status = stat()
    #expect(stat(file, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
  }

  @Test func `Windlass's fence and name do not travel, its history does`() async throws {
    try await take()
    _ = try await store.verify("b1")
    let scratch = PostgresScratch(
      world.service, backups: world.backups, locate: { _ in nil }, now: BackupWorld.now)
    let copy = try await scratch.restore("b1", label: "old-1")
    let connection = try PostgresConnection(PostgresOptions(url: PostgresURL(copy.url)))
    #expect(try connection.scalar("SELECT count(*) FROM windlass_fence") == .integer(0))
    #expect(try connection.scalar("SELECT count(*) FROM windlass_identity") == .integer(0))
    #expect(try connection.scalar("SELECT count(*) FROM windlass_catalogue") == .integer(1))
    #expect(try connection.scalar("SELECT version FROM schema_migrations") == .integer(3))
    let queries = ["SELECT loud FROM low", "SELECT quiet FROM low"].map {
      RecordedQuery(name: $0, sql: $0)
    }
    let outcomes = try await scratch.prepare(
      RecordedQueries(engine: scratch.queryEngine, queries: queries), on: copy)
    #expect(outcomes.first == .prepared(columns: ["loud text"]))
    #expect(outcomes.last != outcomes.first && outcomes.count == 2)
    try await scratch.discard(copy)
    try await scratch.discard(copy)
    #expect(try world.leftovers() == [])
  }

  @Test func `what sidecars share stands outside a backup and its comparison`() async throws {
    let session = PostgresSession(PostgresOptions(url: world.url))
    let coordination = DatabaseCoordination(session, .postgres)
    let lease = Lease(holder: "a", term: 1)
    #expect(try await coordination.take(lease, after: nil))
    _ = try await coordination.report("before", of: "r1")
    let journal = try await DatabaseJournal.open(session, .postgres, under: lease)
    let record = JournalRecord(
      service: "s", kind: .state, at: Timestamp(milliseconds: 1), payload: "{}")
    _ = try await journal.append(record)
    try await take()
    // While the backup is compared the slots beat on.
    _ = try await coordination.report("later", of: "r2")
    #expect(try await store.verify("b1").isVerified)
    let scratch = PostgresScratch(
      world.service, backups: world.backups, locate: { _ in nil }, now: BackupWorld.now)
    let copy = try await scratch.restore("b1", label: "old-1")
    let connection = try PostgresConnection(PostgresOptions(url: PostgresURL(copy.url)))
    for table in [OwnTables.lease, OwnTables.slot, OwnTables.journal] {
      #expect(try connection.scalar("SELECT count(*) FROM \(table)") == .integer(0), "\(table)")
    }
    try await scratch.discard(copy)
  }

  @Test func `a backup is taken once, and listed, and pruned`() async throws {
    try await take()
    let first = try await store.receipt(of: "b1")
    try world.connect().run(script: "INSERT INTO log (text) VALUES ('later')")
    try await take()
    #expect(try await store.receipt(of: "b1") == first)
    try await take("b2")
    #expect(try await store.list().map(\.id) == ["b1", "b2"])
    try await store.prune(keep: 1, protecting: [])
    #expect(try await store.list().map(\.id) == ["b2"])
  }

  @Test(arguments: [
    "DELETE FROM log WHERE id = 1", "UPDATE parts SET v = 'x' WHERE k = 7",
    "ALTER TABLE log ADD COLUMN extra int", "DROP INDEX parts_low_k",
    "DROP TRIGGER noted ON parts_low",
    "DROP POLICY seen ON parts_low", "ALTER TYPE mood ADD VALUE 'low'",
    "UPDATE schema_migrations SET version = 2", "CREATE VIEW more AS SELECT 1 AS a",
    "ALTER TABLE log ALTER COLUMN text SET NOT NULL", "DELETE FROM windlass_catalogue",
    "CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "SELECT lo_unlink(oid) FROM pg_largeobject_metadata",
    "SELECT setval(pg_get_serial_sequence('log', 'id'), 1, false)",
  ])
  func `a backup of something else fails its verification`(change: String) async throws {
    try world.connect().run(script: "INSERT INTO log (text) VALUES ('one'), ('two')")
    try await take()
    let kept = try await store.directory.known("b1")
    try world.connect().run(script: change)
    try await take("b2")
    // The second backup's file under the first one's name, as if the first had been taken wrongly.
    var forged = kept
    let other = try await store.directory.known("b2")
    (forged.digest, forged.size) = (other.digest, other.size)
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.copyItem(atPath: file.replacing("b1.", with: "b2."), toPath: file)
    try FileStream.replace(
      world.directory + "/backups/b1.manifest", with: try forged.encoded())
    let failed = await failure { _ = try await store.verify("b1") }
    #expect(failed?.code == "BackupDamaged", "\(String(describing: failed))")
    #expect(try await store.receipt(of: "b1")?.isVerified == false)
    #expect(try world.leftovers() == [])
  }

  @Test func `an older pg_dump than the server is refused`() throws {
    let failed = #expect(throws: StepFailure.self) {
      try ClientPrograms.find(serverVersion: 990_001, place: "db/app")
    }
    #expect(failed?.code == "ProgramTooOld")
    #expect(failed?.message.contains("postgresql-client-99") == true)
    let missing = #expect(throws: StepFailure.self) {
      try ClientPrograms.find(
        serverVersion: 150_001, place: "db/app", named: "/nowhere", usual: ["/nowhere"])
    }
    #expect(missing?.code == "ProgramMissing")
  }

  private func version(named: String?, _ usual: [String]) throws(StepFailure) -> String {
    var attempts = 0
    while true {
      do throws(StepFailure) {
        return try ClientPrograms.find(
          serverVersion: 170_002, place: "db/app", named: named, usual: usual
        ).version
      } catch {
        // A child that another test starts holds what was just written until it runs its program.
        attempts += 1
        guard error.code == "ProgramNotStarted", attempts < 200 else { throw error }
        usleep(5_000)
      }
    }
  }

  @Test func `of several client versions one is taken that can back the server up`() throws {
    func programs(_ version: String) throws -> String {
      let directory = "\(world.directory)/\(version)"
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
      for name in ["pg_dump", "pg_restore"] {
        let file = "\(directory)/\(name)"
        try Data("#!/bin/sh\necho '\(name) (PostgreSQL) \(version)'\n".utf8)
          .write(to: URL(filePath: file))
        #expect(chmod(file, 0o755) == 0)
      }
      return directory
    }
    let (old, own, newer) = (try programs("15.9"), try programs("17.4"), try programs("18.1"))
    // The server's own version, or else the next one above.
    #expect(try version(named: nil, [newer, old, own]) == "17.4")
    #expect(try version(named: nil, [newer, old]) == "18.1")
    // A person's choice, unless it can't do it.
    #expect(try version(named: newer, [old, own]) == "18.1")
    #expect(try version(named: old, [own]) == "17.4")
    let failed = #expect(throws: StepFailure.self) { try version(named: old, []) }
    #expect(failed?.code == "ProgramTooOld")
    #expect(failed?.message.contains("PostgreSQL 17, and the newest pg_dump") == true)
    #expect(failed?.message.contains("15.9 in \(old)") == true)
  }

  @Test func `a password is in a file of this user alone, and gone afterwards`() throws {
    let secret = "a:b\\c 'd' é"
    let url = try PostgresURL("postgres://app@db.example/app?sslmode=disable")
      .replacing(user: "app", password: Secret(secret))
    var place = ""
    do {
      let access = try ClientAccess(url, applicationName: "test", directory: world.directory)
      let entry = try #require(access.environment.last { $0.hasPrefix("PGPASSFILE=") })
      place = String(entry.dropFirst("PGPASSFILE=".count))
      #expect(!access.connection.contains(secret))
      #expect(!access.environment.contains { $0.contains("d' é") })
      var status = stat()
      #expect(stat(place, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600)
      let bytes = try #require(try FileStream.read(place, sizeMax: 1_000))
      #expect(String(decoding: bytes, as: UTF8.self) == "*:*:*:*:a\\:b\\\\c 'd' é\n")
    }
    #expect(!FilePath.exists(place))
  }
}
