import WindlassWire

/// What to do when fields that Windlass has to write are somebody else's.
struct OwnershipAdvice: Sendable {
  private let place: WorkloadPlace
  private let found: [(field: OrderedField, managers: [String])]

  init(_ place: WorkloadPlace, _ found: [(OrderedField, [String])]) {
    self.place = place
    self.found = found.map { (field: $0.0, managers: $0.1) }
  }

  /// Whose which field is, and the fix for each manager.
  var text: String {
    let owned = found.map { one in
      let who = one.managers.isEmpty ? "somebody" : one.managers.joined(separator: ", ")
      return "\(one.field.path) is managed by \(who)"
    }
    let managers = Set(found.flatMap(\.managers)).sorted()
    let fixes = Set(managers.map(fix)).sorted()
    return
      (["\(place): \(owned.joined(separator: "; "))."] + fixes
      + ["Or set adopt: true in spec.fleet, and Windlass takes them over once."])
      .joined(separator: " ")
  }

  private func fix(for manager: String) -> String {
    let name = manager.lowercased()
    if name.contains("argocd") {
      return "For Argo CD, set in the Application spec.ignoreDifferences with group: apps, kind: "
        + "\(place.kind.type.kind), managedFieldsManagers: [windlass], and the sync option "
        + "RespectIgnoreDifferences=true."
    }
    if name.contains("helm") || name.contains("flux") || name.contains("kustomize") {
      return "Leave these fields out of the chart or overlay that \(manager) applies."
    }
    if name.hasPrefix("kubectl") {
      return "Apply once more with kubectl apply --server-side from a file without these fields."
    }
    return "Let \(manager) leave these fields out."
  }
}
