import Synchronization
import Testing
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// Ledger and locks on a stand-in for CockroachDB.
@Suite(.serialized) struct CockroachLockTests {
  private static let files = [
    "0_initial.up.sql": "CREATE TABLE a (b INT PRIMARY KEY)",
    "7_more.up.sql": "ALTER TABLE a ADD COLUMN c STRING;\nINSERT INTO a VALUES (1, 'x')",
  ]

  private func keys(_ world: CockroachWorld) throws -> [Int64] {
    try PostgresLedger().located(on: world.connection()).rowKeys
  }

  @Test func `the ledger is golang-migrate's to the row on CockroachDB, with version 0 and gaps`()
    async throws
  {
    let world = try CockroachWorld(Self.files)
    try await world.migrate(to: 0)
    #expect(try world.below.ledger() == [[.integer(0), .integer(0)]])
    try await world.migrate()
    #expect(try world.below.ledger() == [[.integer(7), .integer(0)]])
    #expect(try world.below.value("SELECT count(*) FROM schema_lock") == .integer(0))
    #expect(try world.below.value("SELECT count(*) FROM windlass_lock") == .integer(0))
    #expect(
      try world.below.value("SELECT pg_typeof(version)::text FROM schema_migrations")
        == .text("bigint"))
    #expect(try await world.migrate().applied.isEmpty)
  }

  @Test func `a row of golang-migrate keeps Windlass out for either way to open, and is told`()
    async throws
  {
    let world = try CockroachWorld(Self.files)
    let keys = try keys(world)
    #expect(keys.count == 2)
    for key in keys {
      let other = EmulatedCockroachMigrate(connection: try world.connection(), key: key)
      try other.makeTables()
      #expect(try other.lock())
      let failure = await world.failure(deadline: .milliseconds(300))
      #expect(failure?.code == "LockNotObtained")
      #expect(
        failure?.message.contains(
          "DELETE FROM \"public\".\"schema_lock\" WHERE lock_id IN (\(key))") == true)
      #expect(try world.below.value("SELECT count(*) FROM schema_lock") == .integer(1))
      try other.unlock()
    }
    try await world.migrate()
    #expect(try world.below.ledger() == [[.integer(7), .integer(0)]])
  }

  @Test func `while Windlass migrates on CockroachDB, golang-migrate finds its lock taken`()
    async throws
  {
    let world = try CockroachWorld(Self.files)
    let keys = try keys(world)
    let connection = try world.connection()
    let place = try PostgresLedger().located(on: connection)
    try CockroachTables.make(place, on: connection)
    let lock = try CockroachLock(connection, place)
    for key in keys {
      let other = EmulatedCockroachMigrate(connection: try world.connection(), key: key)
      #expect(try !other.lock())
    }
    let failure = await world.failure(deadline: .milliseconds(300))
    #expect(failure?.message.contains("CANCEL SESSION") == true)
    #expect(failure?.message.contains("(test)") == true)
    lock.release()
    for key in keys {
      let other = EmulatedCockroachMigrate(connection: try world.connection(), key: key)
      #expect(try other.lock())
      try other.unlock()
    }
  }

  /// Leaves the rows of a session that ends without giving them back.
  private func leaveRows(_ world: CockroachWorld) async throws {
    let connection = try world.connection()
    let place = try PostgresLedger().located(on: connection)
    try CockroachTables.make(place, on: connection)
    world.server.inject(.losesStatement, into: "DELETE FROM \"public\".\"windlass_lock\"")
    try CockroachLock(connection, place).release()
    #expect(try world.below.value("SELECT count(*) FROM schema_lock") == .integer(2))
    try await waitUntil {
      try world.below.value(
        """
        SELECT count(*) FROM pg_stat_activity a JOIN windlass_lock l ON l.session = a.pid::text
        """) == .integer(0)
    }
  }

  @Test func `the lock of a session that is proven to be gone is taken over`() async throws {
    let world = try CockroachWorld(Self.files)
    try await leaveRows(world)
    try await world.migrate()
    #expect(try world.below.ledger() == [[.integer(7), .integer(0)]])
    #expect(try world.below.value("SELECT count(*) FROM schema_lock") == .integer(0))
  }

  @Test func `a lock stays while a node of the cluster does not answer, until its time is over`()
    async throws
  {
    let world = try CockroachWorld(Self.files)
    try await leaveRows(world)
    world.server.state.withLock { $0.isNodeSilent = true }
    let failure = await world.failure(deadline: .milliseconds(300))
    #expect(failure?.code == "LockNotObtained")
    try world.below.connection().execute("UPDATE windlass_lock SET expires_at = 1")
    try await world.migrate()
    #expect(try world.below.ledger() == [[.integer(7), .integer(0)]])
  }

  @Test func `a row that came after a person removed Windlass's own is golang-migrate's`()
    async throws
  {
    let world = try CockroachWorld(Self.files)
    try await leaveRows(world)
    let keys = try keys(world)
    try world.below.connection().execute(
      "DELETE FROM schema_lock WHERE lock_id = $1", [.integer(keys[0])])
    let failure = await world.failure(deadline: .milliseconds(300))
    #expect(failure?.message.contains("lock_id IN (\(keys[1]))") == true)
    #expect(try world.below.value("SELECT count(*) FROM schema_lock") == .integer(1))
  }

  @Test func `a deposed daemon changes nothing on CockroachDB`() async throws {
    let world = try CockroachWorld(Self.files)
    let database = try world.below.database(world.options())
    let epoch = try await database.takeFence(after: nil, run: "first")
    try await database.apply(world.below.order(0, after: nil, epoch: epoch))
    _ = try await database.takeFence(after: epoch, run: "second")
    let failure = await failure {
      try await database.apply(world.below.order(7, after: 0, epoch: epoch))
    }
    #expect(failure?.code == "FenceLost")
    #expect(try world.columns(of: "a") == ["b"])
    #expect(try world.below.ledger() == [[.integer(0), .integer(0)]])
  }
}
