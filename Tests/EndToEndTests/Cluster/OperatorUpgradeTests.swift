import Foundation
import Glibc
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet
@testable import windlass

extension EndToEnd {
  /// `windlass operator` upgrades Beacon in a cluster, from what ran already to the contraction.
  @Suite(.serialized) struct OperatorUpgradeTests {
    static let isWhole = ProcessInfo.processInfo.environment["WINDLASS_TORTURE"] == "all"

    /// Sees the upgrade end well: for the schema, the pods, the run, and whoever asks meanwhile.
    static func expectUpgraded(
      _ stage: ClusterStage, _ program: Program, under load: Program
    ) async throws {
      let service = try await stage.reaches("1.1.0", program) {
        $0.deployedVersion == "1.1.0" && $0.holds("Ready")
      }
      let report = try await BeaconStage.finish(load)
      #expect(report["lost"] == 0, "\(report.text)")
      #expect(report["total"]?.integer ?? 0 > 100, "\(report.text)")
      #expect(service.body.value(at: "/status/schemaVersion") == 5)
      #expect(!service.holds("Progressing") && !service.holds("Degraded"))
      #expect(service.holds("ManifestFetched") && service.holds("ManifestFresh"))
      #expect(
        try await stage.servingVersions() == Array(repeating: "1.1.0", count: ClusterStage.replicas)
      )
      let run = try #require(try await stage.run())
      #expect(run.body.value(at: "/status/outcome") == "Completed")
      #expect(stage.reports == ["\(run.name)-rehearsal.json", "\(run.name)-rehearsal.md"])
    }

    /// Everything in one run, for each takes its time: proof, approval, pause, death, takeover.
    @Test(.enabled(if: isWhole))
    func `a run goes on after its approval, a pause, and the death of its operator`()
      async throws
    {
      try await ClusterStage.with(spec: [("policy/approval", "always")]) { stage in
        let first = try stage.operate(failpoint: "wave.after:2=kill")
        let adopted = try await stage.reaches("adoption", first) {
          $0.deployedVersion == "1.0.0" && $0.holds("Ready")
        }
        #expect(adopted.body.value(at: "/status/schemaVersion") == 2)
        // It sees the ends of pods that nobody can look up later.
        let second = try stage.operate()
        let load = try await stage.load()
        try stage.publish("1.1.0")
        try await stage.approveAfterPause(first)
        let ended = await first.end()
        #expect(ended.wasKilled, "\(ended.errors)")
        try await stage.giveUpLease()
        try await Self.expectUpgraded(stage, second, under: load)
        #expect(try await stage.service().decisions.map { $0["outcome"] } == ["Refused"])
        let jobs = try await stage.client.list(Selection(.jobs, in: "shop")).objects
        #expect(jobs.count { $0.labels[StepLabel.step] == "expand" } == 1)
        #expect(
          try await stage.eventReasons().isSuperset(of: [
            "RunOpened", "DecisionRefused", "RunCompleted",
          ]))
        #expect(await second.end(by: SIGTERM).status == 0)
        let lease = try await stage.client.get(
          ObjectReference(.leases, "windlass-operator", in: "shop"))
        #expect(lease?.body.value(at: "/spec/holderIdentity") == "")
      }
    }

    @Test func `an upgrade that nobody disturbs loses no request, and shows in the figures`()
      async throws
    {
      try await ClusterStage.with { stage in
        let page = try StatusPage(port: try FreePort.find(1)[0])
        let program = try stage.operate(status: page.port)
        try await stage.reaches("adoption", program) {
          $0.deployedVersion == "1.0.0" && $0.holds("Ready")
        }
        try await stage.waits("a renewal of the Lease") {
          try await page.figures()["windlass_lease_renewals_total"] ?? 0 > 0
        }
        try await Self.expectAtRest(page)
        let load = try await stage.load()
        try stage.publish("1.1.0")
        try await Self.expectUpgraded(stage, program, under: load)
        try await Self.expectCounted(page)
        // What is taken is told, before anything is begun.
        let second = try stage.operate(status: page.port)
        let refused = await second.end()
        #expect(refused.status == 1)
        #expect(refused.errors.contains("another process listens there"), "\(refused.errors)")
        #expect(await program.end(by: SIGTERM).status == 0)
      }
    }

    private static let beacon = "namespace=\"shop\",name=\"beacon\""

    private static func expectAtRest(_ page: StatusPage) async throws {
      for path in ["/livez", "/readyz"] {
        let answer = try await page.get(path)
        #expect(answer.status == 200 && answer.text.hasSuffix("\nok\n"), "\(answer.text)")
      }
      let figures = try await page.figures()
      #expect(figures["windlass_leader"] == 1)
      #expect(figures["windlass_services{state=\"ready\"}"] == 1)
      #expect(figures["windlass_service_ready{\(beacon)}"] == 1)
      #expect(figures["windlass_service_blocked{\(beacon)}"] == 0)
      let versions = "deployed_version=\"1.0.0\",target_version=\"1.0.0\""
      #expect(figures["windlass_service_info{\(beacon),\(versions)}"] == 1)
      #expect(figures["windlass_runs_total{outcome=\"completed\"}"] == 0)
      #expect(figures["windlass_requests_total{verb=\"create\",code=\"201\"}"] ?? 0 > 0)
      #expect(figures["windlass_watch_restarts_total{resource=\"pods\"}"] != nil)
      #expect(figures["process_resident_memory_bytes"] ?? 0 > 1_000_000)
      let fetched = figures["windlass_feed_last_success_timestamp_seconds{\(beacon)}"] ?? 0
      #expect(fetched > figures["process_start_time_seconds"] ?? .infinity)
      #expect(
        figures["windlass_manifest_expires_timestamp_seconds{\(beacon)}"] ?? 0 > fetched)
    }

    private static func expectCounted(_ page: StatusPage) async throws {
      let figures = try await page.figures()
      let versions = "deployed_version=\"1.1.0\",target_version=\"1.1.0\""
      #expect(figures["windlass_service_info{\(beacon),\(versions)}"] == 1)
      #expect(figures["windlass_runs_total{outcome=\"completed\"}"] == 1)
      #expect(figures["windlass_run_duration_seconds_count{outcome=\"completed\"}"] == 1)
      #expect(figures["windlass_run_duration_seconds_sum{outcome=\"completed\"}"] ?? 0 > 1)
      #expect(!figures.keys.contains { $0.hasPrefix("windlass_run_phase{") })
      #expect(figures["windlass_service_ready{\(beacon)}"] == 1)
    }

    @Test(.enabled(if: isWhole))
    func `an instance whose end nobody saw holds the contraction up until it is said to be dead`()
      async throws
    {
      try await ClusterStage.with { stage in
        try stage.publish("1.1.0")
        let first = try stage.operate(failpoint: "wave.after:2=kill")
        #expect(await first.end().wasKilled)
        try await stage.waits("the end of an old pod") {
          try await stage.pods(of: "1.0.0").count < ClusterStage.replicas
        }
        try await stage.giveUpLease()
        let second = try stage.operate()
        let held = try await stage.reaches("the contraction's wait", second) {
          $0.progress == "ContractPending"
        }
        #expect(held.body.value(at: "/status/schemaVersion") == 4)
        let message = held.condition("Progressing")?["message"]?.string ?? ""
        let words = message.split(separator: " ")
        let place = try #require(words.firstIndex(of: "instance"), "\(message)")
        let instance = String(words[place + 1])
        try await stage.decide(
          "dead-0001", DecisionOrder(choice: .confirmDead, by: "ann", instance: instance))
        #expect(try await stage.answer("dead-0001", second) == "Taken")
        try await stage.reaches("1.1.0", second) {
          $0.deployedVersion == "1.1.0" && $0.holds("Ready")
            && $0.body.value(at: "/status/schemaVersion") == 5
        }
        #expect(await second.end(by: SIGTERM).status == 0)
      }
    }

    @Test(.enabled(if: isWhole)) func `a StatefulSet is upgraded from its last pod to its first`()
      async throws
    {
      try await ClusterStage.with(.statefulSet) { stage in
        let program = try stage.operate()
        try await stage.reaches("adoption", program) { $0.deployedVersion == "1.0.0" }
        let load = try await stage.load()
        try stage.publish("1.1.0")
        try await Self.expectUpgraded(stage, program, under: load)
        #expect(await program.end(by: SIGTERM).status == 0)
      }
    }

    @Test(.enabled(if: isWhole)) func `a service that is deleted amid a run goes after it`()
      async throws
    {
      try await ClusterStage.with { stage in
        try stage.publish("1.1.0")
        let program = try stage.operate()
        try await stage.reaches("the roll", program) {
          $0.progress == "Roll"
        }
        let place = ObjectReference(.managedServices, "beacon", in: "shop")
        _ = try await stage.client.delete(place, .background)
        #expect(try await stage.service().isDeleting)
        try await stage.waits("the end of the run") {
          try #require(program.isRunning, "\(program.errors)")
          return try await stage.client.get(place) == nil
        }
        #expect(
          try await stage.servingVersions()
            == Array(repeating: "1.1.0", count: ClusterStage.replicas))
        #expect(await program.end(by: SIGTERM).status == 0)
      }
    }
  }
}
