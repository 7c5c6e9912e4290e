import Foundation
import Glibc
import Testing
import WindlassCore
import WindlassEngine

@testable import KubernetesFleet

/// Two operators, of which the one that leads stands still for longer than its Lease, at each place
/// of an upgrade: nothing that it had begun changes anything once the other one has the fence.
///
/// A part of the places is tried by `make campaigns`, and no part in every test run: it was not
/// seen to pass yet. What was tried is written to `WINDLASS_REPORT_DIR`, where that is set.
@Suite(.serialized) struct EpochTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let isWhole = environment["WINDLASS_TORTURE"] == "all"
  /// Of how many standstills one is tried.
  private static let stride = 29

  @Test(.enabled(if: isWhole), arguments: [WorkloadKind.deployment, .statefulSet])
  func `an operator that stood still changes nothing under another one's epoch`(
    kind: WorkloadKind
  ) async throws {
    let (reference, failpoints, writes) = try await StandstillRun.reference(kind)
    #expect(reference.breaches == [])
    let every = Standstill.all(failpoints, writes)
    let plans = every.enumerated()
      .filter { $0.offset % Self.stride == 3 || Self.isAlwaysTried($0.element) }
      .map(\.element)
    let runs = try await Self.carryOut(plans, kind, against: reference)
    try Self.write(runs, kind)
    #expect(runs.count == plans.count && !plans.isEmpty)
    for run in runs where !run.faults.isEmpty {
      let log = run.log.suffix(120).joined(separator: "\n")
      Issue.record("\(kind.rawValue) \(run.plan): \(run.faults.joined(separator: "; "))\n\(log)")
    }
    // Some of what was on its way must have come to a server that took it, or nothing was shown.
    #expect(runs.contains { !$0.turnedAway.isEmpty })
  }

  /// Whether a Job that migrates arrives late, when the other one has the fence or is done.
  private static func isAlwaysTried(_ plan: Standstill) -> Bool {
    guard case .behind(let failpoint) = plan.place, failpoint.moment == .before,
      plan.end == .nextHasFence || plan.end == .allIsDone
    else { return false }
    return ["expand", "backfill", "contract"].contains(failpoint.name)
  }

  /// Carries plans out, some at a time, and returns what came of them in their order.
  private static func carryOut(
    _ plans: [Standstill], _ kind: WorkloadKind, against reference: UpgradeEnd
  ) async throws -> [StandstillRun] {
    let width = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    return try await withThrowingTaskGroup(of: (Int, StandstillRun).self) { group in
      var runs: [Int: StandstillRun] = [:]
      for (index, plan) in plans.enumerated() {
        if index >= width, let (done, run) = try await group.next() { runs[done] = run }
        group.addTask { (index, try await StandstillRun.of(plan, kind, against: reference)) }
      }
      for try await (done, run) in group { runs[done] = run }
      return plans.indices.compactMap { runs[$0] }
    }
  }

  /// Writes what came of each standstill, a line each.
  private static func write(_ runs: [StandstillRun], _ kind: WorkloadKind) throws {
    guard let directory = environment["WINDLASS_REPORT_DIR"] else { return }
    let lines = runs.map { run in
      let late = run.late.sorted { $0.key < $1.key }.map { "\($0.key) ×\($0.value)" }
      return [
        kind.rawValue, "\(run.plan)", run.faults.isEmpty ? "same" : "different",
        late.joined(separator: ", "), run.turnedAway.joined(separator: ", "),
        run.faults.joined(separator: "; "),
      ].joined(separator: "\t") + "\n"
    }
    let head = "workload\tstandstill\tresult\tcame late\tturned away\tfaults\n"
    try Data((head + lines.joined()).utf8).write(
      to: URL(filePath: directory).appending(path: "operator-epochs-\(kind.rawValue).tsv"))
  }
}
