import KubernetesFleet
import WindlassCore

/// A workload whose readings set the pace, and to which nothing is written out of turn.
struct PacedWorkload: WorkloadFleet {
  private let workload: any WorkloadFleet
  private let pace: ServicePace
  private let steps: ServiceSteps

  /// - Parameter steps: Know whose turn it is.
  init(_ workload: any WorkloadFleet, _ pace: ServicePace, _ steps: ServiceSteps) {
    self.workload = workload
    self.pace = pace
    self.steps = steps
  }

  func observe(remembering machines: Set<String>) async throws(StepFailure) -> WorkloadReading {
    pace.workloadIsRead()
    return try await workload.observe(remembering: machines)
  }

  func write(_ order: WorkloadOrder) async throws(StepFailure) {
    try await steps.takeTurn()
    try await workload.write(order)
  }

  func probe(
    _ wave: [InstanceID], with probes: [Probe]
  ) async throws(StepFailure) -> [ProbeAnswer] {
    try await workload.probe(wave, with: probes)
  }
}
