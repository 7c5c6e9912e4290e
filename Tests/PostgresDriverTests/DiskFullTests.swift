import Glibc
import Testing
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// A file system that fills up under a backup; mounting one needs the rights of root.
@Suite(.enabled(if: geteuid() == 0 && SmallDisk.isAvailable))
struct DiskFullTests {
  @Test func `a backup on a full disk leaves nothing behind, at any size`() async throws {
    let world = try BackupWorld()
    // Random, so that it can't be compressed away.
    try world.connect().run(
      script: """
        INSERT INTO log (text) SELECT string_agg(md5(random()::text), '')
        FROM generate_series(1, 300) g, generate_series(1, 20) s GROUP BY g
        """)
    var refused = 0
    for kibibytes in [4, 16, 64, 200, 8_192] {
      let disk = try SmallDisk(bytes: kibibytes * 1_024)
      var options = world.backups
      options.directory = disk.path + "/backups"
      let store = PostgresBackupStore(options, now: BackupWorld.now)
      let failed = await failure {
        _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
      }
      guard let failed else {
        #expect(try await store.receipt(of: "b1") != nil)
        continue
      }
      refused += 1
      #expect(failed.code == "DiskFull", "\(kibibytes) KiB: \(failed)")
      let names = FilePath.names(in: disk.path + "/backups") ?? []
      #expect(Set(names).subtracting([".", "..", ".lock"]).isEmpty, "\(kibibytes) KiB: \(names)")
    }
    #expect((2...4).contains(refused))
  }

  @Test func `a forecast refuses a backup before it begins`() async throws {
    let world = try BackupWorld()
    let disk = try SmallDisk(bytes: 1 << 20)
    var options = world.backups
    options.directory = disk.path + "/backups"
    options.freeSpaceMargin = Bounds.freeSpaceMargin
    let store = PostgresBackupStore(options, now: BackupWorld.now)
    let failed = await failure {
      _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
    }
    #expect(failed?.code == "DiskFull")
    #expect(failed?.message.contains("No backup was taken") == true)
  }
}

/// A file system in memory with room for so many bytes.
private final class SmallDisk {
  let path = TemporaryPath.make()

  static let isAvailable: Bool = (try? SmallDisk(bytes: 4_096)) != nil

  init(bytes: Int) throws {
    try #require(mount("windlass-test", path, "tmpfs", 0, "size=\(bytes)") == 0)
  }

  deinit {
    // At once from here, even while a child of this process still has a file of it open.
    umount2(path, 2)  // MNT_DETACH
    rmdir(path)
  }
}
