import FoundationEssentials
import Testing
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// Backups and copies on a stand-in for CockroachDB.
@Suite(.serialized) struct CockroachBackupTests {
  private let world: CockroachWorld
  private let url: PostgresURL
  private let directory = TemporaryPath.make()
  private let options: PostgresBackupOptions
  private let store: CockroachBackupStore

  init() async throws {
    world = try CockroachWorld([
      "1_a.up.sql": """
      CREATE TABLE a (b INT PRIMARY KEY, c STRING NOT NULL DEFAULT 'x', CHECK (b > 0));
      CREATE INDEX a_by_c ON a (c);
      INSERT INTO a VALUES (1, 'one'), (2, 'two');
      """
    ])
    url = try PostgresURL(
      world.url.secret.reveal() + "?x-backup-destination=external://windlass")
    try await world.migrate()
    options = PostgresBackupOptions(
      url: url, ledger: PostgresLedger(), directory: directory + "/backups")
    store = CockroachBackupStore(options, now: BackupWorld.now)
  }

  private func take(_ id: BackupID = "b1") async throws {
    _ = try await store.backUp(id, run: "run", purpose: .beforeExpand)
  }

  private func leftovers() throws -> [String] {
    let owner = try options.scratchServer().owner
    return try world.below.connection().rows(
      """
      SELECT datname::text FROM pg_database
      WHERE strpos(coalesce(shobj_description(oid, 'pg_database'), ''), $1) > 0
      """, [.text(owner)]
    ).compactMap { $0.values[0].text }
  }

  @Test func `a backup of CockroachDB is of the moment of its counts, and verified by a restore`()
    async throws
  {
    try await take()
    #expect(try await store.receipt(of: "b1")?.isVerified == false)
    try world.below.connection().run(script: "INSERT INTO a VALUES (3, 'three')")
    #expect(try await store.verify("b1").isVerified)
    let manifest = try await store.list()[0]
    #expect(manifest.schema == 1)
    #expect(manifest.contents.tables.first { $0.name == "a" }?.rows == 2)
    #expect(!manifest.contents.tables.contains { $0.name == "schema_lock" })
    #expect(!manifest.contents.tables.contains { OwnTables.volatile.contains($0.name) })
    #expect(try leftovers().isEmpty)
    let used = world.server.statements
    let moments = used.compactMap { $0.firstMatch(of: /AS OF SYSTEM TIME '([^']+)'/)?.output.1 }
    #expect(moments.count == 2 && Set(moments).count == 1)
  }

  @Test(arguments: [
    "DELETE FROM a WHERE b = 1", "UPDATE a SET c = 'y' WHERE b = 1", "DROP INDEX a_by_c",
    "ALTER TABLE a ADD COLUMN d int8", "ALTER TABLE a ALTER COLUMN c DROP NOT NULL",
    "UPDATE schema_migrations SET version = 2", "DELETE FROM windlass_migration_log",
  ])
  func `a backup of CockroachDB that holds something else fails its verification`(
    change: String
  ) async throws {
    try await take()
    try world.below.connection().run(script: change)
    try await take("b2")
    var forged = try await store.directory.known("b1")
    let other = try await store.directory.known("b2")
    (forged.digest, forged.size) = (other.digest, other.size)
    let bytes = try #require(
      try FileStream.read(directory + "/backups/b2.crdb", sizeMax: 10_000))
    try FileStream.replace(directory + "/backups/b1.crdb", with: bytes)
    try FileStream.replace(directory + "/backups/b1.manifest", with: try forged.encoded())
    let failed = await failure { _ = try await store.verify("b1") }
    #expect(failed?.code == "BackupDamaged", "\(String(describing: failed))")
    #expect(try leftovers().isEmpty)
  }

  @Test func `a backup whose files are gone from its destination is damaged`() async throws {
    try await take()
    for name in try FileManager.default.contentsOfDirectory(atPath: world.server.directory)
    where name.hasPrefix("external-") {
      try FileManager.default.removeItem(atPath: "\(world.server.directory)/\(name)")
    }
    #expect(await failure { _ = try await store.verify("b1") }?.code == "BackupDamaged")
  }

  @Test func `a destination must be named, and without secrets`() async throws {
    let bare = CockroachBackupStore(
      PostgresBackupOptions(
        url: world.url, ledger: PostgresLedger(), directory: directory + "/other"),
      now: BackupWorld.now)
    let failed = await failure {
      _ = try await bare.backUp("b1", run: "run", purpose: .beforeExpand)
    }
    #expect(failed?.code == "BackupDestinationMissing")
    let secret = try PostgresURL(
      world.url.secret.reveal() + "?x-backup-destination=s3://b%3FAWS_SECRET_ACCESS_KEY=k")
    #expect {
      try CockroachCollection.destination(of: secret)
    } throws: { error in
      let failure = error as? StepFailure
      return failure?.code == "BackupDestinationRefused"
        && failure?.message.contains("SECRET") == false
    }
  }

  @Test func `a restore on CockroachDB brings everything back, under the fence's next number`()
    async throws
  {
    let database = try world.below.database(world.options())
    let epoch = try await database.takeFence(after: nil, run: "first")
    try await take()
    try world.below.connection().run(script: "DELETE FROM a; ALTER TABLE a DROP COLUMN c")
    let report = try await store.restore("b1", acceptingLossSince: BackupWorld.moment)
    #expect(report.epoch == epoch.next)
    #expect(report.schema == 1)
    #expect(try world.columns(of: "a") == ["b", "c"])
    #expect(try world.below.value("SELECT count(*) FROM a") == .integer(2))
    #expect(try leftovers().isEmpty)
    let reading = try await database.inspect()
    #expect(reading.epoch == epoch.next)
    #expect(try await world.below.migrator(world.options()).schema().drift == nil)
  }

  @Test func `a loss that was not named stops a restore on CockroachDB`() async throws {
    try await take()
    let failed = await failure {
      _ = try await store.restore(
        "b1", acceptingLossSince: Timestamp(milliseconds: BackupWorld.moment.milliseconds + 5_000))
    }
    #expect(failed?.code == "LossNotNamed")
  }

  @Test func `a copy on CockroachDB is migrated and compared apart from the database`()
    async throws
  {
    let epoch = try await world.below.database(world.options()).takeFence(after: nil, run: "first")
    #expect(epoch == Epoch(1))
    try await take()
    let files = world.below.directory
    let scratch = CockroachScratch(
      try world.options(), backups: options, locate: { (_) throws(StepFailure) in files },
      now: BackupWorld.now)
    try world.below.write([
      "2_b.up.sql": "ALTER TABLE a ADD COLUMN d STRING;\nUPDATE a SET d = c;",
      "3_c.up.sql": "ALTER TABLE other.a ADD COLUMN e STRING",
    ])
    let copy = try await scratch.restore("b1", label: "old-1")
    let before = try await scratch.catalogue(of: copy)
    _ = try await scratch.migrate(
      copy, Migration(version: 2, phase: .expand), from: PostgresWorld.archive)
    let differences = before.differences(to: try await scratch.catalogue(of: copy))
    #expect(differences.contains { $0.kind == .columnAdded })
    #expect(differences.allSatisfy { $0.object == "a" })
    let escape = await failure {
      _ = try await scratch.migrate(
        copy, Migration(version: 3, phase: .expand), from: PostgresWorld.archive)
    }
    #expect(escape?.code == "ScratchNotContained")
    #expect(try world.columns(of: "a") == ["b", "c"])
    try await scratch.discard(copy)
    try await scratch.discard(copy)
    #expect(try leftovers().isEmpty)
  }
}
