import Glibc
import Testing
import WindlassCore
import WindlassWire

extension EndToEnd {
  /// The machine goes down in the middle of an upgrade, with everything on it, and comes back as
  /// another boot; the next daemon ends the upgrade by itself.
  @Suite(.serialized) struct RebootTests {
    /// The places of a run at which the machine goes down: while instances are exchanged, while the
    /// rollback window is open, and just before and after what can't be undone.
    static let slice = [
      TortureTests.Place(effect: "probe", moment: "after"),
      TortureTests.Place(effect: "stop", moment: "settled", occurrence: 2),
      TortureTests.Place(effect: "contract", moment: "before"),
    ]

    @Test(arguments: TortureTests.isWhole ? TortureTests.places : slice)
    func `an upgrade goes on after a reboot, and each migration takes effect once`(
      place: TortureTests.Place
    ) async throws {
      try await Theatre.with { theatre in
        try theatre.boot()
        try theatre.publish("1.0.0")
        let installed = try await theatre.once()
        #expect(installed.status == 0, "\(installed.errors)")
        try theatre.publish("1.1.0")
        let killed = try await theatre.once(place.environment)
        #expect(killed.wasKilled, "\(place.testDescription) was never met: \(killed.errors)")
        try await theatre.goDown()
        try theatre.boot()
        let ended = try await theatre.once()
        try TortureTests.expectUpgraded(theatre, ended)
        // Nothing of the old boot is in doubt, or held the contract up.
        let status = try JSONValue.parse(Array(ended.output.utf8))
        #expect(status["instances"]?.array?.count == 2, "\(status.prettyText)")
        #expect(
          try theatre.rows("SELECT version FROM schema_migrations") == [[.integer(5)]])
      }
    }

    @Test func `instances are back after a reboot at rest, without a run`() async throws {
      try await Theatre.with { theatre in
        try theatre.boot()
        try theatre.publish("1.0.0")
        #expect(try await theatre.once().status == 0)
        try await theatre.goDown()
        try theatre.boot()
        let ended = try await theatre.once()
        #expect(ended.status == 0, "\(ended.errors)")
        let status = try JSONValue.parse(Array(ended.output.utf8))
        #expect(status["deployedVersion"] == "1.0.0")
        #expect(status["lastRuns"]?.array?.count == 1)
        #expect(theatre.processes(named: "beacon\0serve").count == 2)
      }
    }
  }
}
