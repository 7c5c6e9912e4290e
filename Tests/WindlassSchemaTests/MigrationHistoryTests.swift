import Glibc
import Testing
import WindlassCore
import WindlassSchema

/// What is in the files is compared with what was applied, however it is read.
struct MigrationHistoryTests {
  /// A directory of files `1_a.up.sql` and so on, which goes with the value.
  private final class Folder {
    let path: String

    init(_ bodies: [[UInt8]]) throws {
      var template = Array("/tmp/windlass-history-XXXXXX".utf8CString)
      path = try #require(mkdtemp(&template).map { String(cString: $0) })
      for (index, body) in bodies.enumerated() { write(body, to: "\(index + 1)_a.up.sql") }
    }

    convenience init(count: Int) throws {
      try self.init((1...count).map { Array("SELECT \($0)".utf8) })
    }

    func write(_ bytes: [UInt8], to name: String) {
      let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
      _ = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      close(descriptor)
    }

    func directory() throws -> MigrationDirectory { try MigrationDirectory.read(at: path) }

    /// The history of a directory that is applied as it is now.
    func history() throws -> [HistoryEntry] {
      let directory = try directory()
      return try directory.entries.map { entry in
        let body = try directory.body(of: entry.version)
        return HistoryEntry(
          version: entry.version, file: body.file, checksum: SHA256.digest(of: body.bytes),
          phase: "expand",
          run: "run", duration: .zero, appliedAt: Timestamp(milliseconds: 0))
      }
    }

    deinit {
      for name in (try? directory().entries.compactMap(\.upFile)) ?? [] {
        unlink("\(path)/\(name)")
      }
      rmdir(path)
    }
  }

  private func code(
    _ folder: Folder, _ history: [HistoryEntry], sums: MigrationSums? = nil
  ) throws -> String? {
    do {
      try MigrationHistory.check(
        folder.directory(), against: history, ledger: history.last?.version, sums: sums)
      return nil
    } catch let failure as StepFailure {
      return failure.code
    }
  }

  @Test(arguments: [1, 64, 65, 300])
  func `files that are as they were applied pass, in whatever number`(count: Int) throws {
    let folder = try Folder(count: count)
    let history = try folder.history()
    #expect(try code(folder, history) == nil)
    #expect(try code(folder, history, sums: MigrationSums(of: folder.directory())) == nil)
  }

  @Test(arguments: [1, 64, 65, 150, 300])
  func `one changed byte in one file of many is told`(version: Int) throws {
    let folder = try Folder(count: 300)
    let history = try folder.history()
    folder.write(Array("SELECT \(version);".utf8), to: "\(version)_a.up.sql")
    #expect(try code(folder, history) == "ChangedFile")
    let sums = try MigrationSums(of: folder.directory())
    #expect(try code(folder, history, sums: sums) == "ChangedFile")
  }

  @Test func `sums are good for one comparison, and the next one looks again`() throws {
    let folder = try Folder(count: 100)
    let history = try folder.history()
    let sums = try MigrationSums(of: folder.directory())
    #expect(try code(folder, history, sums: sums) == nil)
    folder.write(Array("SELECT 0".utf8), to: "50_a.up.sql")
    #expect(try code(folder, history, sums: sums) == "ChangedFile")
  }

  @Test(arguments: [0, 63, 64, 65_535, 65_536, 65_537, 200_000])
  func `files of every size are read to their end`(size: Int) throws {
    let folder = try Folder([[UInt8](repeating: 0x20, count: size)])
    let history = try folder.history()
    #expect(try code(folder, history) == nil)
    folder.write([UInt8](repeating: 0x20, count: size + 1), to: "1_a.up.sql")
    #expect(try code(folder, history) == "ChangedFile")
  }

  @Test func `what is no ordinary file is told, and nobody waits for it`() throws {
    // Empty, as a pipe seems to be while nobody writes to it.
    let folder = try Folder([[]])
    let history = try folder.history()
    unlink("\(folder.path)/1_a.up.sql")
    mkfifo("\(folder.path)/1_a.up.sql", 0o600)
    #expect(try code(folder, history) == "MigrationUnreadable")
  }

  @Test func `a link to a file is read, and one that leads nowhere is told`() throws {
    let folder = try Folder(count: 2)
    let history = try folder.history()
    rename("\(folder.path)/2_a.up.sql", "\(folder.path)/elsewhere")
    symlink("elsewhere", "\(folder.path)/2_a.up.sql")
    #expect(try code(folder, history) == nil)
    unlink("\(folder.path)/elsewhere")
    #expect(try code(folder, history) == "MigrationUnreadable")
  }

  @Test func `a file that is gone, and one that came late, are told`() throws {
    let folder = try Folder(count: 70)
    let history = try folder.history()
    unlink("\(folder.path)/30_a.up.sql")
    #expect(try code(folder, history) == "MissingFile")
    folder.write(Array("SELECT 30".utf8), to: "30_a.up.sql")
    #expect(try code(folder, history.filter { $0.version != 30 }) == "LateFile")
  }
}
