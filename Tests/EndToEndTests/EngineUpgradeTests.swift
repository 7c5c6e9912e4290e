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
        try expectNoSecret(of: url, in: theatre.state)
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

    /// Fails when any file that the daemon wrote holds the password.
    private func expectNoSecret(of url: String, in state: String) throws {
      let secret = try #require(url.split(separator: "@").first?.split(separator: ":").last)
      let files = FileManager.default.enumerator(atPath: state)?.allObjects as? [String] ?? []
      #expect(files.count > 5)
      for file in files {
        guard let bytes = FileManager.default.contents(atPath: "\(state)/\(file)") else { continue }
        let isShown = bytes.firstRange(of: Data(secret.utf8)) != nil
        #expect(!isShown, "\(file) holds the password")
      }
    }
  }
}
