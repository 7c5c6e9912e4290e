import Foundation
import Testing
import WindlassContracts
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// Backups that are damaged in every way, before and after their digest is recorded.
extension MySQLBackupTests {
  private static let isWhole = ProcessInfo.processInfo.environment["WINDLASS_TORTURE"] == "all"
  static let damage = DamageSeries(seed: 20_261_127, count: isWhole ? 1_000 : 40)

  @Test(arguments: damage.parts(isWhole ? 10 : 2))
  func `a damaged backup is refused unless it restores to what the database holds`(
    numbers: Range<Int>
  ) async throws {
    let backup = try await DamagedMySQLBackup.made()
    // What judges is judged first: a sound backup is equal, and another one is not.
    #expect(try backup.differenceWhenRestored() == nil)
    try backup.put(backup.others[0].bytes, isRecorded: true)
    #expect(try backup.differenceWhenRestored() != nil)
    let tally = try await DamageTally.judging(backup, Self.damage, numbers)
    #expect(tally.damaged == numbers.count)
    if Self.isWhole { print("\(TestServer.isMySQL ? "MySQL" : "MariaDB"), \(numbers): \(tally)") }
  }
}

/// A backup of a database with a bit of everything.
final class DamagedMySQLBackup: DamagedBackup {
  let id: BackupID = "b1"
  let sound: [UInt8]
  let others: [(what: String, bytes: [UInt8])]
  private let fixture: Fixture
  private let record: BackupManifest
  /// What a backup that is restored has to be, as the engine's own dump program writes it.
  private let expected: [String]

  private static let files = [
    "1_all.up.sql": """
    CREATE TABLE parents (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL);
    CREATE TABLE children (parent BIGINT NOT NULL, note TEXT, raw BLOB, at TIMESTAMP NULL,
      price DECIMAL(10,2), doubled DECIMAL(10,2) AS (price * 2) STORED,
      FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE);
    CREATE VIEW names AS SELECT name FROM parents;
    CREATE TRIGGER g BEFORE INSERT ON parents FOR EACH ROW BEGIN
      SET NEW.name = CONCAT(NEW.name, '!'); END;
    CREATE PROCEDURE p(IN a INT) BEGIN SELECT a; END;
    INSERT INTO parents (name) VALUES ('one'), ('two'), ('three');
    INSERT INTO children (parent, note, raw, at, price)
      VALUES (1, 'a\\nb', x'00ff27', '2026-01-02 03:04:05', 1.50), (1, NULL, NULL, NULL, 2),
        (2, '', '', '2026-07-02 03:04:05', NULL), (1, NULL, NULL, NULL, 2);
    """
  ]
  /// What makes another backup of a database that was once the same, one after the other.
  private static let changes = [
    "DELETE FROM children WHERE price = 1.50", "UPDATE parents SET name = 'won' WHERE id = 1",
    "UPDATE schema_migrations SET version = 2", "DELETE FROM windlass_migration_log",
    "DROP TRIGGER g", "DROP VIEW names", "DROP TABLE children",
  ]

  static func made() async throws -> DamagedMySQLBackup {
    let fixture = try await adopted()
    let store = MySQLBackupStore(
      fixture.options, directory: directory(fixture), now: fixture.now)
    _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
    // A twin is changed, so that the database stays what the backup is of.
    let twin = try await adopted()
    defer { twin.remove() }
    let others = MySQLBackupStore(twin.options, directory: directory(twin), now: twin.now)
    var bytes: [(what: String, bytes: [UInt8])] = []
    for (number, change) in changes.enumerated() {
      try twin.other().run(change)
      let id = BackupID("other-\(number)")
      _ = try await others.backUp(id, run: "run", purpose: .byHand)
      bytes.append((change, try read(twin, id)))
    }
    bytes.append(("an empty file", []))
    return DamagedMySQLBackup(
      fixture, sound: try read(fixture, "b1"), others: bytes,
      record: try await store.directory.known("b1"), expected: try expected(fixture))
  }

  private static func adopted() async throws -> Fixture {
    let fixture = try Fixture(files, on: TestServer.forBackups).with(holdBudget: .seconds(20))
    let database = MySQLServiceDatabase(
      fixture.options, locate: { (_) throws(StepFailure) in nil }, now: fixture.now)
    _ = try await database.takeFence(after: nil, run: "run")
    _ = try await fixture.migrator().migrate(
      MigrateRequest(directory: fixture.directory, phase: .contract, run: "run")
    ) { _ in }
    return fixture
  }

  private static func directory(_ fixture: Fixture) -> String { fixture.directory + "/backups" }

  private static func read(_ fixture: Fixture, _ id: BackupID) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: "\(directory(fixture))/\(id).sql")))
  }

  private init(
    _ fixture: Fixture, sound: [UInt8], others: [(what: String, bytes: [UInt8])],
    record: BackupManifest, expected: [String]
  ) {
    self.fixture = fixture
    self.sound = sound
    self.others = others
    self.record = record
    self.expected = expected
  }

  deinit { fixture.remove() }

  var store: any BackupStore {
    MySQLBackupStore(fixture.options, directory: Self.directory(fixture), now: fixture.now)
  }

  func put(_ bytes: [UInt8], isRecorded: Bool) throws {
    let file = "\(Self.directory(fixture))/b1.sql"
    try FileStream.replace(file, with: bytes)
    var manifest = record
    if isRecorded { (manifest.digest, manifest.size) = try FileStream.digest(of: file) }
    try FileStream.replace("\(Self.directory(fixture))/b1.manifest", with: manifest.encoded())
  }

  func differenceWhenRestored() throws -> String? {
    let copy = fixture.options.address.database + "_copy"
    return firstDifference(
      try Self.restored("\(Self.directory(fixture))/b1.sql", as: copy, fixture), expected)
  }

  /// The database's dump. MySQL writes a column that was made by a dump in other words than the
  /// first one, so that there it is the dump of a copy.
  private static func expected(_ fixture: Fixture) throws -> [String] {
    let database = fixture.options.address.database
    let dump = try dump(database, fixture)
    guard TestServer.isMySQL else { return dump }
    let file = fixture.directory + "/expected.sql"
    try FileStream.replace(file, with: Array(dump.joined(separator: "\n").utf8))
    return try restored(file, as: database + "_expected", fixture)
  }

  /// The dump of a database that is made from a file, and dropped.
  private static func restored(
    _ file: String, as copy: String, _ fixture: Fixture
  ) throws -> [String] {
    let server = try fixture.other()
    try server.run("DROP DATABASE IF EXISTS \(copy)")
    try server.run("CREATE DATABASE \(copy) CHARACTER SET utf8mb4")
    // A copy that stays behind goes with the server.
    defer { _ = try? server.run("DROP DATABASE \(copy)") }
    try run(TestServer.client, ["--binary-mode", copy], input: file, fixture)
    return try dump(copy, fixture)
  }

  /// The database as statements, without what does not travel.
  private static func dump(_ database: String, _ fixture: Fixture) throws -> [String] {
    let own = ["windlass_fence", "windlass_identity"].map { "--ignore-table=\(database).\($0)" }
    return try run(
      TestServer.dumpProgram,
      ["--skip-comments", "--routines", "--triggers", "--hex-blob", "--skip-extended-insert"]
        + own + [database], fixture
    ).split(separator: "\n").map(String.init)
  }

  @discardableResult
  private static func run(
    _ program: String, _ arguments: [String], input: String? = nil, _ fixture: Fixture
  ) throws -> String {
    guard case .socket(let socket) = fixture.options.address.place else { return "" }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program, "--no-defaults", "-u", "root", "-S", socket] + arguments
    if let input { process.standardInput = FileHandle(forReadingAtPath: input) }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(program) failed")
    return String(decoding: bytes, as: UTF8.self)
  }
}
