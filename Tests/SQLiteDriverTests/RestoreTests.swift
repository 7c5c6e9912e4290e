import Testing
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// A person puts a backup back.
struct RestoreTests {
  private let world: ServiceWorld
  private let store: SQLiteBackupStore
  private let epoch: Epoch
  private let taken: Timestamp

  init() async throws {
    world = try ServiceWorld()
    store = world.backups()
    try world.write(["1_a.up.sql": "CREATE TABLE a (b)", "2_b.up.sql": "DROP TABLE a"])
    epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    try world.run("INSERT INTO a VALUES ('kept')")
    _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
    _ = try await store.verify("b1")
    taken = try #require(try await store.list().first).takenAt
    try await world.apply(2, after: 1, epoch: epoch)
  }

  @Test func `a restore brings rows, ledger and history back, under a new name`() async throws {
    let before = try await world.database.inspect()
    let report = try await store.restore("b1", acceptingLossSince: taken)
    #expect(report.schema == 1)
    #expect(report.epoch == epoch.next)
    let reading = try await world.database.inspect()
    #expect(reading.version == 1)
    #expect(reading.applied.map(\.version) == [1])
    #expect(reading.epoch == epoch.next)
    #expect(reading.systemID != before.systemID)
    #expect(reading.systemID.count == 32)
    #expect(try world.lines("SELECT b FROM a") == ["kept"])
    #expect(try world.lines("PRAGMA journal_mode") == ["wal"])
    #expect(world.directory.names(in: "backups") == [".lock", "b1.db", "b1.manifest"])
  }

  @Test func `a daemon that was at work before a restore changes nothing more`() async throws {
    _ = try await store.restore("b1", acceptingLossSince: taken)
    let failed = await failure { try await world.apply(2, after: 1, epoch: epoch) }
    #expect(failed?.code == "FenceLost")
    // The new holder goes on where the backup was.
    let next = try await world.database.takeFence(after: epoch.next, run: "later")
    try await world.apply(2, after: 1, epoch: next, run: "later")
    #expect(try await world.database.inspect().version == 2)
  }

  @Test func `a restore is seen by servers that have the database open`() async throws {
    let server = try SQLiteConnection.opened(world.path, mode: nil)
    #expect(try server.lines("SELECT * FROM schema_migrations") == ["2|0"])
    _ = try await store.restore("b1", acceptingLossSince: taken)
    #expect(try server.lines("SELECT * FROM schema_migrations") == ["1|0"])
    #expect(try server.lines("SELECT b FROM a") == ["kept"])
  }

  @Test func `a restore that would lose more than was named is refused`() async throws {
    let later = taken + .seconds(1)
    let failed = await failure {
      _ = try await store.restore("b1", acceptingLossSince: later)
    }
    #expect(failed?.code == "LossNotNamed")
    #expect(failed?.message.contains(taken.rfc3339) == true)
    #expect(try await world.database.inspect().version == 2)
  }

  @Test func `a restore waits for a writer and leaves all or nothing`() async throws {
    let impatient = world.backups { $0.lockDeadline = .milliseconds(50) }
    let server = try SQLiteConnection.opened(world.path, mode: nil)
    try server.execute("BEGIN IMMEDIATE")
    let failed = await failure {
      _ = try await impatient.restore("b1", acceptingLossSince: taken)
    }
    #expect(failed?.code == "LockNotObtained")
    try server.execute("COMMIT")
    #expect(try await world.database.inspect().version == 2)
  }

  @Test func `a damaged backup is never restored`() async throws {
    let file = world.directory.file("backups/b1.db")
    var bytes = try TemporaryDirectory.read(file)
    bytes[bytes.count / 2] ^= 1
    try TemporaryDirectory.write(bytes, to: file)
    let failed = await failure { _ = try await store.restore("b1", acceptingLossSince: taken) }
    #expect(failed?.code == "BackupDamaged")
    #expect(try await world.database.inspect().version == 2)
  }

  @Test func `over a damaged database the fence can't be kept, and nothing is done`() async throws {
    try TemporaryDirectory.write(Array("no database at all".utf8), to: world.path)
    for ending in ["-wal", "-shm"] { FileStream.remove(world.path + ending) }
    let failed = await failure { _ = try await store.restore("b1", acceptingLossSince: taken) }
    #expect(failed?.code == "TargetDamaged")
    #expect(try TemporaryDirectory.read(world.path) == Array("no database at all".utf8))
    // Moved away, the database is made anew, beyond every number that a daemon may hold.
    FileStream.remove(world.path)
    let report = try await store.restore("b1", acceptingLossSince: taken)
    #expect(report.epoch == Epoch(epoch.number + Bounds.lostFenceStride))
    #expect(try world.lines("SELECT b FROM a") == ["kept"])
    #expect(try world.lines("PRAGMA journal_mode") == ["wal"])
  }
}
