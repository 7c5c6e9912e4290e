import FoundationEssentials
import Glibc
import Testing
import WindlassContracts
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// Backups that are damaged in every way, before and after their digest is recorded.
struct DamagedBackupTests {
  private static let isWhole = getenv("WINDLASS_TORTURE").map { String(cString: $0) } == "all"
  static let series = DamageSeries(seed: 20_261_127, count: isWhole ? 1_000 : 300)

  @Test(arguments: series.parts(isWhole ? 10 : 3))
  func `a damaged backup is refused unless it restores to what the database holds`(
    numbers: Range<Int>
  ) async throws {
    let backup = try await DamagedSQLiteBackup.made()
    let tally = try await DamageTally.judging(backup, Self.series, numbers)
    #expect(tally.damaged == numbers.count)
    if Self.isWhole { print("SQLite, \(numbers): \(tally)") }
  }
}

/// A backup of a database with something of everything.
struct DamagedSQLiteBackup: DamagedBackup {
  let id: BackupID = "b1"
  let sound: [UInt8]
  let others: [(what: String, bytes: [UInt8])]
  private let world: ServiceWorld
  private let record: BackupManifest

  static let schema = """
    CREATE TABLE flags (key TEXT PRIMARY KEY, value BLOB, weight REAL, UNIQUE (weight));
    CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT);
    CREATE TABLE pairs (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID;
    CREATE VIEW v AS SELECT key FROM flags;
    CREATE TRIGGER t AFTER INSERT ON log BEGIN UPDATE flags SET weight = weight; END;
    CREATE INDEX i ON log (text);
    """
  private static let rows = """
    INSERT INTO flags VALUES ('a', x'0011', 1.5), ('b', NULL, NULL), ('c', '', 3);
    INSERT INTO pairs VALUES (1, 'x'), (2, 'w');
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
      INSERT INTO log (text) SELECT 'entry ' || i FROM n;
    """
  /// What makes another backup of a database that was once the same.
  private static let changes = [
    "DELETE FROM log WHERE id = 2", "DELETE FROM log", "DROP TABLE pairs", "DROP TRIGGER t",
    "UPDATE flags SET weight = 2 WHERE key = 'c'", "DROP INDEX i",
    "UPDATE schema_migrations SET version = 2", "DELETE FROM windlass_migration_log",
  ]

  static func made() async throws -> DamagedSQLiteBackup {
    let world = try ServiceWorld()
    try world.write(["1_a.up.sql": schema])
    try await world.apply(1, after: nil, epoch: world.adopt())
    try world.run(rows)
    let store = world.backups()
    _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
    let file = world.directory.file("backups/b1.db")
    let sound = try TemporaryDirectory.read(file)
    var others: [(what: String, bytes: [UInt8])] = []
    for change in changes {
      let path = world.directory.file("other.db")
      try TemporaryDirectory.write(sound, to: path)
      try SQLiteConnection.opened(path, mode: nil).run(script: change)
      others.append((change, try TemporaryDirectory.read(path)))
    }
    let foreign = world.directory.file("foreign.db")
    try SQLiteConnection.opened(foreign, mode: nil).run(script: schema)
    others.append(("another database", try TemporaryDirectory.read(foreign)))
    others.append(("an empty file", []))
    return DamagedSQLiteBackup(
      sound: sound, others: others, world: world, record: try await store.directory.known("b1"))
  }

  private init(
    sound: [UInt8], others: [(what: String, bytes: [UInt8])], world: ServiceWorld,
    record: BackupManifest
  ) {
    self.sound = sound
    self.others = others
    self.world = world
    self.record = record
  }

  private var file: String { world.directory.file("backups/b1.db") }

  var store: any BackupStore { world.backups() }

  func put(_ bytes: [UInt8], isRecorded: Bool) throws {
    try TemporaryDirectory.write(bytes, to: file)
    var manifest = record
    if isRecorded { (manifest.digest, manifest.size) = try FileStream.digest(of: file) }
    try FileStream.replace(
      world.directory.file("backups/b1.manifest"), with: manifest.encoded())
  }

  func differenceWhenRestored() throws -> String? {
    firstDifference(try Self.everything(in: file), try Self.everything(in: world.path))
  }

  /// Every definition and every row but Windlass's own that do not travel.
  private static func everything(in path: String) throws -> [String] {
    let connection = try SQLiteConnection.opened(path, mode: nil)
    var lines = try connection.lines("PRAGMA integrity_check")
    lines += try connection.lines("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 2")
    let tables = try connection.lines(
      "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    for table in tables where !["windlass_fence", "windlass_identity"].contains(table) {
      lines += try connection.lines("SELECT '\(table)', * FROM \"\(table)\" ORDER BY 2, 3")
    }
    return lines
  }
}
