import DeployedCluster
import SimulatedCluster
import WindlassSimulation
import WindlassWire

extension Installation {
  /// What the services of the tests use.
  static func ofTests() throws -> Installation {
    try Installation(allowed: [
      "images": "registry.example/beacon", "secrets": "beacon-db,scratch", "claims": "backups",
    ])
  }

  /// Makes everything, and lets the operator sign in; what it does is noted from now on.
  func put(into host: ClusterHost) async throws {
    await host.change {
      $0.addAdministrator("installer", token: Self.administrator)
      $0.createNamespace("windlass")
    }
    try await put { await host.respond(to: $0) }
    await host.change { server in
      server.addUser(
        Self.user, groups: ["system:serviceaccounts", "system:serviceaccounts:windlass"],
        token: Self.token)
      server.usedRights = []
    }
  }
}

extension OperatorWorld {
  /// What the operator did and was refused so far.
  func rights() async -> Set<UsedRight> {
    await host.change { server in
      (server.usedRights ?? []).filter { $0.user == Installation.user }
    }
  }

  /// Lets the operator do all, so that what it does is seen whether it has the right or not.
  func allowAll() async throws {
    let host = host
    try await Installation.allowAll { await host.respond(to: $0) }
  }

  /// Takes a right from the operator, or gives it back.
  func change(_ right: Right, isGranted: Bool) async throws {
    let host = host
    try await installation?.change(right, isGranted: isGranted) { await host.respond(to: $0) }
  }
}
