import Glibc
import Testing
import WindlassCore
import WindlassWire

extension EndToEnd {
  /// What a person decides while the real daemon runs.
  @Suite(.serialized) struct DecisionTests {
    @Test func `a person holds an upgrade, lets it go on, and takes it back in its window`()
      async throws
    {
      try await Theatre.with { theatre in
        try theatre.publish("1.0.0")
        #expect(try await theatre.once().status == 0)
        try theatre.configure("soak: 200ms", "soak: 10m")
        let agent = try theatre.agent()
        try await theatre.wait("rest") { $0["phase"] == "idle" }
        let load = try theatre.load()

        #expect(try await theatre.command("pause").status == 0)
        try await theatre.wait("the pause") { $0["paused"] == true }
        try theatre.publish("1.1.0")
        let plan = try await theatre.command("plan", "--json")
        #expect(plan.status == 0 || plan.status == 5, "\(plan.errors)")
        #expect(try theatre.rows("SELECT version FROM schema_migrations") == [[.integer(2)]])
        #expect(try await theatre.command("resume").status == 0)
        try await theatre.wait("the soak") { status in
          status["steps"]?.array?.contains { $0["name"] == "soak" && $0["state"] == "current" }
            == true
        }

        let wrong = try await theatre.command("downgrade", "--version", "0.9.0")
        #expect(wrong.status == 1)
        #expect(wrong.errors.contains("can go back to 1.0.0"), "\(wrong.errors)")
        let taken = try await theatre.command("downgrade", "--version", "1.0.0", "--by", "ada")
        #expect(taken.status == 0, "\(taken.errors)")
        try await theatre.wait("the way back") {
          $0["lastRuns"]?.array?.first?["ending"] == "RolledBack"
        }
        // The expanded schema serves both releases and stays.
        #expect(try theatre.rows("SELECT version FROM schema_migrations") == [[.integer(4)]])
        let late = try await theatre.command("downgrade", "--version", "1.0.0")
        #expect(late.status == 1)
        #expect(late.errors.contains("windlass restore"), "\(late.errors)")

        let account = try await theatre.account(load)
        #expect(account.total > 100)
        #expect(account.lost == 0, "\(account.report)")
        #expect(await agent.end(by: SIGTERM).status == 0)
      }
    }

    @Test func `a run waits for the approval that its policy asks for`() async throws {
      try await Theatre.with(spec: "  policy: {approval: always}") { theatre in
        try theatre.publish("1.0.0")
        let agent = try theatre.agent()
        try await theatre.wait("the wait for an approval") { status in
          status["steps"]?.array?.contains { $0["name"] == "approve" && $0["state"] == "current" }
            == true
        }
        let nobody = try await theatre.command("confirm-dead", "beacon-99")
        #expect(nobody.status == 1)
        #expect(nobody.errors.contains("beacon-99"), "\(nobody.errors)")
        let approved = try await theatre.command("approve", "--version", "1.0.0", "--by", "ada")
        #expect(approved.status == 0, "\(approved.errors)")
        try await theatre.wait("the install") { $0["deployedVersion"] == "1.0.0" }
        #expect(await agent.end(by: SIGTERM).status == 0)
      }
    }
  }
}
