import Foundation
import Glibc
import Testing
import WindlassCore
import WindlassWire

extension EndToEnd {
  /// The daemon is killed at its failpoints, the shim and the host as well; each time the upgrade
  /// ends by itself, each effect happens once, and no request is lost.
  @Suite(.serialized) struct TortureTests {
    /// A named place in a run at which the daemon is killed.
    struct Place: CustomTestStringConvertible, Sendable {
      var effect: String
      var moment: String
      var occurrence = 1

      var testDescription: String { "\(effect).\(moment):\(occurrence)" }
      var environment: [String: String] { ["WINDLASS_FAILPOINT": "\(testDescription)=kill"] }
    }

    /// The effects of an upgrade of two instances with a backfill and a contract, in order.
    static let effects: [(name: String, occurrence: Int)] = [
      ("prepare", 1), ("fence", 1), ("preflight", 1), ("back-up", 1), ("verify", 1),
      ("rehearse", 1), ("expand", 1), ("backfill", 1), ("start", 1), ("probe", 1), ("stop", 1),
      ("start", 2), ("probe", 2), ("stop", 2), ("commit", 1), ("back-up", 2), ("verify", 2),
      ("contract", 1), ("prune", 1),
    ]

    static let moments = ["before", "after", "settled"]

    static let isWhole = ProcessInfo.processInfo.environment["WINDLASS_TORTURE"] == "all"

    /// Every place, each for an upgrade of its own.
    static let places: [Place] = effects.flatMap { effect in
      moments.map { Place(effect: effect.name, moment: $0, occurrence: effect.occurrence) }
    }

    /// A third of the places, one of each effect, for one upgrade that is killed at all of them.
    /// A new daemon counts from one again.
    static func chain(_ turn: Int) -> [Place] {
      effects.enumerated().map { index, effect in
        Place(effect: effect.name, moment: moments[(index + turn) % moments.count])
      }
    }

    @Test(arguments: isWhole ? [0, 1, 2] : [0])
    func `an upgrade that is killed at every effect in turn ends by itself`(turn: Int) async throws
    {
      try await upgrade(killedAt: Self.chain(turn))
    }

    @Test(.enabled(if: isWhole), arguments: places)
    func `an upgrade that is killed once ends by itself`(place: Place) async throws {
      try await upgrade(killedAt: [place])
    }

    private func upgrade(killedAt places: [Place]) async throws {
      try await Theatre.with { theatre in
        try theatre.publish("1.0.0")
        #expect(try await theatre.once().status == 0)
        let load = try theatre.load()
        try theatre.publish("1.1.0")
        for place in places {
          let killed = try await theatre.once(place.environment)
          #expect(killed.wasKilled, "\(place.testDescription) was never met: \(killed.errors)")
        }
        try Self.expectUpgraded(theatre, try await theatre.once())
        let account = try await theatre.account(load)
        #expect(account.lost == 0, "\(account.report)")
      }
    }

    /// Expects that the upgrade to 1.1.0 is whole, and happened once.
    static func expectUpgraded(_ theatre: Theatre, _ ended: Ended) throws {
      #expect(ended.status == 0, "\(ended.errors)")
      let status = try JSONValue.parse(Array(ended.output.utf8))
      #expect(status["deployedVersion"] == "1.1.0")
      #expect(status["lastRuns"]?.array?.count == 2)
      #expect(
        try theatre.rows("SELECT version, dirty FROM schema_migrations") == [
          [.integer(5), .integer(0)]
        ])
      // Each migration took effect once.
      #expect(
        try theatre.rows("SELECT version FROM windlass_migration_log ORDER BY version")
          == (1...5).map { [.integer($0)] })
      let alive = theatre.processes(named: "beacon serve".replacing(" ", with: "\0"))
      #expect(alive.count == 2)
    }

    @Test func `a shim that is killed in every phase is replaced without a loss`() async throws {
      try await Theatre.with { theatre in
        try theatre.publish("1.0.0")
        #expect(try await theatre.once().status == 0)
        let load = try theatre.load()
        try theatre.publish("1.1.0")
        let agent = try theatre.agent()
        for phase in ["prove", "roll", "soak"] {
          try await theatre.wait("phase \(phase) or later") { status in
            status["phase"]?.string == phase || status["deployedVersion"] == "1.1.0"
          }
          for shim in theatre.processes(named: "\0shim\0") { kill(shim, SIGKILL) }
        }
        try await theatre.wait("1.1.0 at rest") {
          $0["deployedVersion"] == "1.1.0" && $0["phase"] == "idle"
        }
        #expect(await agent.end(by: SIGTERM).status == 0)
        let account = try await theatre.account(load)
        #expect(account.lost == 0, "\(account.report)")
        try Self.expectUpgraded(theatre, try await theatre.once())
      }
    }
  }
}
