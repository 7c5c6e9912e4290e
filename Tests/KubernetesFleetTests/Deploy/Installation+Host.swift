import DeployedCluster
import SimulatedCluster
import Testing
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

extension Installation {
  /// Makes everything, and lets the operator sign in.
  func put(into host: ClusterHost) async throws {
    try await put { await host.respond(to: $0) }
    await host.change { server in
      server.addUser(
        Self.user, groups: ["system:serviceaccounts", "system:serviceaccounts:windlass"],
        token: Self.token)
    }
  }

  /// Sends a document as an administrator, and is strict about it.
  static func send(
    _ method: String, _ type: KubernetesFleet.ResourceType, _ object: KubernetesObject,
    to host: ClusterHost, query: String = "fieldValidation=Strict"
  ) async -> (status: Int, text: String, body: JSONValue) {
    await send(method, type, object, query: query) { await host.respond(to: $0) }
  }

  /// A cluster with what `deploy/` makes of it and one node, and a client that is the operator.
  static func withCluster(
    _ body: @escaping @Sendable (ClusterWorld, KubernetesClient) async throws -> Void
  ) async throws {
    try await ClusterWorld.with(.inProcess, clock: FastClock(rate: 20)) { cluster in
      await cluster.host.change {
        $0.addAdministrator("kubelet", token: "kubelet-token")
        $0.createNamespace("windlass")
      }
      try await Installation().put(into: cluster.host)
      // A definition is not served at once.
      #expect(
        await eventually {
          let runs = try? await cluster.client.list(Selection(.upgradeRuns, in: "shop"))
          let services = try? await cluster.client.list(Selection(.managedServices, in: "shop"))
          return runs != nil && services != nil
        })
      _ = try await cluster.client.create(
        KubernetesObject(ObjectReference(.nodes, "node-a")), as: .nodes)
      try await body(cluster, try cluster.makeClient(token, "windlass"))
    }
  }
}
