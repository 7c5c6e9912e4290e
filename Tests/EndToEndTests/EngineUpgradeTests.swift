import Foundation
import Glibc
import Testing
import WindlassCore
import WindlassWire

@testable import windlass

extension EndToEnd {
  /// The demo's three stories with the real daemon, on private servers of the other engines.
  @Suite(.serialized) struct EngineUpgradeTests {
    @Test(arguments: TestServers.engines)
    func `a release is installed, upgraded with its contract, and the next one rolled back`(
      engine: ServerEngine
    ) async throws {
      let url = try await TestServers.shared.freshDatabase(engine)
      try await Theatre.with(url: url) { theatre in
        try theatre.publish("1.0.0")
        let installed = try await theatre.once()
        #expect(installed.status == 0, "\(installed.errors)")
        let load = try theatre.load(rate: 150)

        try theatre.publish("1.1.0")
        let upgraded = try await theatre.once()
        #expect(upgraded.status == 0, "\(upgraded.errors)")
        let status = try JSONValue.parse(Array(upgraded.output.utf8))
        #expect(status["deployedVersion"] == "1.1.0")
        #expect(status["schemaVersion"] == "5")

        try theatre.publish("1.1.1")
        let rolledBack = try await theatre.once()
        #expect(rolledBack.status == 1, "\(rolledBack.errors)")
        let after = try JSONValue.parse(Array(rolledBack.output.utf8))
        #expect(after["deployedVersion"] == "1.1.0")
        #expect(after["quarantined"]?.array?.first?["version"] == "1.1.1")

        let account = try await theatre.account(load)
        #expect(account.total > 100)
        #expect(account.lost == 0, "\(account.report)")
        try expectNoSecret(of: [url], in: theatre.state)
      }
    }

    @Test(arguments: TestServers.engines)
    func `a release is upgraded by users who may do what the page on roles says, and no more`(
      engine: ServerEngine
    ) async throws {
      let database = try await TestServers.shared.roleDatabase(engine)
      let proof =
        engine == .postgres ? "  proof:\n    scratchURLFrom: {file: SCRATCH}" : ""
      try await Theatre.with(spec: proof, url: database.main) { theatre in
        var roles: [String] = []
        for (role, url) in database.others {
          let file = "\(theatre.directory)/\(role)-url"
          try "\(url)\n".write(toFile: file, atomically: true, encoding: .utf8)
          if role != "scratch" { roles.append("\(role): {urlFrom: {file: \(file)}}") }
        }
        let inject = "inject: {env: BEACON_DB, format: url}"
        try theatre.configure(
          inject, "\(inject)\n    roles: {\(roles.sorted().joined(separator: ", "))}")
        if engine == .postgres {
          try theatre.configure("SCRATCH", "\(theatre.directory)/scratch-url")
        }
        try theatre.publish("1.0.0")
        let installed = try await theatre.once()
        #expect(installed.status == 0, "\(installed.errors)")
        let load = try theatre.load(rate: 100)

        try theatre.publish("1.1.0")
        let upgraded = try await theatre.once()
        #expect(upgraded.status == 0, "\(upgraded.errors)")
        let status = try JSONValue.parse(Array(upgraded.output.utf8))
        #expect(status["deployedVersion"] == "1.1.0")
        #expect(status["schemaVersion"] == "5")

        let account = try await theatre.account(load)
        #expect(account.total > 100)
        #expect(account.lost == 0, "\(account.report)")
        try expectNoSecret(of: [database.main] + database.others.values, in: theatre.state)
      }
    }

    @Test(arguments: TestServers.engines)
    func `a reckless release is refused with the query that would have failed`(
      engine: ServerEngine
    ) async throws {
      let url = try await TestServers.shared.freshDatabase(engine)
      try await Theatre.with(service: "beacon-reckless", url: url) { theatre in
        try theatre.publish("1.0.0")
        let installed = try await theatre.once()
        #expect(installed.status == 0, "\(installed.errors)")
        let load = try theatre.load(rate: 100)

        try theatre.publish("1.1.0")
        let refused = try await theatre.once()
        #expect(refused.status == 3, "\(refused.errors)")
        #expect(DemoStory.failure(in: refused.output)?.contains("SELECT f.key") == true)
        let status = try JSONValue.parse(Array(refused.output.utf8))
        #expect(status["schemaVersion"] == "2")

        let account = try await theatre.account(load)
        #expect(account.lost == 0, "\(account.report)")
      }
    }

    /// Fails when any file that the daemon wrote holds a password; what it unpacked is its
    /// publisher's.
    private func expectNoSecret(of urls: [String], in state: String) throws {
      let secrets = try urls.map { url in
        Data(try #require(url.split(separator: "@").first?.split(separator: ":").last).utf8)
      }
      let files = FileManager.default.enumerator(atPath: state)?.allObjects as? [String] ?? []
      #expect(files.count > 5)
      for file in files where !file.hasPrefix("artifacts/") {
        guard let bytes = FileManager.default.contents(atPath: "\(state)/\(file)") else { continue }
        let isShown = secrets.contains { bytes.firstRange(of: $0) != nil }
        #expect(!isShown, "\(file) holds a password")
      }
    }
  }
}
