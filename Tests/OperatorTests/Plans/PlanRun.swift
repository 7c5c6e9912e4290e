import WindlassCore

@testable import KubernetesFleet

/// One plan that was carried out, and what came of it.
struct PlanRun: Sendable {
  var plan: OperatorPlan
  var hasStruck: Bool
  /// Nil when the course did not come to its end.
  var outcome: Outcome?
  /// Why it is no good one, a sentence each; none for a good one.
  var differences: [String]
  /// What the operators logged, for a plan that is no good one.
  var log: [String] = []

  /// One line of a report.
  func line(_ kind: WorkloadKind, _ course: Course) -> String {
    let verdict = differences.isEmpty ? (hasStruck ? "same" : "never struck") : "different"
    return [
      kind.rawValue, course.rawValue, plan.kind, "\(plan)", verdict,
      outcome.map { "\($0.duration)" } ?? "", differences.joined(separator: "; "),
    ].map { $0.split(whereSeparator: { "\t\n".contains($0) }).joined(separator: " ") }
      .joined(separator: "\t")
  }

  /// What a course comes to when nothing goes wrong, and what took place.
  static func reference(
    _ kind: WorkloadKind, _ course: Course
  ) async throws -> (outcome: Outcome, entries: [TrafficHistory.Entry]) {
    try await OperatorWorld.with(course.scene(kind)) { world in
      let start = world.time.now()
      try world.startOperator()
      try await course.run(in: world)
      let entries = world.history.entries
      return (try await Outcome.of(world, since: start), entries)
    }
  }

  /// Carries a plan out.
  static func of(
    _ plan: OperatorPlan, _ kind: WorkloadKind, _ course: Course, against reference: Outcome
  ) async throws -> PlanRun {
    try await OperatorWorld.with(course.scene(kind)) { world in
      let start = world.time.now()
      let striker = PlanStriker(plan, in: world)
      world.history.interference = striker.interference
      try world.startOperator()
      var run = PlanRun(plan: plan, hasStruck: false, differences: [])
      do {
        try await course.run(in: world)
        let outcome = try await Outcome.of(world, since: start)
        run.outcome = outcome
        run.differences = outcome.differences(from: reference)
      } catch {
        run.differences = ["\(error)"] + world.model.breaches
      }
      run.hasStruck = striker.hasStruck
      if !run.differences.isEmpty {
        run.log = world.operators.flatMap { one in one.log.map { "\(one.identity) \($0)" } }
      }
      return run
    }
  }
}
