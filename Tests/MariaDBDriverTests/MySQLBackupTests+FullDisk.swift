import Foundation
import Glibc
import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// A file system that fills up under a backup; mounting one needs the rights of root.
extension MySQLBackupTests {
  @Test(.enabled(if: geteuid() == 0 && SmallDisk.isAvailable))
  func `a backup on a full disk leaves nothing behind, at any size`() async throws {
    let fixture = try Fixture(
      [
        "1_a.up.sql": "CREATE TABLE a (b TEXT); INSERT INTO a SELECT repeat(uuid(), 500) FROM "
          + Fixture.numbers(to: 20) + ";"
      ], on: TestServer.forBackups
    ).with(holdBudget: .seconds(20))
    defer { fixture.remove() }
    _ = try await fixture.migrator().migrate(
      MigrateRequest(directory: fixture.directory, phase: .contract, run: "run")
    ) { _ in }
    var refused = 0
    for kibibytes in [4, 16, 64, 200, 8_192] {
      let disk = try SmallDisk(bytes: kibibytes * 1_024)
      let directory = disk.path + "/backups"
      let store = MySQLBackupStore(fixture.options, directory: directory, now: fixture.now)
      do throws(StepFailure) {
        _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
        let receipt = try await store.receipt(of: "b1")
        #expect(receipt != nil)
      } catch {
        refused += 1
        #expect(error.code == "DiskFull", "\(kibibytes) KiB: \(error)")
        let names = FilePath.names(in: directory) ?? []
        #expect(Set(names).subtracting([".", "..", ".lock"]).isEmpty, "\(kibibytes) KiB: \(names)")
      }
    }
    #expect((2...4).contains(refused))
    // Nobody is kept from writing by a lock that a failed backup forgot.
    try fixture.other().run("INSERT INTO a VALUES ('later')")
  }
}

/// A file system in memory with room for so many bytes.
private final class SmallDisk {
  let path = "/tmp/windlass-disk-\(UUID().uuidString)"

  static let isAvailable: Bool = (try? SmallDisk(bytes: 4_096)) != nil

  init(bytes: Int) throws {
    mkdir(path, 0o700)
    try #require(mount("windlass-test", path, "tmpfs", 0, "size=\(bytes)") == 0)
  }

  deinit {
    // At once from here, even while a child of this process still has a file of it open.
    umount2(path, 2)  // MNT_DETACH
    rmdir(path)
  }
}
