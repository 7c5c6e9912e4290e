package import WindlassCore

extension ClusterWorkload {
  /// Fails for what stands in the way of a roll, before anything is changed; where a person lets
  /// fields be taken over, whose they are is put on record first.
  ///
  /// - Parameter isGated: Whether somebody else owns the roll.
  /// - Returns: What a person should know and a roll can live with.
  package func readiness(
    isGated: Bool = false
  ) async throws(StepFailure) -> [WorkloadFinding] {
    if adopts { _ = try await adopt() }
    let findings = try await preflight(isGated: isGated)
    let blocking = findings.filter { $0.weight == .blocks }
    guard let first = blocking.first else { return findings }
    let code = first.code.rawValue
    throw StepFailure(
      code: "Workload" + code.prefix(1).uppercased() + code.dropFirst(), disposition: .stop,
      message: blocking.map(\.message).joined(separator: " "))
  }
}
