import WindlassCore

@testable import KubernetesFleet

/// One standstill that was carried out, and what came of it.
struct StandstillRun: Sendable {
  var plan: Standstill
  /// Why it is no good one, a sentence each; none for a good one.
  var faults: [String]
  /// How the server answered what came late, by what it was.
  var late: [String: Int] = [:]
  /// Steps of Jobs that came late and that the fence turned away.
  var turnedAway: [String] = []
  /// What the operators logged, for one that is no good one.
  var log: [String] = []

  /// One line of a list.
  func line(_ kind: WorkloadKind) -> String {
    let late = late.sorted { $0.key < $1.key }.map { "\($0.key) ×\($0.value)" }
    return [
      kind.rawValue, "\(plan)", faults.isEmpty ? "same" : "different",
      late.joined(separator: ", "), turnedAway.joined(separator: ", "),
      faults.joined(separator: "; "),
    ].map { $0.split(whereSeparator: { "\t\n".contains($0) }).joined(separator: " ") }
      .joined(separator: "\t")
  }

  // MARK: - Carrying out

  /// An upgrade that nobody disturbs: what comes of it, and the places at which its operator can
  /// stand still.
  static func reference(
    _ kind: WorkloadKind
  ) async throws -> (end: UpgradeEnd, failpoints: [Standstill.Failpoint], writes: [SeenRequest]) {
    try await OperatorWorld.with(ServiceScene(kind)) { world in
      let watch = StandstillWatch(nil, in: world)
      try world.startOperator { watch.firstMeets($1, $2, $0) }
      try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
      let (before, met) = (world.history.entries.count, watch.failpoints.count)
      try await world.publish(releases: 2)
      try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
      let writes = world.history.entries[before...].compactMap { entry -> SeenRequest? in
        guard case .request(let request, _) = entry.traffic, request.changes,
          !request.resource.hasPrefix("leases."), !request.resource.hasPrefix("events.")
        else { return nil }
        return request
      }
      // What is told late is told by then.
      await world.pass(.minutes(3))
      return (try await UpgradeEnd.of(world), Array(watch.failpoints[met...]), writes)
    }
  }

  /// Carries an upgrade out during which the first operator stands still.
  static func of(
    _ plan: Standstill, _ kind: WorkloadKind, against reference: UpgradeEnd
  ) async throws -> StandstillRun {
    try await OperatorWorld.with(ServiceScene(kind)) { world in
      var run = StandstillRun(plan: plan, faults: [])
      do {
        try await run.play(in: world, against: reference)
      } catch {
        run.faults += ["\(error)"] + world.model.breaches
      }
      if !run.faults.isEmpty {
        run.log = world.operators.flatMap { one in one.log.map { "\(one.identity) \($0)" } }
      }
      return run
    }
  }

  private mutating func play(
    in world: OperatorWorld, against reference: UpgradeEnd
  ) async throws {
    let watch = StandstillWatch(plan, in: world)
    world.history.interference = watch.interference
    let first = try world.startOperator { watch.firstMeets($1, $2, $0) }
    try await world.reaches("adoption") { $0.isAtRest(at: "1.0.0") }
    let second = try world.startOperator { watch.secondMeets($1, $2, $0) }
    try await world.publish(releases: 2)
    try await world.waits("the standstill") { watch.hasStruck }
    try await world.waits("the takeover") { watch.takeover != nil }
    try await world.reaches("the upgrade") { $0.isAtRest(at: "1.1.0") }
    watch.goOn()
    // What comes late has come by then.
    await world.pass(.minutes(3))
    try await compare(world, reference, "under the second")
    judge(world, first, second, takeover: watch.takeover ?? 0)
    try await judgeJobs(world, first, second)
    guard first.count("Leadership began") == 1, first.count("Leadership ended") == 1 else {
      faults.append("the first did not notice that it leads no more")
      return
    }
    // It follows: once the second ends it leads again, and knows what has become of the service.
    second.terminate()
    await second.end()
    try await world.waits("the first to lead again") { first.count("Leadership began") == 2 }
    await world.pass(.minutes(3))
    try await compare(world, reference, "under the first again")
  }

  // MARK: - Judging

  /// The end must be that of an upgrade that nobody disturbed, with everything done once.
  private mutating func compare(
    _ world: OperatorWorld, _ reference: UpgradeEnd, _ when: String
  ) async throws {
    faults += try await UpgradeEnd.of(world).differences(from: reference).map { "\(when): \($0)" }
  }

  /// What the first operator asked after the second had taken over.
  private mutating func judge(
    _ world: OperatorWorld, _ first: OperatorProcess, _ second: OperatorProcess, takeover: Int
  ) {
    let workload = world.scene.kind.type.display
    var isBarred = false
    for entry in world.history.entries[takeover...] {
      guard case .request(let request, let status) = entry.traffic, request.changes else {
        continue
      }
      let isTaken = (200..<300).contains(status)
      if entry.identity == second.identity {
        // The first that the second one writes on the workload is its number.
        if request.resource == workload, isTaken { isBarred = true }
        continue
      }
      guard request.isLate else {
        faults.append("the first sent \(request) after the second led (\(status))")
        continue
      }
      late["\(request.verb) \(request.resource) \(status)", default: 0] += 1
      if isTaken, request.resource == workload, isBarred {
        faults.append("\(request) of the first was taken after the second had the fence")
      }
    }
  }

  /// What became of Jobs that the first operator made late.
  private mutating func judgeJobs(
    _ world: OperatorWorld, _ first: OperatorProcess, _ second: OperatorProcess
  ) async throws {
    var isFenced = false
    var refused: Set<String> = []
    for step in world.model.steps {
      let maker = world.history.maker(of: step.job)
      if maker == second.identity {
        if step.kind == .fence, step.failure == nil { isFenced = true }
        continue
      }
      guard isFenced else { continue }
      if step.failure == "FenceLost" {
        turnedAway.append(step.kind.rawValue)
        refused.insert(step.job)
      } else if step.hasChanged {
        faults.append(
          "a Job \(step.kind.rawValue) of the first changed something under the second's fence")
      }
    }
    let left = try await world.client.list(Selection(.jobs, in: ServiceScene.namespace)).objects
    for job in left where refused.contains(job.name) {
      faults.append("the Job \(job.name), which was turned away, was not collected")
    }
  }
}

extension OperatorProcess {
  /// How often it has logged a message.
  fileprivate func count(_ message: String) -> Int { log.count { $0.contains(message) } }
}
