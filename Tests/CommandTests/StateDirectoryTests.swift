import Foundation
import Synchronization
import Testing
import WindlassCore
import WindlassJournal

@testable import windlass

@Suite struct StateDirectoryTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func `a missing directory is made for this user alone, with its parents`() throws {
    let directory = StateDirectory(folder.path + "/a/b/")
    try directory.prepare()
    try directory.prepare()
    #expect(directory.path == folder.path + "/a/b")
    let attributes = try FileManager.default.attributesOfItem(atPath: directory.path)
    #expect(attributes[.posixPermissions] as? Int == 0o700)
  }

  @Test func `a directory that others may use is refused with the command that helps`() throws {
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
    let failure = try #require(throws: CommandFailure.self) {
      try StateDirectory(folder.path).prepare()
    }
    #expect(failure.message.contains("chmod 700 \(folder.path)"))
  }

  @Test func `a file in its place is refused`() throws {
    let path = folder.path + "/file"
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    #expect(throws: CommandFailure.self) { try StateDirectory(path).prepare() }
    #expect(throws: CommandFailure.self) { try StateDirectory(path + "/below").prepare() }
  }

  @Test func `a second daemon is refused and told the first one's pid`() throws {
    let directory = StateDirectory(folder.path)
    let lock = try directory.lock()
    let failure = try #require(throws: CommandFailure.self) {
      try directory.lock(patience: .milliseconds(30))
    }
    #expect(failure.code == "AlreadyRunning")
    #expect(failure.message.contains("with the pid \(getpid()) "))
    withExtendedLifetime(lock) {}
  }

  @Test func `the lock is free when its holder is gone`() throws {
    let directory = StateDirectory(folder.path)
    _ = try directory.lock()
    _ = try directory.lock()
  }

  @Test func `a daemon that is just ending is waited for`() async throws {
    let directory = StateDirectory(folder.path)
    let held = Mutex<StateLock?>(try directory.lock())
    async let next = Result { try directory.lock(patience: .seconds(60)) }
    // The one that waits has the file open beside the one that holds it.
    while openFiles(named: "daemon.lock") < 2 { await Task.yield() }
    held.withLock { $0 = nil }
    _ = try await next.get()
  }

  private func openFiles(named name: String) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.count {
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
      return target == "\(folder.path)/\(name)"
    }
  }

  @Test func `the journal in it is opened again as it was left`() async throws {
    let directory = StateDirectory(folder.path)
    let record = JournalRecord(
      service: "beacon", kind: .event, at: Timestamp(milliseconds: 5), payload: "{}")
    _ = try await directory.openJournal().append(record)
    let latest = try await directory.openJournal().latest(.event, service: "beacon")
    #expect(latest?.sequence == 1)
  }
}
