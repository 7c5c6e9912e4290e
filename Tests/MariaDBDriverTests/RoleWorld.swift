import Foundation
import Testing
import WindlassContracts
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// A service's database with a ledger and an object of each kind, and the users of `docs/roles.md`,
/// each with exactly the rights that the page gives it.
final class RoleWorld {
  let fixture: Fixture
  /// What stands for `shop` in the page.
  let name: String

  static let files = [
    "1_items.up.sql": """
    CREATE TABLE items (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL);
    """,
    "2_more.up.sql": "ALTER TABLE items ADD COLUMN size BIGINT;",
    "3_tags.up.sql": """
    CREATE INDEX items_name ON items (name);
    CREATE TABLE tags (item BIGINT NOT NULL, tag VARCHAR(9),
      FOREIGN KEY (item) REFERENCES items (id));
    """,
    "4_fill.up.sql": """
    -- windlass: backfill table=items key=id batch=100
    UPDATE items SET size = LENGTH(name) WHERE /* windlass: range */ TRUE AND size IS NULL;
    """,
    "5_row.up.sql": "INSERT INTO tags (item, tag) VALUES (1, 'first');",
  ]

  static let users = "MySQL and MariaDB: users"
  static let backup = "MySQL and MariaDB: backup"
  static let backupHere = TestServer.isMySQL ? "MySQL: backup" : "MariaDB: backup"
  static let migrate = "MySQL and MariaDB: migrate"
  static let migrateHere = TestServer.isMySQL ? "MySQL: migrate" : "MariaDB: migrate"
  static let probe = "MySQL and MariaDB: probe"
  static let probeWithout = "MySQL and MariaDB: probe without CREATE"
  /// The parts of the page that make the users and give them their rights.
  static let parts =
    [users, backup, backupHere, migrate, migrateHere]
    + (TestServer.isMySQL ? ["MySQL: migrate, and who is in the way"] : [])
    + [probe, probeWithout]

  /// Makes the database.
  ///
  /// - Parameters:
  ///   - hasLedger: whether golang-migrate has applied the first migration.
  ///   - change: what is run of a part of the page, instead of all of it.
  init(
    hasLedger: Bool = true, parts: [String] = RoleWorld.parts,
    _ change: (String, DocumentedSQL) -> [String] = { $1.statements }
  ) throws {
    fixture = try Fixture(Self.files, on: TestServer.forBackups)
    name = fixture.options.address.database
    let admin = try fixture.other()
    if hasLedger {
      for statement in [
        Self.files["1_items.up.sql"] ?? "",
        "INSERT INTO items (name) SELECT CONCAT('item ', seq) FROM \(Fixture.numbers(to: 250))",
        """
        CREATE TABLE schema_migrations (version BIGINT NOT NULL PRIMARY KEY,
          dirty BOOLEAN NOT NULL)
        """,
        "INSERT INTO schema_migrations VALUES (1, FALSE)",
        "CREATE VIEW names AS SELECT name FROM items",
        """
        CREATE TRIGGER g BEFORE INSERT ON items FOR EACH ROW SET NEW.name = CONCAT(NEW.name, '!')
        """,
        "CREATE PROCEDURE p() SELECT COUNT(*) FROM items",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM items WHERE id = 0",
      ] {
        try admin.run(statement)
      }
    }
    for part in parts {
      for statement in try change(part, DocumentedSQL(part, for: name)) {
        try admin.run(statement)
      }
    }
  }

  deinit { fixture.remove() }

  /// The database as one of the page's users.
  func address(_ user: String, password: Int, _ role: DatabaseRole?) -> MySQLAddress {
    var address = fixture.options.address
    address.user = "\(name)_\(user)"
    address.password = Secret("choose-\(password)")
    address.role = role
    return address
  }

  var backups: MySQLServiceOptions {
    var options = fixture.options
    options.address = address("backup", password: 1, .backup)
    options.service = fixture.options.address
    return options
  }

  var options: MySQLServiceOptions {
    var options = fixture.options
    options.address = address("migrate", password: 2, .migrate)
    options.probe = address("probe", password: 3, .probe)
    options.backup = backups.address
    return options
  }

  var directory: String { fixture.directory + "/backups" }

  func database() -> MySQLServiceDatabase {
    let path = fixture.directory
    return MySQLServiceDatabase(
      options, locate: { (_) throws(StepFailure) in path }, now: fixture.now)
  }

  var store: MySQLBackupStore {
    MySQLBackupStore(backups, directory: directory, now: fixture.now)
  }

  static let migrations = [
    Migration(version: 1, phase: .expand), Migration(version: 2, phase: .expand),
    Migration(version: 3, phase: .expand), Migration(version: 4, phase: .backfill),
    Migration(version: 5, phase: .expand),
  ]

  /// Does everything that a run does in a database, in a run's order.
  func runEverything() async throws {
    try await RoleRun(
      database: database(), backups: store, migrations: Self.migrations,
      rehearse: { pending, hasRows in try await self.rehearse(pending, hasRows: hasRows) },
      before: { next, hasRows in
        guard next.version == 5, !hasRows else { return }
        try self.fixture.other().run("INSERT INTO items (name) VALUES ('the first')")
      }
    ).carryOut()
  }

  /// Migrates a copy, with a server in it that uses its URL.
  private func rehearse(_ migrations: [Migration], hasRows: Bool) async throws {
    let path = fixture.directory
    let scratch = MySQLScratch(
      backups, backups: directory, locate: { (_) throws(StepFailure) in path }, now: fixture.now)
    let copy = try await scratch.restore("b", label: "old")
    let watch = MySQLSessionWatch(options)
    #expect(try await watch.use(of: copy.url) == (false, false))
    let address = try MySQLURL.address(of: Secret(copy.url))
    let server = try MySQLConnection(address, application: "server")
    #expect(try await watch.use(of: copy.url) == (true, false))
    if hasRows {
      // The trigger and the view work in the copy, whoever defined them in the database.
      try server.run("INSERT INTO items (name) VALUES ('of the rehearsal')")
      let seen = try server.scalar("SELECT COUNT(*) FROM names WHERE name LIKE '%rehearsal!'")
      #expect(seen == .integer(1))
      try server.run("CALL p()")
    }
    for migration in migrations where migration.version < 5 {
      _ = try await scratch.migrate(copy, migration, from: RoleRun.archive)
    }
    _ = try await scratch.catalogue(of: copy)
    try await scratch.discard(copy)
  }
}
