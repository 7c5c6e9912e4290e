import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// A wish that was changed while a run was open, or by which none could begin, and what came of it.
struct OpenRunWish: Sendable {
  /// When the wish is changed.
  enum Moment: String, CaseIterable, Sendable {
    /// At rest, before there is a release that a run is opened for. Half an hour later the usual
    /// wish comes back.
    case before = "before the run"
    /// The run has its object.
    case opened = "in a run that was opened"
    /// The first backup was made.
    case backedUp = "in a run that has a backup"
    /// The first migration was carried out.
    case expanded = "in a run that has migrated"
    /// The first new pod runs.
    case rolling = "in a run that rolls"
    /// The commit point is passed.
    case committed = "in a run that has committed"
  }

  /// What is tried.
  struct Plan: Sendable {
    /// The place of the value among those that a server takes.
    var place: Int
    var moment: Moment
    /// Whether the operator dies when the wish was changed.
    var restarts: Bool
  }

  let plan: Plan
  let value: WishValue
  /// Whether the wish is the usual one in other words, so that there is no news.
  private var isSame = false
  /// What was told of the wish once no run was open any more.
  var told = ""
  /// Why it is no good one, a sentence each; none for a good one.
  var differences: [String] = []
  /// What the operators logged, for one that is no good one.
  var log: [String] = []

  /// How long a reaction may take by the world's time.
  private static let patience = Interval.minutes(30)
  private static let reference = ObjectReference(
    .managedServices, ServiceScene.name, in: ServiceScene.namespace)

  /// One line of a list.
  var line: String {
    [
      plan.moment.rawValue, value.path, value.kind, plan.restarts ? "operator died" : "",
      differences.isEmpty ? "as wanted" : "NOT AS WANTED", String(told.prefix(400)),
      differences.joined(separator: "; "),
    ].map { $0.split(whereSeparator: { "\t\n".contains($0) }).joined(separator: " ") }
      .joined(separator: "\t")
  }

  // MARK: - Carrying out

  static func of(_ plan: Plan) async throws -> OpenRunWish {
    try await WishWorld.with { world in
      let value = WishWorld.admitted(by: world.scene)[plan.place]
      var wish = OpenRunWish(plan: plan, value: value)
      do {
        if plan.moment == .before {
          try await wish.playBefore(in: world)
        } else {
          try await wish.playWithin(in: world)
        }
      } catch {
        wish.differences.append("\(error)")
      }
      wish.differences += world.model.breaches
      if !wish.differences.isEmpty {
        wish.log = world.operators.flatMap { one in one.log.map { "\(one.identity) \($0)" } }
      }
      return wish
    }
  }

  /// The run goes on by the wish that it was opened with; then the new one counts, and then the
  /// usual one again.
  private mutating func playWithin(in world: OperatorWorld) async throws {
    try await WishWorld.publish(releases: 2, in: world)
    let moment = plan.moment
    try await world.waits(moment.rawValue) { try await Self.isReached(moment, in: world) }
    let before = await world.service()?.generation
    let written = try await write(value.spec, in: world)
    if plan.restarts { try await Self.restart(world) }
    // Some values say what was meant without them.
    isSame = written.generation == before
    if value.wantsPause {
      try await judgePause(in: world)
    } else {
      try await judgeRun(in: world, under: written.generation)
      judge(world, "when the run had ended")
      try await judgeReaction(in: world, to: written.generation)
    }
    try await mend(in: world)
    judge(world, "under the usual wish again")
  }

  /// What a run could not begin by, or came to nothing by, is no bar once the usual wish is back.
  private mutating func playBefore(in world: OperatorWorld) async throws {
    _ = try await write(value.spec, in: world)
    await world.pass(.minutes(1))
    try await WishWorld.publish(releases: 2, in: world)
    if value.wantsApproval {
      try await world.waits("a run that waits for its approval") {
        try await world.run()?.condition("Approved")?["reason"] == "Waiting"
      }
      let run = try #require(try await world.run())
      _ = try await world.client.patch(
        ObjectReference(.upgradeRuns, run.name, in: ServiceScene.namespace),
        .merge(["spec": ["approvedBy": "ann"]]))
    }
    await world.pass(Self.patience)
    told = await world.service()?.told ?? ""
    if plan.restarts { try await Self.restart(world) }
    try await mend(in: world)
    judge(world, "under the usual wish again", backups: nil)
  }

  private func write(
    _ spec: JSONValue, in world: OperatorWorld
  ) async throws -> KubernetesObject {
    let hand = WishHand.allCases[plan.place % WishHand.allCases.count]
    return try await hand.write(spec, on: Self.reference, by: world.client)
  }

  private static func restart(_ world: OperatorWorld) async throws {
    world.operators.last?.kill()
    try await world.giveUpLease()
    try world.startOperator()
  }

  private static func isReached(_ moment: Moment, in world: OperatorWorld) async throws -> Bool {
    switch moment {
    case .before: true
    case .opened: try await world.run() != nil
    case .backedUp: world.model.counts.backups > 0
    case .expanded: (world.model.schema ?? 0) > 2
    case .rolling: world.model.running["1.1.0"] != nil
    case .committed: world.model.counts.commitPoints > 0
    }
  }

  /// Has the usual wish back, by which the service is upgraded and at rest.
  private mutating func mend(in world: OperatorWorld) async throws {
    let spec = world.scene.wish.body["spec"] ?? .object([])
    let written = try await write(WishStage.edit(spec, "spec.rollout.soak", "4s"), in: world)
    let service = try await world.reaches("the upgrade by the usual wish") {
      $0.isAtRest(at: "1.1.0") && $0.isWell(at: written.generation)
    }
    // Nothing follows that would undo it.
    await world.pass(.minutes(3))
    let later = await world.service()
    guard later?.isWell(at: service.generation) == true else {
      differences.append("it did not stay well: \(later?.told ?? "nothing")")
      return
    }
  }

  // MARK: - Judging

  /// Waits for the end of the open run. Until then the status speaks of the wish that it goes by.
  private mutating func judgeRun(in world: OperatorWorld, under generation: Int64) async throws {
    let early = Signal()
    try await world.waits("the end of the run") {
      let observed = await world.service()?.observedGeneration ?? 0
      if try await world.run()?.body.value(at: "/status/outcome") != nil { return true }
      if observed >= generation { early.send() }
      return false
    }
    if early.count > 0, !isSame {
      differences.append("the new wish counted as observed in the run")
    }
    let outcome = try await world.run()?.body.value(at: "/status/outcome")?.string ?? "none"
    if outcome != "Completed" { differences.append("the run ended as \(outcome)") }
  }

  private mutating func judgeReaction(
    in world: OperatorWorld, to generation: Int64
  ) async throws {
    let reaction = value.reaction
    do {
      try await world.reaches("\(reaction)", within: Self.patience) {
        reaction.isShown(by: $0, of: generation)
      }
    } catch {
      differences.append("\(error)")
    }
    told = await world.service()?.told ?? ""
  }

  /// A pause acts on the open run: it stands, and does nothing.
  private mutating func judgePause(in world: OperatorWorld) async throws {
    try await world.reaches("the pause") { $0.progress == "Paused" }
    told = await world.service()?.told ?? ""
    // What was under way when it was paused is carried to its end.
    await world.pass(.minutes(2))
    let before = world.model.counts
    await world.pass(Self.patience)
    if world.model.counts != before { differences.append("something was done in the pause") }
  }

  /// Everything that a run does must have been done, once.
  private mutating func judge(_ world: OperatorWorld, _ when: String, backups: Int? = 2) {
    let (counts, replicas) = (world.model.counts, world.scene.replicas)
    let facts: [(String, Bool)] = [
      ("migrations \(counts.migrations)", counts.migrations == [3: 1, 4: 1, 5: 1]),
      ("backups \(counts.backups)", counts.backups == backups ?? counts.backups),
      ("commit points \(counts.commitPoints)", counts.commitPoints == 1),
      (
        "pods started \(counts.podsStarted)",
        counts.podsStarted == ["1.0.0": replicas, "1.1.0": replicas]
      ),
      ("pods stopped \(counts.podsStopped)", counts.podsStopped == ["1.0.0": replicas]),
      ("pods \(world.model.running)", world.model.running == ["1.1.0": replicas]),
    ]
    differences += facts.filter { !$0.1 }.map { "\($0.0) \(when)" }
  }
}

extension WishValue {
  /// Whether it has the service stand still.
  fileprivate var wantsPause: Bool { spec.value(at: "/policy/paused") == true }

  /// Whether runs wait for somebody's approval.
  fileprivate var wantsApproval: Bool { spec.value(at: "/policy/approval") == "always" }
}
