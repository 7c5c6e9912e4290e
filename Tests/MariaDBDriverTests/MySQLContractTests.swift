import Foundation
import Testing
import WindlassContracts
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// The contracts of the ports, on a real server.
struct MySQLContractTests {
  @Test(arguments: ServiceDatabaseContract.clauses)
  func `a service's database keeps its contract`(
    clause: ServiceDatabaseContract.Clause
  ) async throws {
    try await clause.check(MySQLDatabaseSubject())
  }

  @Test(arguments: DatabaseSessionContract.clauses)
  func `a session keeps its contract`(clause: DatabaseSessionContract.Clause) async throws {
    try await clause.check(MySQLSessionSubject())
  }

  @Test(arguments: CoordinationContract.clauses)
  func `lease, slots and journal of sidecars keep their contract`(
    clause: CoordinationContract.Clause
  ) async throws {
    try await clause.check(MySQLCoordinationSubject())
  }
}

/// What sidecars share in a database on the shared server.
final class MySQLCoordinationSubject: CoordinationSubject {
  private let fixture: Fixture

  init() throws { fixture = try Fixture() }

  deinit { fixture.remove() }

  private var session: MySQLSession {
    MySQLSession(fixture.with(deadline: .seconds(30)).options)
  }

  func connect() -> any Coordination { DatabaseCoordination(session, .mysql) }

  func journal(under lease: Lease) async throws -> any RunJournal {
    try await DatabaseJournal.open(session, .mysql, under: lease)
  }
}

extension MySQLBackupTests {
  @Test(arguments: BackupStoreContract.clauses)
  func `a store of backups keeps its contract`(clause: BackupStoreContract.Clause) async throws {
    try await clause.check(MySQLBackupSubject.made())
  }
}

/// A service's database on the shared server.
final class MySQLDatabaseSubject: ServiceDatabaseSubject {
  private let fixture: Fixture

  init() throws {
    fixture = try Fixture([
      "1_place.up.sql": "CREATE TABLE effects (version INT)",
      "2_first.up.sql": "INSERT INTO effects VALUES (2)",
      "3_second.up.sql": "INSERT INTO effects VALUES (3)",
      "4_fails.up.sql": "INSERT INTO effects VALUES (4); INSERT INTO missing VALUES (4);",
    ])
  }

  deinit { fixture.remove() }

  private func database(
    _ options: MySQLServiceOptions? = nil,
    checkpoint: @escaping @Sendable (String) -> Void = { _ in }
  ) -> MySQLServiceDatabase {
    let path = fixture.directory
    return MySQLServiceDatabase(
      options ?? fixture.options, locate: { (_) throws(StepFailure) in path }, now: fixture.now,
      checkpoint: checkpoint)
  }

  func connect() -> any ServiceDatabase { database() }

  func effects(of version: SchemaVersion) throws -> Int {
    let other = try fixture.other()
    guard try !other.rows("SHOW TABLES LIKE 'effects'").isEmpty else { return 0 }
    let count = try other.scalar("SELECT COUNT(*) FROM effects WHERE version = \(version)")
    guard case .integer(let count) = count else { return 0 }
    return Int(count)
  }

  func writeLedger(_ version: SchemaVersion, isDirty: Bool) throws {
    try fixture.other().run(
      "UPDATE schema_migrations SET version = \(version), dirty = \(isDirty ? 1 : 0)")
  }

  func whileLocked(_ body: (any ServiceDatabase) async throws -> Void) async throws {
    let holder = try fixture.other()
    try holder.run("LOCK TABLES effects READ")
    try await body(database(fixture.with(deadline: .milliseconds(200)).options))
    try holder.run("UNLOCK TABLES")
  }

  func applyLosingReply(_ order: MigrationOrder) async throws {
    let (fixture, cut) = (fixture, Once())
    let database = database { here in
      if here == "after 1", cut.isFirst { fixture.killOthers() }
    }
    // What becomes of it is what the clause asks.
    try? await database.apply(order)
    #expect(!cut.isFirst)
  }
}

/// A store of backups of a small database.
final class MySQLBackupSubject: BackupStoreSubject {
  private let fixture: Fixture

  private init(_ fixture: Fixture) { self.fixture = fixture }

  deinit { fixture.remove() }

  static func made() async throws -> MySQLBackupSubject {
    let fixture = try Fixture(
      ["1_a.up.sql": "CREATE TABLE a (b TEXT); INSERT INTO a VALUES ('one'), ('two');"],
      on: TestServer.forBackups
    ).with(holdBudget: .seconds(20))
    let database = MySQLServiceDatabase(
      fixture.options, locate: { (_) throws(StepFailure) in nil }, now: fixture.now)
    _ = try await database.takeFence(after: nil, run: "run")
    _ = try await fixture.migrator().migrate(
      MigrateRequest(directory: fixture.directory, phase: .contract, run: "run")
    ) { _ in }
    return MySQLBackupSubject(fixture)
  }

  private var directory: String { fixture.directory + "/backups" }

  func connect() -> any BackupStore {
    MySQLBackupStore(fixture.options, directory: directory, now: fixture.now)
  }

  func ledger() async throws -> LedgerReading {
    try await MySQLServiceDatabase(
      fixture.options, locate: { (_) throws(StepFailure) in nil }, now: fixture.now
    ).inspect()
  }

  func write() throws { try fixture.other().run("INSERT INTO a VALUES ('later')") }

  func damage(_ id: BackupID, isRecorded: Bool) async throws {
    let file = "\(directory)/\(id).sql"
    guard isRecorded else {
      var bytes = Array(try Data(contentsOf: URL(filePath: file)))
      bytes[bytes.count / 2] ^= 1
      return try FileStream.replace(file, with: bytes)
    }
    let text = try String(contentsOfFile: file, encoding: .utf8)
    try FileStream.replace(file, with: Array(text.replacing("two", with: "tow").utf8))
    let store = MySQLBackupStore(fixture.options, directory: directory, now: fixture.now)
    var manifest = try await store.directory.known(id)
    (manifest.digest, manifest.size) = try FileStream.digest(of: file)
    try FileStream.replace("\(directory)/\(id).manifest", with: manifest.encoded())
  }
}

/// Sessions with a database on the shared server.
final class MySQLSessionSubject: DatabaseSessionSubject {
  private let fixture: Fixture

  init() throws {
    fixture = try Fixture()
    try fixture.other().run("CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT)")
  }

  deinit { fixture.remove() }

  func connect() -> any DatabaseSession {
    MySQLSession(fixture.with(deadline: .milliseconds(200)).options)
  }

  func parameter(_ number: Int) -> String { "?" }

  var endless: String { "INSERT INTO t (a) SELECT 2 + SLEEP(600);" }

  func whileLocked(_ body: () async throws -> Void) async throws {
    let holder = try fixture.other()
    try holder.run("START TRANSACTION")
    try holder.run("INSERT INTO t (a) VALUES (1)")
    try await body()
    try holder.run("ROLLBACK")
  }
}
