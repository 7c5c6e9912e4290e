import DeployedCluster
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// A story whose operator lacks one right for a while, and what came of it.
struct RightRun: Sendable {
  let right: Right
  /// How long after its beginning the operator's log named the right.
  var toldAfter: Interval?
  /// Whether a condition of the service or of its run named it.
  var isInConditions = false
  /// Whether an Event did.
  var isInEvents = false
  /// Why it is no good one, a sentence each; none for a good one.
  var differences: [String] = []
  /// What the operators logged, for one that is no good one.
  var log: [String] = []

  /// How long the right is lacking after it was named: enough for what is tried again and again.
  private static let lack = Interval.minutes(3)

  /// One line of a report.
  var line: String {
    [
      "\(right)", toldAfter.map { "\($0)" } ?? "never",
      isInConditions ? "in conditions" : "", isInEvents ? "in Events" : "",
      differences.joined(separator: "; "),
    ].map { $0.split(whereSeparator: { "\t\n".contains($0) }).joined(separator: " ") }
      .joined(separator: "\t")
  }

  /// Takes a right away, and gives it back some minutes after the operator has named it.
  static func of(_ right: Right) async throws -> RightRun {
    let story = RightsStory.needing(right)
    let scene = story.scene
    return try await OperatorWorld.with(scene, installation: try .ofTests()) { world in
      var run = RightRun(right: right)
      let isBack = Signal()
      do {
        try await world.change(right, isGranted: false)
        run = try await withThrowingTaskGroup(of: RightRun?.self) { group in
          group.addTask {
            try await story.live(in: world) { world.refusals.isEmpty || isBack.count > 0 }
            return nil
          }
          group.addTask {
            defer { isBack.send() }
            return try await RightRun(right: right).lacking(in: world)
          }
          var lacking: RightRun?
          for try await one in group { lacking = one ?? lacking }
          return lacking ?? RightRun(right: right)
        }
        run.differences = run.amiss(in: world, scene)
      } catch {
        run.differences = ["\(error)"] + run.amiss(in: world, scene)
      }
      if !run.differences.isEmpty {
        run.log = world.operators.flatMap { one in one.log.map { "\(one.identity) \($0)" } }
      }
      return run
    }
  }

  private func lacking(in world: OperatorWorld) async throws -> RightRun {
    var run = self
    let (start, right) = (world.time.now(), right)
    try await world.waits("a word of \(right)") {
      world.refusals.contains { $0.contains("right=\"\(right.sentence)\"") }
    }
    run.toldAfter = world.time.now() - start
    await world.pass(Self.lack)
    run.isInConditions = try await world.conditionMessages().contains {
      $0.contains(right.sentence)
    }
    run.isInEvents = try await world.client.list(Selection(.events, in: ServiceScene.namespace))
      .objects.contains { $0.body["note"]?.string?.contains(right.sentence) == true }
    try await world.change(right, isGranted: true)
    return run
  }

  private func amiss(in world: OperatorWorld, _ scene: ServiceScene) -> [String] {
    var found = world.model.breaches
    let others = world.refusals.filter { !$0.contains("right=\"\(right.sentence)\"") }
    if let other = others.first { found.append("another right was said to be missing: \(other)") }
    let migrations = world.model.counts.migrations
    if migrations != [3: 1, 4: 1, 5: 1] { found.append("migrations: \(migrations)") }
    let running = world.model.running
    if running != ["1.1.0": scene.replicas] { found.append("pods: \(running)") }
    return found
  }
}

extension OperatorWorld {
  /// What the operators' logs say of rights that are missing.
  var refusals: [String] {
    operators.flatMap(\.log).filter { $0.contains("Right was refused") }
  }

  /// What the conditions of the service and of its runs say now.
  fileprivate func conditionMessages() async throws -> [String] {
    let runs = try await client.list(Selection(.upgradeRuns, in: ServiceScene.namespace)).objects
    return (runs + [await service()].compactMap(\.self)).flatMap { object in
      (object.body.value(at: "/status/conditions")?.array ?? [])
        .compactMap { $0["message"]?.string }
    }
  }
}
