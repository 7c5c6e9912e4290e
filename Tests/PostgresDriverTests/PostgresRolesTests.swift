import FoundationEssentials
import Testing
import WindlassContracts
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// The users of `docs/roles.md`, with exactly the rights that stand there.
struct PostgresRolesTests {
  /// A statement of the page that is left out.
  struct Omission: CustomTestStringConvertible, Sendable {
    var part: String
    var index: Int
    var testDescription: String { "\(part), statement \(index + 1)" }
  }

  /// Each statement that gives a right, of parts of the page.
  static func omissions(_ parts: [String]) -> [Omission] {
    parts.flatMap { part in
      let count = (try? DocumentedSQL(part, for: "shop"))?.statements.count ?? 0
      return (0..<count).map { Omission(part: part, index: $0) }
    }
  }

  private func world(
    without omission: Omission, parts: [String] = RoleWorld.parts
  ) throws -> RoleWorld {
    try RoleWorld(parts: parts) { part, sql in
      part == omission.part ? sql.without(omission.index) : sql.statements
    }
  }

  @Test func `everything is done with the rights of the page alone`() async throws {
    let world = try RoleWorld()
    try await world.runEverything()
    let owners = try world.connect().rows(
      """
      SELECT DISTINCT pg_get_userbyid(relowner)::text FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'public' AND relkind IN ('r', 'v')
      """)
    #expect(owners.map(\.values) == [[.text("\(world.name)_owner")]])
    let filled = try world.connect().scalar(
      "SELECT count(*) FROM items WHERE size = length(name)")
    #expect(filled == .integer(250))
  }

  @Test func `a new database is begun with the rights of the page alone`() async throws {
    let parts = RoleWorld.parts.filter { !$0.contains("that exists") }
    try await RoleWorld(hasLedger: false, parts: parts).runEverything()
  }

  @Test(
    arguments: omissions([
      "PostgreSQL: backup", "PostgreSQL: migrate", "PostgreSQL: probe",
      "PostgreSQL: probe of a ledger that exists", "PostgreSQL: scratch",
    ]))
  func `a right that is missing is named with the statement that gives it`(
    omission: Omission
  ) async throws {
    let world = try world(without: omission)
    let missing = try DocumentedSQL(omission.part, for: world.name).statements[omission.index]
    let failed = try #require(await failure { try await world.runEverything() })
    #expect(failed.code == "PrivilegeMissing", "\(failed.message)")
    #expect(failed.disposition == .stop)
    #expect(DocumentedSQL.names(missing, in: failed.message), "\(failed.message)")
    // Told before anything was changed but Windlass's own tables.
    #expect(try world.connect().scalar("SELECT max(version) FROM schema_migrations") == .integer(1))
    #expect(!FileManager.default.fileExists(atPath: world.backups.directory + "/b.json"))
  }

  // MARK: Before version 14

  private static let oldParts = RoleWorld.parts.map {
    $0 == "PostgreSQL: backup" ? "PostgreSQL: backup before version 14" : $0
  }

  @Test func `everything is done with the rights that old servers know`() async throws {
    let parts = ["PostgreSQL: users"] + Self.oldParts.dropFirst()
    try await RoleWorld(parts: parts).runEverything()
  }

  @Test(arguments: omissions(["PostgreSQL: backup before version 14"]))
  func `each right that old servers know is needed`(omission: Omission) async throws {
    let world = try world(without: omission, parts: Self.oldParts)
    let failed = await failure { try await world.runEverything() }
    #expect(failed?.code == "PrivilegeMissing", "\(failed?.message ?? "")")
  }

  // MARK: Rights of single objects

  @Test func `what row level security hides is no backup`() async throws {
    let world = try RoleWorld()
    try world.connect().run(
      script: """
        ALTER TABLE items ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON items USING (id < 9)
        """)
    let failed = try #require(await failure { try await world.runEverything() })
    #expect(failed.code == "PrivilegeMissing")
    #expect(failed.message.contains("`ALTER ROLE \(world.name)_backup BYPASSRLS;`"))
    try world.connect().run(script: "ALTER ROLE \(world.name)_backup BYPASSRLS")
    let database = try world.database()
    _ = try await database.takeFence(after: Epoch(1), run: "run")
    _ = try await world.store.backUp("c", run: "run", purpose: .byHand)
  }

  @Test func `a large object that can't be read is named`() async throws {
    let world = try RoleWorld()
    let object = try world.connect().scalar("SELECT lo_from_bytea(0, '\\x0102')").integer ?? 0
    let remedy = "GRANT SELECT ON LARGE OBJECT \(object) TO \(world.name)_backup"
    let failed = try #require(await failure { try await world.runEverything() })
    #expect(failed.message.contains("`\(remedy);`"))
    try world.connect().run(script: remedy)
    _ = try await world.store.backUp("c", run: "run", purpose: .byHand)
    #expect(try await world.store.verify("c").isVerified)
  }

  @Test(arguments: [
    ("ALTER TABLE other ADD c int", "GRANT stranger TO owner"),
    ("CREATE INDEX i ON other (b)", "GRANT stranger TO owner"),
    ("INSERT INTO other VALUES (1)", "GRANT INSERT ON public.other TO owner"),
    ("UPDATE other SET b = 1", "GRANT UPDATE ON public.other TO owner"),
    ("DELETE FROM other", "GRANT DELETE ON public.other TO owner"),
  ])
  func `a table of somebody else is named before a file is begun`(
    statement: String, remedy: String
  ) async throws {
    let world = try RoleWorld()
    let (stranger, owner) = ("\(world.name)_stranger", "\(world.name)_owner")
    try world.connect().run(
      script: """
        CREATE ROLE \(stranger); CREATE TABLE other (b int); ALTER TABLE other OWNER TO \(stranger)
        """)
    try FileStream.replace("\(world.directory)/2_more.up.sql", with: Array(statement.utf8))
    let failed = try #require(await failure { try await world.runEverything() })
    let named = remedy.replacing("stranger", with: stranger).replacing("owner", with: owner)
    #expect(failed.code == "PrivilegeMissing")
    #expect(DocumentedSQL.names(named, in: failed.message), "\(failed.message)")
    #expect(try world.connect().scalar("SELECT max(version) FROM schema_migrations") == .integer(1))
  }

  // MARK: Roles that don't belong together

  @Test func `roles that reach different ledgers are refused`() async throws {
    let world = try RoleWorld()
    try world.connect().run(
      script: """
        CREATE SCHEMA \(world.name)_backup; GRANT USAGE ON SCHEMA \(world.name)_backup TO PUBLIC
        """)
    // Its "$user" leads there now.
    let failed = try #require(await failure { try await world.runEverything() })
    #expect(failed.code == "RoleElsewhere")
    #expect(failed.message.contains("database.roles.backup"))
  }

  @Test func `a user of copies who may connect to the database is refused`() async throws {
    let world = try RoleWorld()
    try world.connect().run(script: "GRANT CONNECT ON DATABASE \(world.name) TO PUBLIC")
    let failed = try #require(await failure { try await world.runEverything() })
    #expect(failed.code == "ScratchNotContained")
    #expect(failed.message.contains("REVOKE CONNECT ON DATABASE \(world.name) FROM PUBLIC"))
    let other = try RoleWorld()
    let url = other.url(.scratch).replacing(database: other.name)
    let refused = await failure { _ = try PostgresConnection(PostgresOptions(url: url)) }
    #expect(refused?.code == "PrivilegeMissing")
  }

  @Test func `a rehearsed server finds what the service's user has set`() async throws {
    let world = try RoleWorld()
    let app = "\(world.name)_app"
    try world.connect().run(
      script: """
        CREATE SCHEMA \(app) AUTHORIZATION \(world.name)_owner; GRANT USAGE ON SCHEMA \(app) TO \(app);
        CREATE TABLE \(app).hidden (a int);
        ALTER DATABASE \(world.name) SET statement_timeout = '11s';
        ALTER ROLE \(app) SET statement_timeout = '22s';
        ALTER ROLE \(app) IN DATABASE \(world.name) SET lock_timeout = '33s';
        ALTER ROLE \(app) SET log_min_duration_statement = '44s'
        """)
    _ = try await world.database().takeFence(after: nil, run: "run")
    _ = try await world.store.backUp("b", run: "run", purpose: .byHand)
    let scratch = try PostgresScratch(
      world.options(), backups: world.backups, locate: { (_) throws(StepFailure) in nil },
      now: BackupWorld.now)
    let copy = try await scratch.restore("b", label: "old")
    let server = try PostgresConnection(
      PostgresOptions(
        url: PostgresURL(copy.url), lockTimeout: .zero, statementTimeout: .zero))
    #expect(try server.scalar("SELECT current_schemas(false)::text") == .text("{\(app),public}"))
    #expect(try server.scalar("SELECT count(*) FROM hidden") == .integer(0))
    let reset = "SELECT reset_val || unit FROM pg_settings WHERE name = "
    #expect(try server.scalar(reset + "'statement_timeout'") == .text("22000ms"))
    #expect(try server.scalar(reset + "'lock_timeout'") == .text("33000ms"))
    // Windlass's own sessions find the ledger where it is in the database.
    _ = try await scratch.catalogue(of: copy)
    try await scratch.discard(copy)
  }

  // MARK: Restoring

  private func restored(without omission: Omission?) async throws -> StepFailure? {
    let parts = RoleWorld.parts + ["PostgreSQL: restore"]
    let world = try RoleWorld(parts: parts) { part, sql in
      part == omission?.part ? sql.without(omission?.index ?? 0) : sql.statements
    }
    try world.connect().run(script: "ALTER DATABASE \(world.name) OWNER TO \(world.name)_owner")
    try await world.runEverything()
    // Whoever is in the database is ended.
    let service = try PostgresConnection(
      PostgresOptions(url: world.admin.replacing(user: "\(world.name)_app", password: Secret(""))))
    var url = world.admin.replacing(user: "\(world.name)_restore", password: Secret(""))
    url.role = nil
    let store = PostgresBackupStore(
      PostgresBackupOptions(
        url: url, ledger: PostgresLedger(), directory: world.backups.directory,
        freeSpaceMargin: nil), now: BackupWorld.now)
    let failed = await failure {
      let report = try await store.restore("b", acceptingLossSince: BackupWorld.moment)
      #expect(report.schema == 1)
    }
    withExtendedLifetime(service) {}
    guard failed == nil else { return failed }
    // The other roles go on as before, and run everything once more.
    try FileManager.default.removeItem(atPath: world.backups.directory)
    try await world.runEverything()
    return nil
  }

  @Test func `a restore with the rights of the page leaves all roles at work`() async throws {
    let failed = try await restored(without: nil)
    #expect(failed == nil, "\(failed?.message ?? "")")
  }

  @Test(arguments: omissions(["PostgreSQL: restore"]).dropFirst())
  func `each right of a restore is needed`(omission: Omission) async throws {
    let failed = try await restored(without: omission)
    #expect(failed != nil)
  }
}
