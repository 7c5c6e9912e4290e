import Foundation
import Glibc
import Testing
import WindlassContracts

extension EndToEnd {
  /// The rights on files that `docs/roles.md` gives for SQLite, as others than root meet them.
  @Suite(.serialized) struct FileRightsTests {
    private static let canBeOthers = getuid() == 0 && Program.installed("setpriv") != nil
    private static let group = 54_321

    /// A database that root made, treated by the page's commands but one.
    private func folder(without omitted: Int?) async throws -> String {
      let folder = FileManager.default.temporaryDirectory
        .appendingPathComponent("windlass-rights-\(UUID().uuidString)").path
      for name in ["shop", "first", "second"] {
        try FileManager.default.createDirectory(
          atPath: "\(folder)/\(name)", withIntermediateDirectories: true,
          attributes: [.posixPermissions: 0o755])
      }
      chmod(folder, 0o755)
      let files = ["1_a.up.sql": "CREATE TABLE a (b);", "2_b.up.sql": "CREATE TABLE b (c);"]
      for (name, text) in files {
        let places = name.hasPrefix("1") ? ["first", "second"] : ["second"]
        for place in places {
          let path = "\(folder)/\(place)/\(name)"
          try text.write(toFile: path, atomically: true, encoding: .utf8)
          chmod(path, 0o644)
        }
      }
      // A copy that other users can reach, wherever the package was built.
      try FileManager.default.copyItem(
        atPath: Program.path("windlass"), toPath: "\(folder)/windlass")
      chmod("\(folder)/windlass", 0o755)
      let made = try await Program("windlass", migrating(folder, "first") + ["--create"]).end()
      try #require(made.status == 0, "\(made.errors)")
      chmod("\(folder)/shop/data.db", 0o644)
      let commands = try RolesPage.lines(under: "SQLite: files", "sh")
      try #require(commands.count == 3)
      for (index, command) in commands.enumerated() where index != omitted {
        let text = command.replacing("/var/lib/shop", with: "\(folder)/shop")
          .replacing("chgrp shop ", with: "chgrp \(Self.group) ")
        let ended = try await Program("/bin/sh", ["-c", text]).end()
        try #require(ended.status == 0, "\(text): \(ended.errors)")
      }
      return folder
    }

    private func migrating(_ folder: String, _ directory: String) -> [String] {
      [
        "migrate", "--database", "sqlite://\(folder)/shop/data.db", "--path",
        "\(folder)/\(directory)",
      ]
    }

    private func run(
      as user: Int, in folder: String, _ arguments: [String]
    ) async throws -> Ended {
      try await Program(
        Program.installed("setpriv") ?? "setpriv",
        [
          "--reuid=\(user)", "--regid=\(Self.group)", "--clear-groups", "\(folder)/windlass",
        ] + arguments
      ).end()
    }

    @Test(.enabled(if: canBeOthers))
    func `users of one group migrate and read the same file`() async throws {
      let folder = try await folder(without: nil)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let migrated = try await run(as: 65_001, in: folder, migrating(folder, "second"))
      #expect(migrated.status == 0, "\(migrated.errors)")
      let seen = try await run(
        as: 65_002, in: folder,
        ["schema", "--database", "sqlite://\(folder)/shop/data.db", "--json"])
      #expect(seen.status == 0 && seen.output.contains("\"version\":2"), "\(seen.text)")
    }

    @Test(.enabled(if: canBeOthers), arguments: 0..<3)
    func `each of the rights on files is needed, and the file is named`(
      omitted: Int
    ) async throws {
      let folder = try await folder(without: omitted)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let refused = try await run(as: 65_001, in: folder, migrating(folder, "second"))
      #expect(refused.status != 0)
      #expect(refused.errors.contains("\(folder)/shop/data.db"), "\(refused.errors)")
    }
  }
}
