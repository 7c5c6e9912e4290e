import Glibc
import Testing
import WindlassCore
import WindlassWire

extension EndToEnd {
  /// The daemon ends and begins again over the same state directory, in every way that happens.
  @Suite(.serialized) struct RestartTests {
    /// How often; a daemon that is lost once in a few dozen starts is lost.
    static let rounds = TortureTests.isWhole ? 200 : 12

    @Test(arguments: [SIGTERM, SIGKILL])
    func `the daemon begins again as often as it is ended`(signal: Int32) async throws {
      try await Theatre.with { theatre in
        try theatre.publish("1.0.0")
        #expect(try await theatre.once().status == 0)
        let instances = theatre.processes(named: "beacon\0serve")
        for round in 1...Self.rounds {
          let agent = try theatre.agent()
          try await theatre.wait("start \(round)") { $0["phase"] == "idle" }
          #expect(agent.isRunning, "start \(round): \(agent.errors)")
          let ended = await agent.end(by: signal)
          #expect(ended.status == (signal == SIGTERM ? 0 : 128 + signal), "\(ended.errors)")
        }
        #expect(theatre.processes(named: "beacon\0serve") == instances)
      }
    }

    @Test func `of two daemons one serves, and the other says which`() async throws {
      try await Theatre.with { theatre in
        try theatre.publish("1.0.0")
        #expect(try await theatre.once().status == 0)
        let agent = try theatre.agent()
        try await theatre.wait("the first one") { $0["phase"] == "idle" }
        let second = try await theatre.once()
        #expect(second.status == 1)
        #expect(second.errors.contains("with the pid \(agent.pid) runs"), "\(second.errors)")
        #expect(agent.isRunning)
        #expect(await agent.end(by: SIGTERM).status == 0)
      }
    }

    @Test func `a daemon that comes before the last one has gone takes its place`() async throws {
      try await Theatre.with { theatre in
        try theatre.publish("1.0.0")
        #expect(try await theatre.once().status == 0)
        var agent = try theatre.agent()
        for round in 1...4 {
          try await theatre.wait("start \(round)") { $0["phase"] == "idle" }
          kill(agent.pid, round.isMultiple(of: 2) ? SIGKILL : SIGTERM)
          let next = try theatre.agent()
          _ = await agent.end()
          agent = next
        }
        try await theatre.wait("the last one") { $0["phase"] == "idle" }
        let ended = await agent.end(by: SIGTERM)
        #expect(ended.status == 0, "\(ended.errors)")
      }
    }

    @Test func `what a rehearsal left whose daemon was killed is gone after the next start`()
      async throws
    {
      try await Theatre.with { theatre in
        try theatre.publish("1.0.0")
        #expect(try await theatre.once().status == 0)
        try theatre.publish("1.1.0")
        let agent = try theatre.agent()
        try await eventually("a scratch copy") { !theatre.scratchCopies().isEmpty }
        _ = await agent.end(by: SIGKILL)
        #expect(!theatre.scratchCopies().isEmpty)
        // The next daemon is stopped just before it rehearses again.
        let next = try theatre.agent(["WINDLASS_FAILPOINT": "rehearse.before=stop"])
        try await eventually("the rehearsal's turn") {
          next.errors.contains("-rehearse\"")
        }
        #expect(theatre.scratchCopies() == [])
        #expect(next.errors.contains("Leftovers of a rehearsal were removed"))
        _ = await next.end(by: SIGKILL)
        #expect(try await theatre.once().status == 0)
        #expect(theatre.scratchCopies() == [])
      }
    }
  }
}
