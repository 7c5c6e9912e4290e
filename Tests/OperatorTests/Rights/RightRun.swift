import DeployedCluster
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// A story whose operator lacks one right for a while, and what came of it.
struct RightRun: Sendable {
  /// Since when the right is lacking.
  enum Stage: String, CaseIterable, Sendable {
    /// Before the operator is started.
    case fromTheBeginning = "from the beginning"
    /// In the midst of the run that brings the new release.
    case inRun = "in a run"
  }

  let right: Right
  let stage: Stage
  /// How long after it was taken away the operator's log named the right.
  var toldAfter: Interval?
  /// Whether nothing needed the right while it was lacking; in a run alone.
  var isUnasked = false
  /// Whether a condition of the service or of its run named it.
  var isInConditions = false
  /// Whether an Event did.
  var isInEvents = false
  /// Why it is no good one, a sentence each; none for a good one.
  var differences: [String] = []
  /// What the operators logged, for one that is no good one.
  var log: [String] = []

  /// How long the right is lacking after it was named: enough for what is tried again and again.
  private static let lackInterval = Interval.minutes(3)

  /// One line of a report.
  var line: String {
    [
      "\(right)", stage.rawValue, toldAfter.map { "\($0)" } ?? (isUnasked ? "not needed" : "never"),
      isInConditions ? "in conditions" : "", isInEvents ? "in Events" : "",
      differences.joined(separator: "; "),
    ].map { $0.split(whereSeparator: { "\t\n".contains($0) }).joined(separator: " ") }
      .joined(separator: "\t")
  }

  /// Takes a right away, and gives it back some minutes after the operator has named it.
  static func of(_ right: Right, _ stage: Stage) async throws -> RightRun {
    let story = RightsStory.needing(right)
    let scene = story.scene
    return try await OperatorWorld.with(scene, installation: try .ofTests()) { world in
      var run = await together(in: world, RightRun(right: right, stage: stage)) { signals in
        let take = { @Sendable (now: Stage) in
          guard now == stage else { return }
          try await world.change(right, isGranted: false)
          signals.isTaken.send()
        }
        try await take(.fromTheBeginning)
        try await story.live(
          in: world, mayGoOn: { world.refusals.isEmpty || signals.isBack.count > 0 },
          inRun: { try await take(.inRun) })
      }
      run.differences += run.amiss(in: world, scene)
      if !run.differences.isEmpty {
        run.log = world.operators.flatMap { one in one.log.map { "\(one.identity) \($0)" } }
      }
      return run
    }
  }

  /// What those who tell a story and those who watch it tell each other.
  private struct Signals: Sendable {
    let isTaken = Signal()
    let isBack = Signal()
    let isOver = Signal()
  }

  /// Has a service live, and looks meanwhile at what its operator says of the right.
  private static func together(
    in world: OperatorWorld, _ blank: RightRun,
    _ live: @escaping @Sendable (Signals) async throws -> Void
  ) async -> RightRun {
    let signals = Signals()
    return await withTaskGroup(of: RightRun.self) { group in
      group.addTask {
        defer { signals.isOver.send() }
        var lived = blank
        do {
          try await live(signals)
        } catch {
          lived.differences = ["\(error)"]
        }
        return lived
      }
      group.addTask {
        defer { signals.isBack.send() }
        var lacking = blank
        do {
          try await lacking.lack(in: world, signals)
        } catch {
          lacking.differences = ["\(error)"]
        }
        return lacking
      }
      return await group.reduce(into: blank) { $0.take(in: $1) }
    }
  }

  /// Takes in what another part of the story saw.
  private mutating func take(in other: RightRun) {
    toldAfter = toldAfter ?? other.toldAfter
    isUnasked = isUnasked || other.isUnasked
    isInConditions = isInConditions || other.isInConditions
    isInEvents = isInEvents || other.isInEvents
    differences += other.differences
  }

  /// Waits until the operator names the right, looks where else it is named some minutes later, and
  /// gives it back.
  private mutating func lack(in world: OperatorWorld, _ signals: Signals) async throws {
    try await world.waits("the lack") { signals.isTaken.count + signals.isOver.count > 0 }
    let (start, right) = (world.time.now(), right)
    try await world.waits("a word of \(right)") {
      Self.isNamed(right, in: world) || signals.isOver.count > 0
    }
    guard Self.isNamed(right, in: world) else {
      isUnasked = stage == .inRun
      return
    }
    toldAfter = world.time.now() - start
    await world.pass(Self.lackInterval)
    isInConditions = try await world.conditionMessages().contains {
      $0.contains(right.sentence)
    }
    isInEvents = try await world.client.list(Selection(.events, in: ServiceScene.namespace))
      .objects.contains { $0.body["note"]?.string?.contains(right.sentence) == true }
    try await world.change(right, isGranted: true)
  }

  private static func isNamed(_ right: Right, in world: OperatorWorld) -> Bool {
    world.refusals.contains { $0.contains("right=\"\(right.sentence)\"") }
  }

  /// Whether no service waits for what needs the right, or nothing can be told of it on an object.
  private var isBesides: Bool {
    switch (right.resource, right.verb) {
    // Told by others, tidied up later, or told as unknown.
    case ("events", _), ("leases", _), ("jobs", "delete"), ("upgraderuns", "delete"),
      ("horizontalpodautoscalers", _), ("poddisruptionbudgets", _):
      true
    // What is watched is read all the same, only later.
    case (_, "watch"): true
    // Which services there are is not known then, or what is to be said of one can't be written.
    case ("managedservices", "list"), ("managedservices/status", _): true
    // The copy that was seen does for a run.
    case ("managedservices", "get"): stage == .inRun
    default: false
    }
  }

  private func amiss(in world: OperatorWorld, _ scene: ServiceScene) -> [String] {
    var found = world.model.breaches
    let others = world.refusals.filter { !$0.contains("right=\"\(right.sentence)\"") }
    if toldAfter != nil, !isInConditions, !isBesides {
      found.append("no condition named it")
    }
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
