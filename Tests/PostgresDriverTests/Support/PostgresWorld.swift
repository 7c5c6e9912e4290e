import FoundationEssentials
import PostgresDriver
import Synchronization
import Testing
import WindlassCore
import WindlassSchema

/// A service's database on the shared server, with a directory of migrations, for one test.
final class PostgresWorld: Sendable {
  let url: PostgresURL
  let directory: String
  static let archive = ArchiveReference(
    url: "https://releases.example/m.tar.gz", digest: Digest(String(repeating: "0", count: 64)),
    size: 1)

  init(_ files: [String: String] = [:], on server: PostgresServer = .shared) throws {
    url = try server.makeDatabase()
    directory = "/tmp/windlass-migrations-\(UInt64.random(in: .min ... .max))"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    try write(files)
  }

  deinit {
    // A directory that stays behind harms no test.
    try? FileManager.default.removeItem(atPath: directory)
  }

  func write(_ files: [String: String]) throws {
    for (name, text) in files {
      try Data(text.utf8).write(to: URL(filePath: "\(directory)/\(name)"))
    }
  }

  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
  }

  /// Options under which a loaded machine's slowness is no failure.
  func options(
    _ url: PostgresURL? = nil, _ change: (inout PostgresServiceOptions) -> Void = { _ in }
  ) throws -> PostgresServiceOptions {
    var options = try PostgresServiceOptions(url: url ?? self.url)
    options.holdBudget = .seconds(30)
    options.lockDeadline = .minutes(2)
    change(&options)
    return options
  }

  func migrator(_ options: PostgresServiceOptions? = nil) throws -> PostgresMigrator {
    try PostgresMigrator(options ?? self.options(), now: { Timestamp(milliseconds: 1_000) })
  }

  @discardableResult
  func migrate(
    to target: SchemaVersion? = nil, phase: MigrationPhase = .contract,
    run: RunID = "by-hand", options: PostgresServiceOptions? = nil
  ) async throws -> MigrateOutcome {
    try await migrator(options).migrate(
      MigrateRequest(directory: directory, target: target, phase: phase, run: run),
      progress: { _ in })
  }

  func database(_ options: PostgresServiceOptions? = nil) throws -> PostgresServiceDatabase {
    let directory = directory
    return try PostgresServiceDatabase(
      options ?? self.options(), locate: { (_) throws(StepFailure) in directory },
      now: { Timestamp(milliseconds: 2_000) })
  }

  func order(
    _ version: SchemaVersion, after: SchemaVersion?, epoch: Epoch, run: RunID = "run"
  ) -> MigrationOrder {
    MigrationOrder(
      run: run, migration: Migration(version: version, phase: .expand), archive: Self.archive,
      after: after, epoch: epoch)
  }

  func plan(_ versions: [SchemaVersion], before: SchemaVersion?) throws -> Plan {
    let window = try #require(SchemaWindow(min: 0, max: 1_000))
    let migrations = versions.map { Migration(version: $0, phase: .expand) }
    let target = Release(
      version: Version(1, 1, 0), window: window, migrations: migrations,
      migrationArchive: Self.archive)
    return Plan(
      service: "service", run: "run", kind: .upgrade, source: nil, target: target,
      migrations: migrations, schemaBefore: before, rollout: RolloutPolicy(),
      manifest: Digest(String(repeating: "0", count: 64)))
  }

  func connection() throws -> PostgresConnection {
    try PostgresConnection(PostgresOptions(url: url, lockTimeout: .zero))
  }

  /// The only value that a query returns, on a session of its own.
  func value(_ query: String) throws -> SQLValue { try connection().scalar(query) }

  /// The ledger's rows, as golang-migrate writes them.
  func ledger() throws -> [[SQLValue]] {
    try connection().rows("SELECT version, dirty FROM schema_migrations").map(\.values)
  }

  /// What a migration of the given text ends with.
  func failure(of files: [String: String]) async throws -> StepFailure? {
    try write(files)
    do {
      try await migrate()
      return nil
    } catch let failure as StepFailure {
      return failure
    }
  }
}

/// golang-migrate's driver for PostgreSQL, statement by statement.
struct EmulatedGolangMigrate {
  let connection: PostgresConnection
  let key: Int64
  static let ledger = "\"public\".\"schema_migrations\""

  /// Its `SetVersion`, in a transaction of its own.
  func setVersion(_ version: Int64, isDirty: Bool) throws {
    let connection = connection
    try connection.run(
      script: """
        BEGIN; TRUNCATE \(Self.ledger);
        INSERT INTO \(Self.ledger) (version, dirty) VALUES (\(version), \(isDirty)); COMMIT
        """)
  }

  /// Its constructor's part on the table.
  func makeTable() throws {
    try connection.execute(
      """
      CREATE TABLE IF NOT EXISTS \(Self.ledger)
        (version bigint not null primary key, dirty boolean not null)
      """)
  }

  /// Whether its lock is free now.
  func isFree() throws -> Bool {
    guard
      try connection.scalar("SELECT pg_try_advisory_lock($1)", [.integer(key)]) == .integer(1)
    else { return false }
    _ = try connection.scalar("SELECT pg_advisory_unlock($1)", [.integer(key)])
    return true
  }
}

/// Waits for a condition, with a deadline that only a failure reaches.
func waitUntil(_ condition: () throws -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(120)
  while try !condition() {
    try #require(ContinuousClock.now < deadline, "the condition never held")
    try await Task.sleep(for: .milliseconds(5))
  }
}
