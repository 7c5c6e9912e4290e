import Foundation
import Glibc
import Testing
import WindlassCore
import WindlassWire

extension EndToEnd {
  /// What a person or a publisher gets wrong: one paragraph that names the object and the next
  /// step, the exit code that fits, and nothing changed.
  @Suite(.serialized) struct BadInputTests {
    /// What must be the same afterwards: schema, rows, ledger, history, and who serves.
    struct Standing: Equatable {
      var tables: [[SQLValue]]
      var ledger: [[SQLValue]]
      var history: [[SQLValue]]
      var flags: [[SQLValue]]
      var instances: [Int32]

      init(_ theatre: Theatre) throws {
        tables = try theatre.rows("SELECT name, sql FROM sqlite_schema ORDER BY name")
        ledger = try theatre.rows("SELECT version, dirty FROM schema_migrations")
        history = try theatre.rows("SELECT version, checksum FROM windlass_migration_log")
        flags = try theatre.rows("SELECT * FROM flags ORDER BY key")
        instances = theatre.processes(named: "beacon\0serve")
      }
    }

    /// Expects one paragraph with every part in it, and returns it.
    @discardableResult
    static func expectParagraph(
      _ ended: Ended, status: Int32, naming parts: String...,
      sourceLocation: SourceLocation = #_sourceLocation
    ) -> String {
      let text = (ended.status == 2 || ended.output.isEmpty ? ended.errors : ended.output)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(ended.status == status, "\(ended.errors)", sourceLocation: sourceLocation)
      #expect(!text.contains("\n"), "\(text)", sourceLocation: sourceLocation)
      for part in parts {
        #expect(text.contains(part), "\(text)", sourceLocation: sourceLocation)
      }
      return text
    }

    // MARK: Before anything is made

    @Test(arguments: [
      ("replicas: 2", "replica: 2", "spec.fleet.processes.replica ", "Did you mean replicas?"),
      ("soak: 200ms", "soak: 200", "spec.rollout.soak ", "such as 10s"),
      ("url: \"file://", "url: \"ftp://", "url", "https:"),
      ("urlFrom: {file: ", "urlFrom: {file: /no/such", "/no/such", "urlFrom"),
    ])
    func `a wrong document is named with its place, and nothing is made`(
      old: String, new: String, named: String, next: String
    ) async throws {
      try await Theatre.with { theatre in
        let text = try String(contentsOfFile: theatre.config, encoding: .utf8)
        try #require(text.contains(old))
        try text.replacing(old, with: new).write(
          toFile: theatre.config, atomically: true, encoding: .utf8)
        let ended = try await theatre.explained()
        Self.expectParagraph(ended, status: 2, naming: theatre.config, named, next)
        #expect(!FileManager.default.fileExists(atPath: theatre.state))
        #expect(!FileManager.default.fileExists(atPath: theatre.database))
      }
    }

    @Test func `a configuration that is not there is named`() async throws {
      try await Theatre.with { theatre in
        try FileManager.default.removeItem(atPath: theatre.config)
        let ended = try await theatre.explained()
        Self.expectParagraph(ended, status: 2, naming: theatre.config, "does not exist", "--config")
        #expect(!FileManager.default.fileExists(atPath: theatre.state))
      }
    }

    @Test func `a manifest that is not there is named`() async throws {
      try await Theatre.with { theatre in
        let ended = try await theatre.explained()
        Self.expectParagraph(ended, status: 1, naming: "\(theatre.directory)/pub/manifest.json")
        #expect(!FileManager.default.fileExists(atPath: theatre.database))
        #expect(theatre.processes(named: "beacon\0serve") == [])
      }
    }

    @Test func `a port in use shows before the database is touched, with the pid that holds it`()
      async throws
    {
      try await Theatre.with { theatre in
        try theatre.publish("1.0.0")
        let holder = try theatre.occupyPort()
        let ended = try await theatre.explained()
        Self.expectParagraph(
          ended, status: 1, naming: "PortInUse", "127.0.0.1:\(theatre.port)",
          "held by pid \(getpid()) (", "Stop that process, or choose another address")
        #expect(!FileManager.default.fileExists(atPath: theatre.database))
        #expect(theatre.processes(named: "beacon\0serve") == [])
        close(holder)
      }
    }

    // MARK: Beside a service that runs

    @Test func `a dirty ledger is refused`() async throws {
      try await Theatre.withInstalled { theatre in
        _ = try theatre.rows("UPDATE schema_migrations SET dirty = 1")
        let before = try Standing(theatre)
        try theatre.publish("1.1.0")
        let ended = try await theatre.explained()
        Self.expectParagraph(
          ended, status: 6, naming: "DirtyLedger", "beacon", "dirty at 2", "clear the mark")
        #expect(try Standing(theatre) == before)
      }
    }

    @Test func `a migration file that differs from what was applied is refused`() async throws {
      try await Theatre.withInstalled { theatre in
        let other = String(repeating: "ab", count: 32)
        _ = try theatre.rows(
          "UPDATE windlass_migration_log SET checksum = '\(other)' WHERE version = 1")
        let before = try Standing(theatre)
        try theatre.publish("1.1.0")
        let ended = try await theatre.explained()
        Self.expectParagraph(ended, status: 6, naming: "ChangedFile", "1_")
        #expect(try Standing(theatre) == before)
      }
    }

    @Test func `an archive whose digest differs is refused`() async throws {
      try await Theatre.withInstalled { theatre in
        let before = try Standing(theatre)
        try theatre.publish("1.1.0")
        let archive = theatre.archive("beacon-1.1.0.tar.gz")
        let whole = try Data(contentsOf: URL(fileURLWithPath: archive))
        defer { try? whole.write(to: URL(fileURLWithPath: archive)) }
        var other = whole
        other[whole.count / 2] ^= 1
        try other.write(to: URL(fileURLWithPath: archive))
        let ended = try await theatre.explained()
        Self.expectParagraph(
          ended, status: 1, naming: "DigestMismatch", archive, "SHA-256",
          "Publish the right file, or a manifest with its digest")
        #expect(try Standing(theatre) == before)
      }
    }

    @Test(.enabled(if: geteuid() == 0 && SmallDisk.isAvailable))
    func `a disk too small for the backup is refused`() async throws {
      let disk = try SmallDisk(bytes: 40 << 20)
      try await Theatre.withInstalled(spec: "  backup: {directory: \"\(disk.path)/b\"}") {
        theatre in
        let before = try Standing(theatre)
        try Data(count: 32 << 20).write(to: URL(fileURLWithPath: disk.path + "/other"))
        try theatre.publish("1.1.0")
        let ended = try await theatre.explained()
        Self.expectParagraph(
          ended, status: 1, naming: "DiskFull", "\(disk.path)/b", "Free space, then try again")
        #expect(try Standing(theatre) == before)
      }
    }
  }
}

/// A tmpfs of a few pages; mounting one needs the rights of root.
final class SmallDisk {
  private let directory: TemporaryDirectory
  var path: String { directory.path }

  /// Whether this environment lets us mount.
  static let isAvailable: Bool = (try? SmallDisk(bytes: 4_096)) != nil

  init(bytes: Int) throws {
    directory = try TemporaryDirectory()
    try #require(mount("windlass-test", directory.path, "tmpfs", 0, "size=\(bytes)") == 0)
  }

  deinit { umount2(directory.path, Int32(MNT_DETACH)) }
}
