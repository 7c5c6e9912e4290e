import Testing
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// Backups of a real database, and what does not count as one.
struct BackupStoreTests {
  private let world: ServiceWorld
  private let store: SQLiteBackupStore
  private let epoch: Epoch

  init() async throws {
    world = try ServiceWorld()
    store = world.backups()
    try world.write([
      "1_a.up.sql": """
      CREATE TABLE flags (key TEXT PRIMARY KEY, value BLOB, weight REAL, UNIQUE (weight));
      CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT);
      CREATE TABLE pairs (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID;
      CREATE TABLE odd (rowid TEXT, "na""me" TEXT, g AS (rowid || 'x') STORED);
      CREATE VIEW v AS SELECT key FROM flags;
      CREATE TRIGGER t AFTER INSERT ON log BEGIN UPDATE flags SET weight = weight; END;
      """
    ])
    epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    try world.run(
      """
      INSERT INTO flags VALUES ('a', x'0011', 1.5), ('b', NULL, NULL), ('c', '', 3);
      INSERT INTO log (text) VALUES ('one'), ('twö'), (NULL), (7);
      INSERT INTO pairs VALUES (1, 'x'), (2, 'w');
      INSERT INTO odd (rowid, "na""me") VALUES ('r', 'n');
      """)
  }

  private var file: String { world.directory.file("backups/b1.db") }
  private var manifestFile: String { world.directory.file("backups/b1.manifest") }

  private func take(_ id: BackupID = "b1") async throws -> BackupReceipt {
    try await store.backUp(id, run: "run", purpose: .beforeExpand)
  }

  @Test func `a backup is verified by restoring it and comparing everything`() async throws {
    let taken = try await take()
    #expect(!taken.isVerified)
    #expect(taken.schema == 1)
    #expect(taken.systemID == (try await world.database.inspect()).systemID)
    #expect(taken.digest.isWellFormed)
    let verified = try await store.verify("b1")
    #expect(verified.isVerified)
    #expect(try await store.receipt(of: "b1") == verified)
    #expect(try await store.receipt(of: "b2") == nil)
    #expect(world.directory.names(in: "backups") == [".lock", "b1.db", "b1.manifest"])
  }

  @Test func `a backup has no fence and no name, and keeps ledger and history`() async throws {
    _ = try await take()
    let copy = try SQLiteConnection.opened(file, mode: nil)
    #expect(try copy.lines("SELECT * FROM windlass_fence") == [])
    #expect(try copy.lines("SELECT * FROM windlass_identity") == [])
    #expect(try copy.lines("SELECT * FROM schema_migrations") == ["1|0"])
    #expect(try copy.lines("SELECT version, run FROM windlass_migration_log") == ["1|run"])
    #expect(try copy.lines("SELECT count(*) FROM log") == ["4"])
    #expect(try copy.lines("PRAGMA journal_mode") == ["delete"])
  }

  @Test func `only this user can read what a backup holds`() async throws {
    _ = try await take()
    for path in [world.directory.file("backups"), file, manifestFile] {
      #expect(try permissions(of: path) & 0o077 == 0, "\(path)")
    }
  }

  @Test func `a backup is of one moment while others write`() async throws {
    let writer = Writer(path: world.path)
    async let written: Int = writer.run()
    var rows: [Int64] = []
    for number in 1...12 {
      let id = BackupID("busy-\(number)")
      _ = try await take(id)
      #expect(try await store.verify(id).isVerified)
      let copy = try SQLiteConnection.opened(
        world.directory.file("backups/\(id).db"), mode: nil)
      // Each transaction of the writer keeps the two equal.
      let counts = try copy.lines(
        "SELECT (SELECT count(*) FROM log), (SELECT count(*) FROM pairs) + 2")
      let parts = (counts.first ?? "").split(separator: "|")
      #expect(parts.count == 2 && parts[0] == parts[1], "\(counts)")
      rows.append(Int64(parts.first ?? "") ?? 0)
    }
    await writer.stop()
    #expect(try await written > 0)
    #expect(rows == rows.sorted())
  }

  @Test func `an interrupted backup is swept and taken anew`() async throws {
    _ = try await take("b0")
    try world.directory.write("half", to: "backups/b1.db.partial")
    try world.directory.write("half", to: "backups/b1.db.partial-journal")
    try world.directory.write("a renamed file without its manifest", to: "backups/b1.db")
    try world.directory.write("a person's", to: "backups/notes.txt")
    #expect(try await store.receipt(of: "b1") == nil)
    _ = try await take()
    #expect(try await store.verify("b1").isVerified)
    #expect(
      world.directory.names(in: "backups")
        == [".lock", "b0.db", "b0.manifest", "b1.db", "b1.manifest", "notes.txt"])
  }

  @Test(arguments: ["", ".hidden", "a/b", "..", "ä", "a b", String(repeating: "x", count: 129)])
  func `an id that is no plain file name is refused`(id: String) async throws {
    let failed = await failure { _ = try await take(BackupID(id)) }
    #expect(failed?.code == "BadArgument")
  }

  @Test func `a directory that others may write is refused`() async throws {
    _ = try world.directory.makeDirectory("backups", [:])
    try setPermissions(of: world.directory.file("backups"), to: 0o777)
    #expect(await failure { _ = try await take() }?.code == "BackupDirectoryUnusable")
  }

  // MARK: Damage

  /// What a digest alone would not tell: a copy that was wrong when it was taken.
  @Test(arguments: [
    "DELETE FROM log WHERE id = 2", "UPDATE log SET text = 'three' WHERE id = 1",
    "UPDATE flags SET value = NULL WHERE key = 'c'", "UPDATE flags SET weight = 2 WHERE key = 'c'",
    "UPDATE pairs SET a = 3 WHERE a = 2", "DROP TABLE pairs", "DROP VIEW v", "DROP TRIGGER t",
    "CREATE INDEX i ON log (text)", "ALTER TABLE log ADD COLUMN x", "PRAGMA user_version = 9",
    "UPDATE schema_migrations SET version = 2", "DELETE FROM windlass_migration_log",
    "CREATE TABLE extra (a)", "UPDATE odd SET rowid = 's'",
    "UPDATE sqlite_sequence SET seq = 99", "UPDATE log SET text = 7.0 WHERE id = 4",
  ])
  func `a copy with other contents fails its verification`(change: String) async throws {
    _ = try await take()
    var manifest = try await store.directory.known("b1")
    try SQLiteConnection.opened(file, mode: nil).run(script: change)
    (manifest.digest, manifest.size) = try FileStream.digest(of: file)
    try FileStream.replace(manifestFile, with: manifest.encoded())
    let failed = await failure { _ = try await store.verify("b1") }
    #expect(failed?.code == "BackupDamaged")
    #expect(try await store.receipt(of: "b1")?.isVerified == false)
  }

  @Test func `an empty but sound database is no backup of a full one`() async throws {
    _ = try await take()
    var manifest = try await store.directory.known("b1")
    try FileStream.replace(file, with: [])
    try SQLiteConnection.opened(file, mode: nil).run(script: "PRAGMA user_version = 0")
    (manifest.digest, manifest.size) = try FileStream.digest(of: file)
    try FileStream.replace(manifestFile, with: manifest.encoded())
    #expect(await failure { _ = try await store.verify("b1") }?.code == "BackupDamaged")
  }

  @Test func `every flipped bit and every cut of a manifest is noticed`() async throws {
    _ = try await take()
    let bytes = try TemporaryDirectory.read(manifestFile)
    for offset in bytes.indices {
      var flipped = bytes
      flipped[offset] ^= 1 << UInt8(offset % 8)
      #expect(throws: StepFailure.self, "bit of byte \(offset)") {
        try BackupManifest.decode(flipped, path: manifestFile)
      }
      #expect(throws: StepFailure.self, "cut at \(offset)") {
        try BackupManifest.decode(Array(bytes[..<offset]), path: manifestFile)
      }
    }
    #expect(try BackupManifest.decode(bytes, path: manifestFile).id == "b1")
  }

  @Test func `a manifest under another backup's name is noticed`() async throws {
    _ = try await take()
    try TemporaryDirectory.write(
      TemporaryDirectory.read(manifestFile), to: world.directory.file("backups/b2.manifest"))
    #expect(await failure { _ = try await store.receipt(of: "b2") }?.code == "BackupDamaged")
  }

  @Test func `a backup whose file is gone is told`() async throws {
    _ = try await take()
    FileStream.remove(file)
    #expect(await failure { _ = try await store.receipt(of: "b1") }?.code == "BackupDamaged")
    #expect(await failure { _ = try await take() }?.code == "BackupDamaged")
    #expect(await failure { _ = try await store.verify("b9") }?.code == "BackupMissing")
  }

  // MARK: The journal's mode

  @Test func `a rollback journal is accepted only while the forecast fits`() async throws {
    try world.run("PRAGMA journal_mode = delete")
    #expect(try await take().schema == 1)
    let strict = world.backups { $0.holdBudget = .zero }
    try world.run(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
      INSERT INTO log (text) SELECT hex(randomblob(1000)) FROM n
      """)
    let failed = await failure {
      _ = try await strict.backUp("b2", run: "run", purpose: .beforeExpand)
    }
    #expect(failed?.code == "RollbackJournal")
    #expect(failed?.message.contains("PRAGMA journal_mode=wal") == true)
  }
}
