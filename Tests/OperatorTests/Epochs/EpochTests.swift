import Testing
import WindlassCore
import WindlassEngine

@testable import KubernetesFleet

/// Two operators, of which the one that leads stands still for longer than its Lease, at each place
/// of an upgrade: nothing that it had begun changes anything once the other one has the fence.
///
/// In every test run a few standstills are carried out, with `WINDLASS_TORTURE=all` all of them,
/// and with `WINDLASS_PLANS=N` besides every Nth.
@Suite(.serialized) struct EpochTests {
  @Test(arguments: [WorkloadKind.deployment, .statefulSet])
  func `an operator that stood still changes nothing under another one's epoch`(
    kind: WorkloadKind
  ) async throws {
    let (reference, failpoints, writes) = try await StandstillRun.reference(kind)
    #expect(reference.breaches == [])
    let every = Standstill.all(failpoints, writes)
    let stride = CampaignPart.stride(usually: 2_003)
    let plans = every.enumerated()
      .filter { $0.offset % stride == stride / 2 || $0.element.sendsLateMigration }
      .map(\.element)
    let runs = try await CampaignPart.carryOut(
      plans, listedAs: "operator-epochs-\(kind.rawValue)",
      "workload\tstandstill\tresult\tcame late\tturned away\tfaults",
      line: { (run: StandstillRun) in run.line(kind) },
      { try await StandstillRun.of($0, kind, against: reference) })
    #expect(runs.count == plans.count && !plans.isEmpty)
    for run in runs where !run.faults.isEmpty {
      let log = run.log.suffix(120).joined(separator: "\n")
      Issue.record("\(kind.rawValue) \(run.plan): \(run.faults.joined(separator: "; "))\n\(log)")
    }
    // Some of what was on its way must have come to a server that took it, or nothing was shown.
    #expect(runs.contains { !$0.turnedAway.isEmpty })
  }
}

extension Standstill {
  /// Whether the Job of a migration arrives when the other one has the fence, or has done all:
  /// these are tried in every test run.
  fileprivate var sendsLateMigration: Bool {
    guard case .sending(let request) = place, request.verb == "create",
      request.resource == "jobs.batch", end == .nextHasFence || end == .allIsDone
    else { return false }
    return request.name.contains("-expand-")
  }
}
