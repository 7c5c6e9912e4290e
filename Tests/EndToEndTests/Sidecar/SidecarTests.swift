import Foundation
import Glibc
import Testing
import WindlassCore
import WindlassWire

@testable import windlass

extension EndToEnd {
  /// Pods with a launcher and a sidecar, played by processes of this machine.
  @Suite(.serialized) struct SidecarTests {
    private func onStage(
      replicas: Int, url: String, _ body: (SidecarStage) async throws -> Void
    ) async throws {
      let stage = try await SidecarStage(replicas: replicas, url: url)
      defer { stage.strike() }
      try await body(stage)
    }

    private func load(_ port: Int) throws -> Program {
      try Program("windlass", ["load", "--port", "\(port)", "--rate", "60", "--json"])
    }

    /// Ends a load; the requests and those of them that were lost.
    private func account(_ load: Program) async throws -> (total: Int64, lost: Int64) {
      let ended = await load.end(by: SIGTERM)
      let last = try #require(ended.output.split(separator: "\n").last { $0.contains("total") })
      let report = try JSONValue.parse(Array(last.utf8))
      return (try #require(report["total"]?.integer), try #require(report["lost"]?.integer))
    }

    @Test(arguments: ["file", "signal"])
    func `a pod of one replica is upgraded by its sidecar without a lost request`(
      wake: String
    ) async throws {
      let file = FileManager.default.temporaryDirectory
        .appendingPathComponent("windlass-sidecar-\(UUID().uuidString).db").path
      defer { for ending in ["", "-wal", "-shm"] { unlink(file + ending) } }
      try await onStage(replicas: 1, url: "sqlite://\(file)") { stage in
        let pod = stage.replicas[0]
        try stage.launch(pod)
        try stage.publish("1.0.0")
        let installed = try await stage.once(pod, wake: wake)
        #expect(installed.status == 0, "\(installed.errors)")
        #expect(await stage.version(of: pod) == "1.0.0")
        let load = try load(pod.port)

        try stage.publish("1.1.0")
        let upgraded = try await stage.once(pod, wake: wake)
        #expect(upgraded.status == 0, "\(upgraded.errors)")
        #expect(await stage.version(of: pod) == "1.1.0")
        let status = try JSONValue.parse(Array(upgraded.output.utf8))
        #expect(status["schemaVersion"] == "5")

        let account = try await account(load)
        #expect(account.total > 20)
        #expect(account.lost == 0)
      }
    }

    @Test func `several replicas on one file of SQLite are refused`() async throws {
      try await onStage(replicas: 2, url: "sqlite:///srv/shared/beacon.db") { stage in
        let pod = stage.replicas[0]
        try stage.attend(pod)
        let ended = try #require(await pod.sidecar?.end())
        #expect(ended.status == 2)
        #expect(ended.errors.contains("2 replicas and a database of SQLite"))
      }
    }

    /// What becomes of the sidecar that leads.
    enum Misfortune: CaseIterable {
      case killed
      /// It stands still for longer than its lease, and then goes on as if nothing had been.
      case frozen
    }

    @Test(arguments: Misfortune.allCases)
    func `three replicas are upgraded whatever becomes of the sidecar that leads`(
      misfortune: Misfortune
    ) async throws {
      let url = try await TestServers.shared.freshDatabase(.postgres)
      try await onStage(replicas: 3, url: url) { stage in
        for replica in stage.replicas {
          try stage.launch(replica)
          try stage.attend(replica)
        }
        try stage.publish("1.0.0")
        try await stage.wait("the install") {
          await stage.versions() == ["1.0.0", "1.0.0", "1.0.0"]
        }
        let loads = try stage.replicas.map { try load($0.port) }

        try stage.publish("1.1.0")
        // The canary serves, and the others do not yet.
        try await stage.wait("the roll") { await stage.versions().contains("1.1.0") }
        let leader = try #require(try await stage.status()?.leader)
        try await strike(leader, with: misfortune, on: stage)
        try await stage.wait("the upgrade") {
          await stage.versions() == ["1.1.0", "1.1.0", "1.1.0"]
        }
        try await stage.wait("the contract") {
          guard let status = try await stage.status()?.status else { return false }
          return status["schemaVersion"] == "5" && status["run"] == .null
        }
        for load in loads {
          let account = try await account(load)
          #expect(account.total > 20)
          #expect(account.lost == 0)
        }
      }
    }

    private func strike(
      _ leader: SidecarStage.Replica, with misfortune: Misfortune, on stage: SidecarStage
    ) async throws {
      let sidecar = try #require(leader.sidecar)
      switch misfortune {
      case .killed:
        #expect(await sidecar.end(by: SIGKILL).wasKilled)
        // As the kubelet does it.
        try stage.attend(leader)
      case .frozen:
        sidecar.send(SIGSTOP)
        try await stage.wait("the next leader") {
          try await stage.status(besides: leader) != nil
        }
        sidecar.send(SIGCONT)
      }
    }
  }
}
