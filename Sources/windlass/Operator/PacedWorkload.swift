import KubernetesFleet
import WindlassCore

/// A workload whose readings set the pace, and to which nothing is written out of turn.
struct PacedWorkload: WorkloadFleet {
  private let workload: ClusterWorkload
  private let pace: ServicePace
  private let turns: RunTurns
  private let service: String

  /// - Parameter service: The uid by which it takes turns.
  init(_ workload: ClusterWorkload, _ pace: ServicePace, _ turns: RunTurns, service: String) {
    self.workload = workload
    self.pace = pace
    self.turns = turns
    self.service = service
  }

  func observe(remembering machines: Set<String>) async throws(StepFailure) -> WorkloadReading {
    pace.workloadIsRead()
    return try await workload.observe(remembering: machines)
  }

  func write(_ order: WorkloadOrder) async throws(StepFailure) {
    try await turns.take(service)
    try await workload.write(order)
  }

  func probe(
    _ wave: [InstanceID], with probes: [Probe]
  ) async throws(StepFailure) -> [ProbeAnswer] {
    try await workload.probe(wave, with: probes)
  }
}
