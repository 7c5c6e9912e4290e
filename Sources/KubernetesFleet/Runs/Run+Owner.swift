package import WindlassCore

extension Run {
  /// Whether the gate is open to its target, and somebody else has to roll that out.
  package var awaitsOwner: Bool {
    plan.workload == .signalled && phase == .roll && orderedAt != nil
  }
}
