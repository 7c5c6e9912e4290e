import Glibc
import SimulatedCluster
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

extension EndToEnd {
  /// Beacon is upgraded, rolled back and upgraded again while 2,000 requests a second come through
  /// a proxy that leads them to a pod for up to five seconds after it began to go.
  @Suite(.serialized) struct OperatorLoadTests {
    private static let rate = 2_000
    private static let old = Array(repeating: "1.0.0", count: ClusterStage.replicas)
    private static let new = Array(repeating: "1.1.0", count: ClusterStage.replicas)

    @Test(
      .enabled(if: OperatorUpgradeTests.isWhole),
      arguments: [(WorkloadKind.deployment, UInt64(1)), (.statefulSet, 2)])
    func `no request of many is lost in an upgrade, the way back, and the second try`(
      kind: WorkloadKind, seed: UInt64
    ) async throws {
      let lag = EndpointLag(Interval.zero ... .seconds(5), seed: seed)
      // Long enough to be turned back when all is new, and nothing is contracted.
      let spec: [(String, JSONValue)] = [("rollout/soak", "30s")]
      try await ClusterStage.with(kind, spec: spec, lag: lag) { stage in
        let program = try stage.operate()
        try await stage.reaches("adoption", program) {
          $0.deployedVersion == "1.0.0" && $0.holds("Ready")
        }
        let load = try await stage.load(
          rate: Self.rate, keepAlive: 24, newConnection: 8, slowUpload: 3)
        try stage.publish("1.1.0")
        try await Self.turnBack(stage, program)
        try await Self.upgrade(stage, program)
        let report = try await BeaconStage.finish(load)
        // Read by whoever measures; how many there were is the machine's affair as well.
        print("load on a \(kind.rawValue), seed \(seed): \(report.text)")
        #expect(report["lost"] == 0, "seed \(seed): \(report.text)")
        let seconds = (report["milliseconds"]?.integer ?? 0) / 1_000
        let total = report["total"]?.integer ?? 0
        #expect(total > Int64(Self.rate) * seconds / 20, "\(report.text)")
        #expect(await program.end(by: SIGTERM).status == 0)
      }
    }

    /// Waits for the first upgrade until every pod is new, and has it rolled back.
    private static func turnBack(_ stage: ClusterStage, _ program: Program) async throws {
      try await stage.reaches("the soak", program) { $0.progress == "Soak" }
      #expect(try await stage.servingVersions() == new)
      let run = try #require(try await stage.run()).name
      try await stage.decide(
        "rollback-1", DecisionOrder(choice: .rollback, by: "ann", reason: "slow", run: run))
      #expect(try await stage.answer("rollback-1", program) == "Taken")
      try await stage.reaches("the way back", program) {
        $0.deployedVersion == "1.0.0" && $0.holds("Ready") && $0.progress == "Idle"
      }
      #expect(try await stage.run()?.body.value(at: "/status/outcome") == "RolledBack")
      #expect(try await stage.servingVersions() == old)
    }

    /// Releases the version that was turned back, and sees it through to the contraction.
    private static func upgrade(_ stage: ClusterStage, _ program: Program) async throws {
      try await stage.decide(
        "release-1", DecisionOrder(choice: .release, by: "ann", version: "1.1.0"))
      #expect(try await stage.answer("release-1", program) == "Taken")
      let service = try await stage.reaches("1.1.0", program) {
        $0.deployedVersion == "1.1.0" && $0.holds("Ready") && $0.progress == "Idle"
      }
      #expect(service.body.value(at: "/status/schemaVersion") == 5)
      #expect(try await stage.run()?.body.value(at: "/status/outcome") == "Completed")
      #expect(try await stage.servingVersions() == new)
    }
  }
}
