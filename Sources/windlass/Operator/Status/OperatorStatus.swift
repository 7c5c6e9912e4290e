import KubernetesFleet
import Synchronization
import WindlassCore
import WindlassStatus

/// How the operator is, for whoever asks by HTTP.
struct OperatorStatus: StatusSource {
  let office: OperatorOffice
  let view: ClusterView
  let recorder: OperatorRecorder
  let roster: ServiceRoster
  let account: ProcessAccount
  let clock: any RunClock

  /// Whether its loops turn. Whether the API server answers is no part of that: to start the
  /// process anew would not help.
  func liveness() async -> HealthReport { recorder.liveness }

  /// Whether it leads, or would take over at once: everything was listed, and it stands for
  /// election.
  func readiness() async -> HealthReport {
    let isSynced = await view.isSynced
    return HealthReport([
      HealthReport.Check(
        "caches", trouble: isSynced ? nil : "have not listed everything yet"),
      recorder.candidacy,
      HealthReport.Check(
        "shutdown", trouble: office.ending.count == 0 ? nil : "has begun"),
    ])
  }

  func gate(_ question: GateQuestion) async -> GateAnswer {
    await GateDesk(roster: roster, clock: clock).answer(question)
  }

  func metrics() async -> [MetricFamily] {
    let head = [
      MetricFamily(
        "windlass_build_info", "The build that runs.",
        .gauge([MetricSample(["version": Windlass.version], 1)])),
      .gauge(
        "windlass_leader", "Whether this process leads.",
        office.isLeading.withLock { $0 } ? 1 : 0),
    ]
    return head + roster.families(at: clock.now()) + recorder.families + account.families
  }
}
