import WindlassCore
import WindlassStatus
import WindlassWire

@testable import KubernetesFleet
@testable import windlass

/// A stand-in for a tool that owns a roll: it asks an operator's gate over its status pages, and
/// writes the image into the workload, as Argo Rollouts, Flagger and `kubectl set image` do.
struct RollOwner: Sendable {
  /// An answer of the gate.
  struct Reply: Hashable, Sendable {
    var status: Int
    var open: Bool?
    var recalled: Bool?
    var reason: String?
  }

  /// The status pages of an operator's process, of which the gate alone works here.
  private struct Pages: StatusSource {
    let desk: GateDesk

    func liveness() async -> HealthReport { HealthReport([]) }
    func readiness() async -> HealthReport { HealthReport([]) }
    func metrics() async -> [MetricFamily] { [] }
    func gate(_ question: GateQuestion) async -> GateAnswer { await desk.answer(question) }
  }

  let world: OperatorWorld

  /// Asks an operator whether a release may be started.
  func ask(
    _ process: OperatorProcess, _ version: String, service: String = ServiceScene.name,
    rollback: Bool = false
  ) async -> Reply {
    let pages = Pages(desk: GateDesk(roster: process.roster, clock: process.clock(world.time)))
    let path = "/gate/\(ServiceScene.namespace)/\(service)" + (rollback ? "/rollback" : "")
    let reply = await StatusReply(to: "GET", "\(path)?version=\(version)", from: pages)
    let body = try? JSONValue.parse(Array(reply.body.utf8))
    return Reply(
      status: reply.status, open: body?["open"]?.bool, recalled: body?["recalled"]?.bool,
      reason: body?["reason"]?.string)
  }

  /// Asks each second until the gate is open, and looks at the world each time that it is not.
  func waitForGate(
    _ process: OperatorProcess, _ version: String, whileClosed: @Sendable (Reply) -> Void = { _ in }
  ) async throws {
    try await world.waits("the gate for \(version)") {
      let reply = await ask(process, version)
      if reply.status == 200 { return true }
      whileClosed(reply)
      return false
    }
  }

  /// Has new pods started from a release's image.
  func roll(to version: String, paused: Bool? = nil) async throws {
    let container: JSONValue = [
      "name": "server", "image": .string(ServiceScene.image(of: version)),
    ]
    var spec: JSONValue = ["template": ["spec": ["containers": [container]]]]
    if let paused { spec = spec.setting("paused", to: .bool(paused)) }
    _ = try await world.client.patch(
      ObjectReference(world.scene.kind.type, ServiceScene.name, in: ServiceScene.namespace),
      .strategic(["spec": spec]))
  }
}
