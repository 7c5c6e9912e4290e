import Glibc
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

extension EndToEnd {
  /// What people decide through the cluster's objects reaches the run, and is answered.
  @Suite(.serialized) struct OperatorDecisionTests {
    private static let old = Array(repeating: "1.0.0", count: ClusterStage.replicas)

    @Test(.enabled(if: OperatorUpgradeTests.isWhole))
    func `a run waits for its approval, stands while it is paused, and is rolled back`()
      async throws
    {
      let spec: [(String, JSONValue)] = [
        ("policy/approval", "always"), ("rollout/stability", "3s"),
      ]
      try await ClusterStage.with(spec: spec) { stage in
        try stage.publish("1.1.0")
        let program = try stage.operate()
        try await stage.approveAfterPause(program)
        try await Self.turnBack(stage, program)
        try await Self.release(stage, program)
        #expect(await program.end(by: SIGTERM).status == 0)
      }
    }

    private static func turnBack(_ stage: ClusterStage, _ program: Program) async throws {
      try await stage.reaches("the roll", program) { $0.progress == "Roll" }
      let run = try #require(try await stage.run()).name
      let order = DecisionOrder(choice: .rollback, by: "ann", reason: "slow answers", run: run)
      try await stage.decide("rollback-1", order)
      #expect(try await stage.answer("rollback-1", program) == "Taken")
      let service = try await stage.reaches("the way back", program) {
        $0.deployedVersion == "1.0.0" && $0.holds("Ready") && $0.progress == "Idle"
      }
      #expect(try await stage.run()?.body.value(at: "/status/outcome") == "RolledBack")
      #expect(try await stage.servingVersions() == old)
      #expect(service.body.value(at: "/status/quarantined/0/version") == "1.1.0")
      #expect(
        try await stage.eventReasons().isSuperset(of: [
          "RunOpened", "EnteredRollBack", "RunRolledBack", "Quarantined", "DecisionTaken",
          "DecisionRefused",
        ]))
      // The run that the person saw is over.
      try await stage.decide("rollback-2", order)
      #expect(try await stage.answer("rollback-2", program) == "Refused")
    }

    private static func release(_ stage: ClusterStage, _ program: Program) async throws {
      try await stage.decide(
        "release-1", DecisionOrder(choice: .release, by: "ann", version: "1.1.0"))
      #expect(try await stage.answer("release-1", program) == "Taken")
      try await stage.reaches("the second try", program) {
        $0.body.value(at: "/status/quarantined") == nil && $0.holds("Progressing")
      }
    }
  }
}
