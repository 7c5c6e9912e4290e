import FoundationEssentials
import Testing
import WindlassContracts
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// A closed database with a service's table and ledger, and the users of `docs/roles.md`, each with
/// exactly the rights that the page gives it.
final class RoleWorld: Sendable {
  /// What stands for `shop` in the page.
  let name: String
  /// As the one who made the database.
  let admin: PostgresURL
  let directory: String

  static let files = [
    "1_items.up.sql": """
    CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL)
    """,
    "2_more.up.sql": "ALTER TABLE items ADD COLUMN size bigint",
    "3_index.up.sql": """
    CREATE TABLE tags (item bigint REFERENCES items (id), tag text);
    CREATE INDEX CONCURRENTLY items_name ON items (name);
    CREATE VIEW named AS SELECT id, name FROM items;
    """,
    "4_fill.up.sql": """
    -- windlass: backfill table=items key=id batch=100
    UPDATE items SET size = length(name) WHERE /* windlass: range */ TRUE AND size IS NULL;
    """,
  ]

  /// The parts of the page that make the users and give them their rights.
  static let parts = [
    "PostgreSQL: users", "PostgreSQL: a closed database", "PostgreSQL: backup",
    "PostgreSQL: migrate", "PostgreSQL: probe", "PostgreSQL: probe of a ledger that exists",
    "PostgreSQL: scratch",
  ]

  /// Makes the database.
  ///
  /// - Parameters:
  ///   - hasLedger: whether golang-migrate has applied the first migration.
  ///   - change: what is run of a part of the page, instead of all of it.
  init(
    hasLedger: Bool = true, parts: [String] = RoleWorld.parts,
    _ change: (String, DocumentedSQL) -> [String] = { $1.statements }
  ) throws {
    admin = try PostgresServer.shared.makeDatabase()
    name = admin.database
    directory = TemporaryPath.make()
    for (file, text) in Self.files {
      try FileStream.replace("\(directory)/\(file)", with: Array(text.utf8))
    }
    let connection = try connect()
    try connection.run(script: "CREATE ROLE \(name)_owner; CREATE ROLE \(name)_app LOGIN")
    if hasLedger {
      try connection.run(
        script: """
          \(Self.files["1_items.up.sql"] ?? "");
          INSERT INTO items (name) SELECT 'item ' || i FROM generate_series(1, 250) i;
          CREATE TABLE schema_migrations (version bigint not null primary key,
            dirty boolean not null);
          INSERT INTO schema_migrations VALUES (1, false);
          ALTER TABLE items OWNER TO \(name)_owner;
          ALTER TABLE schema_migrations OWNER TO \(name)_owner
          """)
    }
    for part in parts {
      for statement in try change(part, DocumentedSQL(part, for: name)) {
        try connection.run(script: statement)
      }
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func connect() throws -> PostgresConnection {
    try PostgresConnection(PostgresOptions(url: admin, lockTimeout: .seconds(10)))
  }

  /// The database as one of the page's users.
  func url(_ role: DatabaseRole) -> PostgresURL {
    var url = admin.replacing(user: "\(name)_\(role.rawValue)", password: Secret("unused"))
    url.role = role
    return url
  }

  var backups: PostgresBackupOptions {
    PostgresBackupOptions(
      url: url(.backup), ledger: PostgresLedger(), directory: directory + "/backups",
      scratch: url(.scratch).replacing(database: "postgres"),
      service: admin.replacing(user: "\(name)_app", password: Secret("unused")),
      freeSpaceMargin: nil)
  }

  func options() throws -> PostgresServiceOptions {
    var options = try PostgresServiceOptions(
      url: url(.migrate), holdBudget: .seconds(30), lockDeadline: .minutes(1))
    options.probe = url(.probe)
    options.backups = backups
    return options
  }

  func database() throws -> PostgresServiceDatabase {
    let directory = directory
    return try PostgresServiceDatabase(
      options(), locate: { (_) throws(StepFailure) in directory }, now: BackupWorld.now)
  }

  var store: PostgresBackupStore { PostgresBackupStore(backups, now: BackupWorld.now) }

  static let migrations = [
    Migration(version: 1, phase: .expand), Migration(version: 2, phase: .expand),
    Migration(version: 3, phase: .expand), Migration(version: 4, phase: .backfill),
  ]

  /// Does everything that a run does in a database, in a run's order.
  func runEverything() async throws {
    try await RoleRun(
      database: database(), backups: store, migrations: Self.migrations,
      rehearse: { pending, _ in try await self.rehearse(pending) }
    ).carryOut()
  }

  /// Migrates a copy, with a server in it that uses its URL.
  private func rehearse(_ migrations: [Migration]) async throws {
    let directory = directory
    let scratch = try PostgresScratch(
      options(), backups: backups, locate: { (_) throws(StepFailure) in directory },
      now: BackupWorld.now)
    let copy = try await scratch.restore("b", label: "old")
    let watch = PostgresSessionWatch(backups, as: url(.probe))
    #expect(try await watch.use(of: copy.url) == (false, false))
    let server = try PostgresConnection(
      PostgresOptions(url: PostgresURL(copy.url), applicationName: "server"))
    #expect(try await watch.use(of: copy.url) == (true, false))
    for migration in migrations {
      _ = try await scratch.migrate(copy, migration, from: RoleRun.archive)
    }
    _ = try await scratch.catalogue(of: copy)
    // The server may do there what it may do in the database, and more.
    try server.run(script: "INSERT INTO items (name) VALUES ('of the rehearsal')")
    try await scratch.discard(copy)
  }
}
