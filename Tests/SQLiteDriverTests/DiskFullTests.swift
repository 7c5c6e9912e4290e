import Glibc
import Testing
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// A small file system that fills up; mounting one needs the rights of root.
@Suite(.enabled(if: geteuid() == 0 && SmallFileSystem.isAvailable))
struct DiskFullTests {
  private let world: ServiceWorld
  private let epoch: Epoch

  init() async throws {
    world = try ServiceWorld()
    try world.write(["1_a.up.sql": "CREATE TABLE a (b)"])
    epoch = try await world.adopt()
    try await world.apply(1, after: nil, epoch: epoch)
    try world.run(
      """
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
      INSERT INTO a SELECT randomblob(4000) FROM n
      """)
  }

  @Test func `a backup on a full disk leaves nothing behind, at any size`() async throws {
    let size = FilePath.size(world.path) + FilePath.size(world.path + "-wal")
    var refused = 0
    for pages in stride(from: 1, through: Int(size / 4_096) + 24, by: 6) {
      let disk = try SmallFileSystem(bytes: pages * 4_096)
      let store = SQLiteBackupStore(
        SQLiteServiceOptions(path: world.path), directory: disk.path + "/backups",
        now: world.clock.now, freeSpaceMargin: nil)
      do throws(StepFailure) {
        _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
        #expect(try await store.receipt(of: "b1") != nil)
      } catch {
        refused += 1
        #expect(error.code == "DiskFull", "\(pages) pages: \(error)")
        #expect(!disk.names.contains { $0.hasSuffix(".manifest") }, "\(pages) pages")
      }
    }
    #expect(refused > 5)
  }

  @Test func `a forecast refuses a backup before it begins`() async throws {
    let disk = try SmallFileSystem(bytes: 1 << 20)
    let store = SQLiteBackupStore(
      SQLiteServiceOptions(path: world.path), directory: disk.path + "/backups",
      now: world.clock.now)
    let failed = await failure {
      _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
    }
    #expect(failed?.code == "DiskFull")
    #expect(failed?.message.contains("No backup was taken") == true)
  }

  @Test func `a migration on a full disk changes nothing`() async throws {
    let disk = try SmallFileSystem(bytes: 2 << 20)
    let path = disk.path + "/service.db"
    let directory = world.directory.file("migrations")
    let database = SQLiteServiceDatabase(
      SQLiteServiceOptions(path: path), locate: { (_) throws(StepFailure) in directory },
      now: world.clock.now)
    let epoch = try await database.takeFence(after: nil, run: "run")
    try await database.apply(world.order(1, after: nil, epoch: epoch))
    try world.write([
      "2_b.up.sql": """
      CREATE TABLE big (b);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
      INSERT INTO big SELECT randomblob(4000) FROM n;
      """
    ])
    let failed = await failure {
      try await database.apply(world.order(2, after: 1, epoch: epoch))
    }
    #expect(failed?.code == "DiskFull", "\(failed?.description ?? "none")")
    #expect(failed?.disposition == .stop)
    let reading = try await database.inspect()
    #expect(reading.version == 1)
    #expect(reading.applied.map(\.version) == [1])
  }
}

/// A tmpfs of a few pages.
final class SmallFileSystem {
  let directory: TemporaryDirectory
  var path: String { directory.path }

  /// Whether this environment lets us mount.
  static let isAvailable: Bool = (try? SmallFileSystem(bytes: 4_096)) != nil

  init(bytes: Int) throws {
    directory = try TemporaryDirectory()
    guard mount("windlass-test", directory.path, "tmpfs", 0, "size=\(bytes)") == 0 else {
      throw TestFailure("mounting a tmpfs failed: \(errno)")
    }
  }

  deinit { umount(directory.path) }

  var names: [String] { directory.names(in: "backups") }
}
