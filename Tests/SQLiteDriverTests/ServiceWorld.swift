import Synchronization
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// A service's database, its migrations and its backups in a directory of one test.
struct ServiceWorld {
  let directory: TemporaryDirectory
  let path: String
  let database: SQLiteServiceDatabase
  let clock = TestClock()
  static let archive = ArchiveReference(
    url: "https://releases.example/m.tar.gz", digest: Digest(String(repeating: "0", count: 64)),
    size: 1)

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("service.db")
    _ = try directory.makeDirectory("migrations", [:])
    database = SQLiteServiceDatabase(
      SQLiteServiceOptions(path: path), locate: Self.locator(directory), now: clock.now)
  }

  private static func locator(_ directory: TemporaryDirectory) -> MigrationLocator {
    let path = directory.file("migrations")
    return { (_) throws(StepFailure) in path }
  }

  var options: SQLiteServiceOptions {
    SQLiteServiceOptions(path: path, backupDirectory: directory.file("backups"))
  }

  func anotherDatabase(
    _ change: (inout SQLiteServiceOptions) -> Void = { _ in }
  ) -> SQLiteServiceDatabase {
    var options = options
    change(&options)
    return SQLiteServiceDatabase(options, locate: Self.locator(directory), now: clock.now)
  }

  func backups(
    _ change: (inout SQLiteServiceOptions) -> Void = { _ in }
  ) -> SQLiteBackupStore {
    var options = options
    change(&options)
    return SQLiteBackupStore(options, directory: directory.file("backups"), now: clock.now)
  }

  func scratch(
    _ change: (inout SQLiteServiceOptions) -> Void = { _ in }
  ) -> SQLiteScratch {
    var options = options
    change(&options)
    return SQLiteScratch(
      options, backups: directory.file("backups"), directory: directory.file("scratch"),
      locate: Self.locator(directory), now: clock.now)
  }

  func write(_ files: [String: String]) throws {
    for (name, text) in files { try directory.write(text, to: "migrations/\(name)") }
  }

  func adopt() async throws -> Epoch {
    try await database.takeFence(after: nil, run: "run")
  }

  func order(
    _ version: SchemaVersion, after: SchemaVersion?, epoch: Epoch, run: RunID = "run"
  ) -> MigrationOrder {
    MigrationOrder(
      run: run, migration: Migration(version: version, phase: .expand), archive: Self.archive,
      after: after, epoch: epoch)
  }

  func apply(
    _ version: SchemaVersion, after: SchemaVersion?, epoch: Epoch, run: RunID = "run"
  ) async throws {
    try await database.apply(order(version, after: after, epoch: epoch, run: run))
  }

  func plan(_ versions: [SchemaVersion], before: SchemaVersion?) throws -> Plan {
    guard let window = SchemaWindow(min: 0, max: 1_000) else { throw TestFailure("no window") }
    let migrations = versions.map { Migration(version: $0, phase: .expand) }
    let target = Release(
      version: Version(1, 1, 0), window: window, migrations: migrations,
      migrationArchive: Self.archive)
    return Plan(
      service: "service", run: "run", kind: .upgrade, source: nil, target: target,
      migrations: migrations, schemaBefore: before, rollout: RolloutPolicy(),
      manifest: Digest(""))
  }

  /// Runs a script as the service itself would.
  func run(_ script: String) throws {
    try SQLiteConnection.opened(path, mode: nil).run(script: script)
  }

  func lines(_ query: String) throws -> [String] {
    try SQLiteConnection.opened(path, mode: nil).lines(query)
  }
}

/// A clock that goes on by a second at each look.
final class TestClock: Sendable {
  private let seconds = Mutex<Int64>(1_700_000_000)

  var now: @Sendable () -> Timestamp {
    { [self] in
      seconds.withLock {
        $0 += 1
        return Timestamp(milliseconds: $0 * 1_000)
      }
    }
  }
}

/// The rebuild of a parent table, which deletes its children's rows where foreign keys are
/// enforced.
enum RebuildStory {
  static let files = [
    "1_initial.up.sql": """
    CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL
      REFERENCES parent (id) ON DELETE CASCADE);
    """,
    "2_rebuild.up.sql": """
    CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT '');
    INSERT INTO parent_new SELECT id, coalesce(name, '') FROM parent;
    DROP TABLE parent;
    ALTER TABLE parent_new RENAME TO parent;
    """,
  ]
  static let rows = """
    INSERT INTO parent VALUES (1, 'a'), (2, NULL);
    INSERT INTO child VALUES (1, 1), (2, 2);
    """
}
