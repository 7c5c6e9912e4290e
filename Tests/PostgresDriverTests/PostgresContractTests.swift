import Testing
import WindlassContracts
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// The contracts of the ports, on a real server.
struct PostgresContractTests {
  @Test(arguments: ServiceDatabaseContract.clauses)
  func `a service's database keeps its contract`(
    clause: ServiceDatabaseContract.Clause
  ) async throws {
    try await clause.check(PostgresDatabaseSubject())
  }

  @Test(arguments: BackupStoreContract.clauses)
  func `a store of backups keeps its contract`(clause: BackupStoreContract.Clause) async throws {
    try await clause.check(PostgresBackupSubject())
  }

  @Test(arguments: DatabaseSessionContract.clauses)
  func `a session keeps its contract`(clause: DatabaseSessionContract.Clause) async throws {
    try await clause.check(PostgresSessionSubject())
  }

  @Test(arguments: CoordinationContract.clauses)
  func `lease, slots and journal of sidecars keep their contract`(
    clause: CoordinationContract.Clause
  ) async throws {
    try await clause.check(PostgresCoordinationSubject())
  }
}

/// What sidecars share in a database on the shared server.
struct PostgresCoordinationSubject: CoordinationSubject {
  private let url: PostgresURL

  init() throws { url = try PostgresServer.shared.makeDatabase() }

  private var session: PostgresSession {
    PostgresSession(PostgresOptions(url: url, lockDeadline: .seconds(30)))
  }

  func connect() -> any Coordination { DatabaseCoordination(session, .postgres) }

  func journal(under lease: Lease) async throws -> any RunJournal {
    try await DatabaseJournal.open(session, .postgres, under: lease)
  }
}

/// A service's database on the shared server.
struct PostgresDatabaseSubject: ServiceDatabaseSubject {
  let world: PostgresWorld

  init() throws {
    world = try PostgresWorld([
      "1_place.up.sql": "CREATE TABLE effects (version int)",
      "2_first.up.sql": "INSERT INTO effects VALUES (2)",
      "3_second.up.sql": "INSERT INTO effects VALUES (3)",
      "4_fails.up.sql": "INSERT INTO effects VALUES (4); INSERT INTO missing VALUES (4);",
    ])
  }

  func connect() throws -> any ServiceDatabase { try world.database() }

  func effects(of version: SchemaVersion) throws -> Int {
    guard try world.value("SELECT to_regclass('effects')") != .null else { return 0 }
    let count = try world.value("SELECT count(*) FROM effects WHERE version = \(version)")
    guard case .integer(let count) = count else { return 0 }
    return Int(count)
  }

  func writeLedger(_ version: SchemaVersion, isDirty: Bool) throws {
    try world.connection().execute(
      "UPDATE schema_migrations SET version = \(version), dirty = \(isDirty)")
  }

  func whileLocked(_ body: (any ServiceDatabase) async throws -> Void) async throws {
    let holder = try world.connection()
    try holder.run(script: "BEGIN; LOCK TABLE effects IN SHARE MODE")
    try await body(world.database(world.options { $0.lockDeadline = .milliseconds(200) }))
    try holder.run(script: "COMMIT")
  }

  func applyLosingReply(_ order: MigrationOrder) async throws {
    let proxy = try TamperingProxy(.losesCommitReply(1), before: .shared)
    defer { proxy.close() }
    // What becomes of it is what the clause asks.
    try? await world.database(world.options(proxy.url(of: world.url))).apply(order)
    #expect(proxy.hasLostReply)
  }
}

/// A store of backups of a database with one of everything.
struct PostgresBackupSubject: BackupStoreSubject {
  let world: BackupWorld

  init() throws { world = try BackupWorld() }

  func connect() -> any BackupStore { world.store }

  func ledger() async throws -> LedgerReading {
    try await PostgresServiceDatabase(
      world.service, locate: { (_) throws(StepFailure) in nil }, now: BackupWorld.now
    ).inspect()
  }

  func write() throws { try world.connect().run(script: "INSERT INTO log (text) VALUES ('later')") }

  func damage(_ id: BackupID, isRecorded: Bool) async throws {
    let file = "\(world.directory)/backups/\(id).dump"
    guard isRecorded else {
      var bytes = try #require(try FileStream.read(file, sizeMax: 10_000_000))
      bytes[bytes.count / 2] ^= 1
      return try FileStream.replace(file, with: bytes)
    }
    // The file of a moment when a row more was there, as if the copy had been taken wrongly.
    try write()
    _ = try await world.store.backUp("other", run: "run", purpose: .byHand)
    let other = try await world.store.directory.known("other")
    var manifest = try await world.store.directory.known(id)
    (manifest.digest, manifest.size) = (other.digest, other.size)
    let bytes = try #require(
      try FileStream.read("\(world.directory)/backups/other.dump", sizeMax: 10_000_000))
    try FileStream.replace(file, with: bytes)
    try FileStream.replace(
      "\(world.directory)/backups/\(id).manifest", with: manifest.encoded())
  }
}

/// Sessions with a database on the shared server.
struct PostgresSessionSubject: DatabaseSessionSubject {
  private let url: PostgresURL

  init() throws {
    url = try PostgresServer.shared.makeDatabase()
    try PostgresConnection(PostgresOptions(url: url))
      .run(script: "CREATE TABLE t (a int8 PRIMARY KEY, b text)")
  }

  func connect() -> any DatabaseSession {
    PostgresSession(PostgresOptions(url: url, lockDeadline: .milliseconds(200)))
  }

  func parameter(_ number: Int) -> String { "$\(number)" }

  var endless: String { "SELECT pg_sleep(600);" }

  func whileLocked(_ body: () async throws -> Void) async throws {
    let holder = try PostgresConnection(PostgresOptions(url: url))
    try holder.run(script: "BEGIN; INSERT INTO t (a) VALUES (1)")
    try await body()
    try holder.run(script: "ROLLBACK")
  }
}
