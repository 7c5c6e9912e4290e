import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What goes on in a world while a plan strikes: an upgrade, and how it is to end.
enum Course: String, CaseIterable, Sendable {
  /// Adoption of 1.0.0, then the upgrade to 1.1.0 through its contraction.
  case upgrade
  /// The rehearsal says no: nothing of production is changed.
  case refusal
  /// The first pod of 1.1.0 fails its probes, so that the run goes back by itself.
  case retreat
  /// A person turns the run back while its first pods are watched.
  case decision

  /// The service as it is before.
  func scene(_ kind: WorkloadKind) -> ServiceScene {
    switch self {
    case .upgrade, .refusal, .retreat: ServiceScene(kind)
    // Nothing else happens before the decision is made, also where an operator has to be replaced
    // first. No longer than that: the old pods are watched for as long again.
    case .decision:
      ServiceScene(
        kind, changes: [("rollout/stability", "2m"), ("rollout/progressDeadline", "10m")])
    }
  }

  /// Lets it go on to its end.
  func run(in world: OperatorWorld) async throws {
    switch self {
    case .upgrade: break
    case .refusal: world.model.judge(.unsafe)
    case .retreat: world.model.break("1.1.0")
    case .decision: break
    }
    try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
    try await world.publish(releases: 2)
    switch self {
    case .upgrade:
      try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
      return
    case .refusal, .retreat: break
    case .decision:
      try await world.waits("the first new pod") { world.model.running["1.1.0"] != nil }
      let run = try await world.run()?.name
      try await world.decide(
        "turn-back-1", DecisionOrder(choice: .rollback, by: "ann", reason: "slow", run: run))
    }
    try await world.reaches("the way back") { service in
      service.isAtRest(at: "1.0.0")
        && service.body.value(at: "/status/quarantined/0/version") == "1.1.0"
    }
  }
}
