import Foundation
import Testing
import WindlassContracts
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// The users of `docs/roles.md`, with exactly the rights that stand there.
extension MySQLBackupTests {
  /// A statement of the page that is left out.
  struct Omission: CustomTestStringConvertible, Sendable {
    var part: String
    var index: Int
    var testDescription: String { "\(part), statement \(index + 1)" }
  }

  /// Each statement of parts of the page that give rights which are told when they are missing.
  static func omissions(_ parts: [String]) -> [Omission] {
    parts.flatMap { part in
      let count = (try? DocumentedSQL(part, for: "shop"))?.statements.count ?? 0
      return (0..<count).map { Omission(part: part, index: $0) }
    }
  }

  private func failure(_ body: () async throws -> Void) async -> StepFailure? {
    do {
      try await body()
      return nil
    } catch {
      return error as? StepFailure
        ?? StepFailure(code: "NoStepFailure", disposition: .stop, message: "\(error)")
    }
  }

  @Test func `everything is done with the rights of the page alone`() async throws {
    let world = try RoleWorld()
    try await world.runEverything()
    let filled = try world.fixture.other().scalar(
      "SELECT COUNT(*) FROM items WHERE size = LENGTH(name)")
    #expect(filled == .integer(250))
    #expect(try world.fixture.ledger() == ["5,0"])
  }

  @Test func `a new database is begun with the rights of the page alone`() async throws {
    try await RoleWorld(hasLedger: false).runEverything()
  }

  @Test(
    arguments: omissions([
      RoleWorld.backup, RoleWorld.backupHere, RoleWorld.migrate, RoleWorld.migrateHere,
      RoleWorld.probe,
    ]))
  func `a right that is missing is named with the statement that gives it`(
    omission: Omission
  ) async throws {
    let world = try RoleWorld { part, sql in
      // What was not given can't be taken back.
      if omission.part == RoleWorld.probe, part == RoleWorld.probeWithout {
        let table = sql.statements.indices.contains(omission.index - 1) ? omission.index - 1 : -1
        return sql.without(table)
      }
      return part == omission.part ? sql.without(omission.index) : sql.statements
    }
    let missing = try DocumentedSQL(omission.part, for: world.name).statements[omission.index]
      .replacing("SELECT, CREATE ON", with: "SELECT ON")
    let failed = try #require(await failure { try await world.runEverything() })
    #expect(failed.code == "PrivilegeMissing", "\(failed.message)")
    #expect(failed.disposition == .stop)
    #expect(DocumentedSQL.names(missing, in: failed.message), "\(missing): \(failed.message)")
    // Told before anything was changed but Windlass's own tables.
    #expect(try world.fixture.ledger() == ["1,0"])
    #expect(!FileManager.default.fileExists(atPath: world.directory + "/b.sql"))
  }

  @Test(arguments: [
    ("CREATE VIEW v AS SELECT 1 AS a;", "CREATE VIEW"),
    ("CREATE PROCEDURE q() SELECT 1;", "ALTER ROUTINE"),
    ("CREATE TEMPORARY TABLE t (a INT);", "CREATE TEMPORARY TABLES"), ("CALL p();", "EXECUTE"),
  ])
  func `a right that one file needs is named before the file is begun`(
    statement: String, right: String
  ) async throws {
    let world = try RoleWorld()
    try world.fixture.write("2_more.up.sql", "ALTER TABLE items ADD COLUMN c INT;\n\(statement)")
    let failed = try #require(await failure { try await world.runEverything() })
    #expect(failed.code == "PrivilegeMissing", "\(failed.message)")
    #expect(
      DocumentedSQL.names("GRANT \(right) ON \(world.name).*", in: failed.message),
      "\(failed.message)")
    #expect(failed.message.contains("line 2"))
    #expect(try world.fixture.ledger() == ["1,0"])
    let columns = try world.fixture.other().rows("SHOW COLUMNS FROM items LIKE 'c'")
    #expect(columns.isEmpty)
  }

  @Test func `who may not see everything is told so, and of no drift`() async throws {
    let world = try RoleWorld()
    _ = try await world.database().takeFence(after: nil, run: "run")
    var options = world.fixture.options
    options.address = world.address("probe", password: 3, nil)
    let migrator = MySQLMigrator(options, now: world.fixture.now)
    let failed = await failure { _ = try await migrator.schema() }
    #expect(failed?.code == "PrivilegeMissing", "\(failed?.message ?? "")")
    options.address = world.options.address
    let report = try await MySQLMigrator(options, now: world.fixture.now).schema()
    #expect(report.drift == nil)
  }

  @Test func `a restore with the rights of the page puts definers back`() async throws {
    let here = TestServer.isMySQL ? "MySQL: restore" : "MariaDB: restore"
    let world = try RoleWorld(
      parts: RoleWorld.parts + ["MySQL and MariaDB: restore", here])
    try await world.runEverything()
    var options = world.fixture.options
    options.address = world.address("restore", password: 4, nil)
    let store = MySQLBackupStore(options, directory: world.directory, now: world.fixture.now)
    let report = try await store.restore("b", acceptingLossSince: world.fixture.now())
    #expect(report.schema == 1)
    let definers = try world.fixture.other().rows(
      """
      SELECT DEFINER AS d FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()
      UNION ALL SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()
      UNION ALL SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()
      """
    ).map { $0.text("d") }
    #expect(definers == Array(repeating: "root@localhost", count: 3))
    // The other roles go on as before, and run everything once more.
    try FileManager.default.removeItem(atPath: world.directory)
    try await world.runEverything()
  }

  @Test func `definers need no right of their own where a copy is made`() async throws {
    let world = try RoleWorld()
    let database = world.database()
    _ = try await database.takeFence(after: nil, run: "run")
    _ = try await world.store.backUp("b", run: "run", purpose: .byHand)
    let text = try String(contentsOfFile: world.directory + "/b.sql", encoding: .utf8)
    // The backup itself keeps them.
    #expect(text.components(separatedBy: "DEFINER=`root`@`localhost`").count == 5)
    #expect(try await world.store.verify("b").isVerified)
  }
}
