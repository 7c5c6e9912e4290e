import Foundation
import Testing

@testable import KubernetesFleet

/// One fault at each place of a course changes nothing of what comes out.
///
/// By default a few plans of one course are carried out, with `WINDLASS_TORTURE=all` every tenth of
/// all courses, and every one where `WINDLASS_PLANS` is 1. A list of what was carried out is
/// written to the directory `WINDLASS_REPORT_DIR`, where that is set.
@Suite(.serialized) struct PlanTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let isWhole = environment["WINDLASS_TORTURE"] == "all"
  /// Of how many plans of a course one is carried out.
  private static let stride =
    environment["WINDLASS_PLANS"].flatMap { Int($0) }.map { max(1, $0) } ?? (isWhole ? 10 : 400)

  /// A course of a kind of workload.
  struct Case: Sendable, CustomTestStringConvertible {
    var kind: WorkloadKind
    var course: Course

    var testDescription: String { "\(course.rawValue) of a \(kind.rawValue)" }

    static let all: [Case] = [WorkloadKind.deployment, .statefulSet].flatMap { kind in
      Course.allCases.map { Case(kind: kind, course: $0) }
    }
  }

  @Test(arguments: isWhole ? Case.all : Array(Case.all.prefix(1)))
  func `whatever goes wrong once, the same comes out`(_ one: Case) async throws {
    let (reference, entries) = try await PlanRun.reference(one.kind, one.course)
    #expect(reference.breaches == [])
    let every = OperatorPlan.all(for: entries)
    let plans = every.indices.filter { $0 % Self.stride == Self.stride / 2 }.map { every[$0] }
    let runs = try await PlanRun.of(plans, one.kind, one.course, against: reference)
    try Self.write(runs, one)
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

  /// Writes what came of each plan, a line each.
  private static func write(_ runs: [PlanRun], _ one: Case) throws {
    guard let directory = environment["WINDLASS_REPORT_DIR"] else { return }
    let head = "workload\tcourse\tfault\tplace\tresult\ttime\tdifferences\n"
    let lines = runs.map { $0.line(one.kind, one.course) + "\n" }
    let name = "operator-plans-\(one.kind.rawValue)-\(one.course.rawValue).tsv"
    try Data((head + lines.joined()).utf8).write(to: URL(filePath: directory).appending(path: name))
  }
}
