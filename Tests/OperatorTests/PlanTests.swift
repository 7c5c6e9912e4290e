import Testing

@testable import KubernetesFleet

/// One fault at each place of a course changes nothing of what comes out.
///
/// In every test run a few plans of one course are carried out, with `WINDLASS_TORTURE=all` all of
/// all courses, and with `WINDLASS_PLANS=N` besides every Nth of those. `WINDLASS_COURSES` names
/// the courses, such as `deployment-upgrade daemonSet-upgrade`, where only some are wanted, and
/// `WINDLASS_FAULTS` the kinds of faults, such as `kill skipped-event`.
@Suite(.serialized) struct PlanTests {
  /// A course of a kind of workload.
  struct Case: Sendable, CustomTestStringConvertible {
    var kind: WorkloadKind
    var course: Course

    var testDescription: String { "\(course.rawValue) of a \(kind.rawValue)" }
    var name: String { "\(kind.rawValue)-\(course.rawValue)" }

    static let all: [Case] =
      [WorkloadKind.deployment, .statefulSet].flatMap { kind in
        Course.allCases.map { Case(kind: kind, course: $0) }
      } + [Case(kind: .daemonSet, course: .upgrade)]

    static let chosen: [Case] =
      if let names = CampaignPart.courses {
        all.filter { names.contains($0.name) }
      } else {
        CampaignPart.isWhole ? all : Array(all.prefix(1))
      }
  }

  @Test(arguments: Case.chosen)
  func `whatever goes wrong once, the same comes out`(_ one: Case) async throws {
    let (reference, entries) = try await PlanRun.reference(one.kind, one.course)
    #expect(reference.breaches == [])
    let every = OperatorPlan.all(for: entries).filter {
      CampaignPart.faults?.contains($0.kind) ?? true
    }
    let stride = CampaignPart.stride(usually: 960)
    let plans = every.indices.filter { $0 % stride == stride / 2 }.map { every[$0] }
    let runs = try await CampaignPart.carryOut(
      plans, listedAs: "operator-plans-\(one.name)",
      "workload\tcourse\tfault\tplace\tresult\ttime\tdifferences",
      line: { (run: PlanRun) in run.line(one.kind, one.course) },
      { try await PlanRun.of($0, one.kind, one.course, against: reference) })
    #expect(runs.count == plans.count && !plans.isEmpty)
    for run in runs where !run.differences.isEmpty {
      Issue.record(
        "\(run.line(one.kind, one.course))\n\(run.log.suffix(80).joined(separator: "\n"))")
    }
    let missed = runs.filter { !$0.hasStruck }
    #expect(
      missed.count * 50 <= max(50, runs.count),
      "\(missed.map { "\($0.plan.kind) \($0.plan)" })")
  }
}
