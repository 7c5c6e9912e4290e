import Foundation
import Glibc
import Testing
import WindlassCore
import WindlassWire

/// Tests that start the real programs, one after the other: they share two cores with what they
/// start.
@Suite(.serialized) enum EndToEnd {}

extension EndToEnd {
  /// Whole upgrades with the real daemon, shim, Beacon and SQLite, under load.
  @Suite(.serialized) struct UpgradeTests {
    @Test func `a release is installed, upgraded with its contract, and the next one rolled back`()
      async throws
    {
      try await Theatre.with { theatre in
        try theatre.publish("1.0.0")
        #expect(try await theatre.once().status == 0)
        let load = try theatre.load()

        try theatre.publish("1.1.0")
        let upgraded = try await theatre.once()
        #expect(upgraded.status == 0, "\(upgraded.errors)")
        #expect(
          try theatre.rows("SELECT version, dirty FROM schema_migrations") == [
            [.integer(5), .integer(0)]
          ])

        try theatre.publish("1.1.1")
        let rolledBack = try await theatre.once()
        #expect(rolledBack.status == 1, "\(rolledBack.errors)")
        let status = try JSONValue.parse(Array(rolledBack.output.utf8))
        #expect(status["deployedVersion"] == "1.1.0")
        #expect(status["quarantined"]?.array?.first?["version"] == "1.1.1")
        #expect(status["lastRuns"]?.array?.first?["ending"] == "RolledBack")

        let account = try await theatre.account(load)
        #expect(account.total > 100)
        #expect(account.lost == 0, "\(account.report)")
      }
    }

    @Test func `a reckless release is refused with the query that would have failed`() async throws
    {
      try await Theatre.with(service: "beacon-reckless") { theatre in
        try theatre.publish("1.0.0")
        #expect(try await theatre.once().status == 0)
        let load = try theatre.load()

        try theatre.publish("1.1.0")
        let refused = try await theatre.once()
        #expect(refused.status == 3, "\(refused.errors)")
        #expect(refused.output.contains("no such column: f.rollout_percent"))
        #expect(refused.output.contains("SELECT f.key"))
        #expect(try theatre.rows("SELECT version FROM schema_migrations") == [[.integer(2)]])

        let account = try await theatre.account(load)
        #expect(account.lost == 0, "\(account.report)")
      }
    }

    @Test func `the exact loss of a release that aborts is counted`() async throws {
      try await Theatre.with { theatre in
        try theatre.publish("1.1.0")
        #expect(try await theatre.once().status == 0)
        let load = try theatre.load()
        try theatre.publish("1.1.1+abort")
        #expect(try await theatre.once().status == 1)
        let account = try await theatre.account(load)
        // The aborting instance takes the requests in flight with it; its siblings lose none. One
        // on a reused connection that died before a byte of the reply may have been sent again.
        #expect(account.lost + account.retried > 0, "\(account.report)")
        #expect(account.lost < account.total / 10)
      }
    }
  }
}
