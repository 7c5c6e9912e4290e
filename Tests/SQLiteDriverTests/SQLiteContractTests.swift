import Testing
import WindlassContracts
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// The contracts of the ports, on real files.
struct SQLiteContractTests {
  @Test(arguments: ServiceDatabaseContract.clauses)
  func `a service's database keeps its contract`(
    clause: ServiceDatabaseContract.Clause
  ) async throws {
    try await clause.check(SQLiteDatabaseSubject())
  }

  @Test(arguments: BackupStoreContract.clauses)
  func `a store of backups keeps its contract`(clause: BackupStoreContract.Clause) async throws {
    try await clause.check(SQLiteBackupSubject.made())
  }

  @Test(arguments: DatabaseSessionContract.clauses)
  func `a session keeps its contract`(clause: DatabaseSessionContract.Clause) async throws {
    try await clause.check(SQLiteSessionSubject())
  }
}

/// A service's database in a file.
struct SQLiteDatabaseSubject: ServiceDatabaseSubject {
  let world: ServiceWorld

  init() throws {
    world = try ServiceWorld()
    try world.write([
      "1_place.up.sql": "CREATE TABLE effects (version INTEGER)",
      "2_first.up.sql": "INSERT INTO effects VALUES (2)",
      "3_second.up.sql": "INSERT INTO effects VALUES (3)",
      "4_fails.up.sql": "INSERT INTO effects VALUES (4); INSERT INTO missing VALUES (4);",
    ])
  }

  func connect() -> any ServiceDatabase { world.anotherDatabase() }

  func effects(of version: SchemaVersion) throws -> Int {
    let place = "SELECT count(*) FROM sqlite_schema WHERE name = 'effects'"
    guard try world.lines(place) == ["1"] else { return 0 }
    let count = "SELECT count(*) FROM effects WHERE version = \(version)"
    return try Int(world.lines(count).first ?? "") ?? 0
  }

  func writeLedger(_ version: SchemaVersion, isDirty: Bool) throws {
    try world.run("UPDATE schema_migrations SET version = \(version), dirty = \(isDirty ? 1 : 0)")
  }

  func whileLocked(_ body: (any ServiceDatabase) async throws -> Void) async throws {
    let holder = try SQLiteConnection.opened(world.path)
    try holder.execute("BEGIN IMMEDIATE")
    try await body(world.anotherDatabase { $0.lockDeadline = .milliseconds(50) })
    try holder.execute("COMMIT")
  }
}

/// A store of backups of a database in a file.
struct SQLiteBackupSubject: BackupStoreSubject {
  let world: ServiceWorld

  static func made() async throws -> SQLiteBackupSubject {
    let world = try ServiceWorld()
    try world.write(["1_a.up.sql": "CREATE TABLE a (b); INSERT INTO a VALUES ('one'), ('two')"])
    try await world.apply(1, after: nil, epoch: world.adopt())
    return SQLiteBackupSubject(world: world)
  }

  func connect() -> any BackupStore { world.backups() }

  func ledger() async throws -> LedgerReading { try await world.database.inspect() }

  func write() throws { try world.run("INSERT INTO a VALUES ('later')") }

  func damage(_ id: BackupID, isRecorded: Bool) async throws {
    let file = world.directory.file("backups/\(id).db")
    guard isRecorded else {
      var bytes = try TemporaryDirectory.read(file)
      bytes[bytes.count / 2] ^= 1
      return try TemporaryDirectory.write(bytes, to: file)
    }
    try SQLiteConnection.opened(file, mode: nil).run(script: "DELETE FROM a WHERE b = 'two'")
    var manifest = try await world.backups().directory.known(id)
    (manifest.digest, manifest.size) = try FileStream.digest(of: file)
    try FileStream.replace(
      world.directory.file("backups/\(id).manifest"), with: manifest.encoded())
  }
}

/// Sessions with a file.
struct SQLiteSessionSubject: DatabaseSessionSubject {
  private let directory: TemporaryDirectory
  private let path: String

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("test.db")
    try SQLiteConnection.opened(path).run(script: "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
  }

  func connect() -> any DatabaseSession {
    SQLiteSession(SQLiteOptions(path: path, lockDeadline: .milliseconds(200)))
  }

  func parameter(_ number: Int) -> String { "?" }

  var endless: String {
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM n;"
  }

  func whileLocked(_ body: () async throws -> Void) async throws {
    let holder = try SQLiteConnection.opened(path)
    try holder.execute("BEGIN IMMEDIATE")
    try holder.execute("INSERT INTO t (a) VALUES (1)")
    try await body()
    try holder.execute("ROLLBACK")
  }
}
