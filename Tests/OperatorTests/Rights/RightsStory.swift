import DeployedCluster
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet
@testable import windlass

/// The life of a service, in which its operator asks a cluster for everything that it ever asks
/// for.
enum RightsStory: Hashable, Sendable {
  /// A Deployment is adopted; an upgrade waits for its approval, while the operator is replaced; a
  /// person has it rolled back; the wish is spoilt and mended; the release is let go and comes to
  /// its end; the service is deleted.
  case life
  /// A workload of a kind is adopted and upgraded: how the others differ from a Deployment.
  case upgrade(WorkloadKind)

  /// Together they need every right.
  static let all: [RightsStory] = [.life, .upgrade(.statefulSet), .upgrade(.daemonSet)]

  /// The one in which the operator needs a right.
  static func needing(_ right: Right) -> RightsStory {
    switch (right.resource, right.verb) {
    // Every story needs the second, and this one is short.
    case ("statefulsets", _), ("jobs", "get"): .upgrade(.statefulSet)
    case ("daemonsets", _), ("pods", "delete"): .upgrade(.daemonSet)
    default: .life
    }
  }

  /// The service as it is before.
  var scene: ServiceScene {
    switch self {
    // Nothing else happens before a decision is made, also where a right was lacking until then.
    case .life:
      ServiceScene(
        .deployment,
        changes: [
          ("policy/approval", "always"), ("rollout/stability", "8m"),
          ("rollout/progressDeadline", "20m"),
        ])
    case .upgrade(let kind): ServiceScene(kind)
    }
  }

  /// Lets the service live, under operators that the cluster knows as `deploy/` has it.
  ///
  /// - Parameters:
  ///   - mayGoOn: Whether the second attempt may begin: what could not be done for want of a right
  ///     at the end of the first is done then, or never in this story.
  ///   - inRun: Done in the midst of the run that brings the new release: before anything is
  ///     changed in a life, after the first migration in an upgrade.
  func live(
    in world: OperatorWorld, mayGoOn: @escaping @Sendable () -> Bool = { true },
    inRun: @escaping @Sendable () async throws -> Void = {}
  ) async throws {
    try await Self.start(in: world)
    try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
    try await world.publish(releases: 2)
    if self == .life {
      try await Self.liveOn(in: world, mayGoOn, inRun)
    } else {
      try await world.waits("the first migration") { world.model.schema == 3 }
      try await inRun()
    }
    try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
    guard self == .life else { return }
    try await world.waits("the end of what was left behind") {
      try await world.client.get(Self.reference(.upgradeRuns, Self.leftRun)) == nil
    }
    _ = try await world.client.delete(
      Self.reference(.managedServices, ServiceScene.name), .background)
    try await world.waits("the end of the service") { await world.service() == nil }
  }

  /// From the first attempt of an upgrade to the approval of the second.
  private static func liveOn(
    in world: OperatorWorld, _ mayGoOn: @Sendable () -> Bool,
    _ inRun: @Sendable () async throws -> Void
  ) async throws {
    try await waitForApproval(in: world)
    try await leaveRun(in: world)
    world.operators.last?.terminate()
    await world.operators.last?.end()
    try await start(in: world)
    try await approve(in: world)
    try await world.waits("the first new pod") { world.model.running["1.1.0"] != nil }
    let order = DecisionOrder(
      choice: .rollback, by: "ann", reason: "slow", run: try await run(in: world)?.name)
    try await world.decide("turn-back-1", order)
    try await world.reaches("the way back") { service in
      service.isAtRest(at: "1.0.0")
        && service.body.value(at: "/status/quarantined/0/version") == "1.1.0"
    }
    try await spoil(world)
    try await world.decide(
      "release-1", DecisionOrder(choice: .release, by: "ann", version: "1.1.0"))
    try await waitForApproval(in: world)
    try await world.waits("a right that was lacking") { mayGoOn() }
    try await inRun()
    try await approve(in: world)
  }

  /// What a deposed operator may have left behind: a run of which nothing came.
  private static let leftRun = "beacon-left"

  /// The run that was opened last by an operator.
  private static func run(in world: OperatorWorld) async throws -> KubernetesObject? {
    let runs = try await world.client.list(Selection(.upgradeRuns, in: ServiceScene.namespace))
    let opened = { (run: KubernetesObject) in
      run.metadata["creationTimestamp"]?.string ?? ""
    }
    return runs.objects.filter { $0.name != leftRun }.max { opened($0) < opened($1) }
  }

  /// Starts an operator; one that can't begin is started again, as its Pod is.
  private static func start(in world: OperatorWorld) async throws {
    while true {
      let process = try world.startOperator()
      try await world.waits("the start of an operator") {
        process.failure != nil || process.log.contains { $0.contains("Operator started") }
      }
      guard process.failure != nil else { return }
      await world.pass(.seconds(10))
    }
  }

  private static func reference(
    _ type: KubernetesFleet.ResourceType, _ name: String
  ) -> ObjectReference {
    ObjectReference(type, name, in: ServiceScene.namespace)
  }

  // MARK: - Approvals

  private static func waitForApproval(in world: OperatorWorld) async throws {
    try await world.waits("a run that waits for its approval") {
      try await run(in: world)?.condition("Approved")?["reason"] == "Waiting"
    }
  }

  private static func approve(in world: OperatorWorld) async throws {
    let run = try #require(try await run(in: world))
    _ = try await world.client.patch(
      reference(.upgradeRuns, run.name), .merge(["spec": ["approvedBy": "ann"]]))
  }

  // MARK: - What goes wrong on the way

  private static func leaveRun(in world: OperatorWorld) async throws {
    let run = try #require(try await run(in: world))
    var left = KubernetesObject(reference(.upgradeRuns, leftRun))
    left.body = left.body.setting("spec", to: run.body["spec"])
      .setting(["metadata", "labels"], to: run.metadata["labels"])
      .setting(["metadata", "ownerReferences"], to: run.metadata["ownerReferences"])
    _ = try await world.client.create(left, as: .upgradeRuns)
  }

  /// Spoils the wish twice in the same way, which is told as a series, and mends it; from then on
  /// pods are watched for a moment only.
  private static func spoil(_ world: OperatorWorld) async throws {
    let wish = try #require(world.scene.wish.body.value(at: "/spec/source/manifest"))
    // What has the form of a key, and is none.
    let key = JSONValue.string("RW" + String(repeating: "A", count: 54))
    for interval in ["11s", "12s"] {
      let generation = await world.service()?.generation ?? 0
      try await world.change([
        "spec": [
          "source": ["manifest": ["publicKeys": [key], "interval": .string(interval)]]
        ]
      ])
      try await world.reaches("word of the spoilt wish") { service in
        service.generation > generation
          && service.condition("Ready")?["reason"] == "BadConfiguration"
          && service.condition("Ready")?["observedGeneration"]?.integer == service.generation
      }
    }
    try await world.change([
      "spec": ["source": ["manifest": wish], "rollout": ["stability": "2s"]]
    ])
    try await world.reaches("the mended wish") { $0.isAtRest(at: "1.0.0") }
  }
}
