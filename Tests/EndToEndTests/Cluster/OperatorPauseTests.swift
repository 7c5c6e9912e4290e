import Foundation
import Glibc
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

extension EndToEnd {
  /// Operators of which one stands still for longer than its Lease, as on a machine that is
  /// suspended, and then goes on.
  @Suite(.serialized) struct OperatorPauseTests {
    @Test(
      .enabled(if: OperatorUpgradeTests.isWhole), arguments: ["expand.before", "wave.before:2"])
    func `an operator that stood still follows when it goes on, and changes nothing`(
      place: String
    ) async throws {
      try await ClusterStage.with { stage in
        let first = try stage.operate(failpoint: "\(place)=stop")
        try await stage.reaches("adoption", first) { $0.deployedVersion == "1.0.0" }
        let second = try stage.operate()
        let load = try await stage.load()
        try stage.publish("1.1.0")
        try await stage.waits("the first to stand still") { first.isStopped }
        try await stage.waits("the second's first effect") { second.says("Effect began") > 0 }
        first.send(SIGCONT)
        try await stage.waits("the first to notice") { first.says("Leadership ended") == 1 }
        try await OperatorUpgradeTests.expectUpgraded(stage, second, under: load)
        try await Self.expectFenced(stage)
        // It follows: the second gives the Lease up, and the first leads once more.
        #expect(first.says("Leadership began") == 1)
        #expect(await second.end(by: SIGTERM).status == 0)
        try await stage.waits("the first to lead again") { first.says("Leadership began") == 2 }
        try await stage.waits("the service to be driven") { first.says("Service is driven") == 2 }
        #expect(try await stage.service().deployedVersion == "1.1.0")
        #expect(await first.end(by: SIGTERM).status == 0)
      }
    }

    /// Sees that the second's number stands everywhere, and that no Job of the first changed
    /// anything after it.
    private static func expectFenced(_ stage: ClusterStage) async throws {
      let run = try #require(try await stage.run())
      let epoch = try #require(run.body.value(at: "/status/epoch")?.integer)
      let workload = try #require(
        try await stage.client.get(ObjectReference(stage.kind.type, "beacon", in: "shop")))
      #expect(workload.labels["windlass.dev/epoch"] == "\(epoch)")
      let jobs = try await stage.client.list(Selection(.jobs, in: "shop")).objects
      let migrations = jobs.filter { ["expand", "contract"].contains($0.labels[StepLabel.step]) }
      #expect(migrations.count == 2)
      #expect(migrations.allSatisfy { $0.isComplete })
    }
  }
}

extension Program {
  /// Whether it was stopped by a signal and does not go on.
  fileprivate var isStopped: Bool {
    // The state stands behind the name, which may hold anything.
    let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    return text?.split(separator: ") ").last?.hasPrefix("T") ?? false
  }

  /// How often it has logged a message.
  fileprivate func says(_ message: String) -> Int {
    errors.split(separator: "\n").count { $0.contains(message) }
  }
}

extension KubernetesObject {
  /// Whether a Job has succeeded.
  fileprivate var isComplete: Bool {
    (body.value(at: "/status/conditions")?.array ?? [])
      .contains { $0["type"] == "Complete" && $0["status"] == "True" }
  }
}
