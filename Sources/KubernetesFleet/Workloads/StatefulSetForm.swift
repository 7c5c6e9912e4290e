import WindlassCore
import WindlassWire

/// What orders mean for a StatefulSet: pods from the partition up are replaced, one after the other
/// from the highest number, each when the one before is available.
///
/// A hold puts the partition above every number. `OnDelete` would hold as well, but a pod that dies
/// then comes back as the new release, whatever the bound says; below the partition it comes back
/// as the one before.
struct StatefulSetForm: WorkloadForm {
  let settings: WorkloadSettings

  /// A partition above every number.
  static let held = Int64(Int32.max)

  private static let partition = ["updateStrategy", "rollingUpdate", "partition"]

  var fields: [[String]] {
    [["minReadySeconds"], ["updateStrategy", "type"], Self.partition]
  }

  var parts: [String] { ["template", "minReadySeconds", "updateStrategy"] }

  func values(for aim: WorkloadAim, desired: Int) -> [OrderedValue] {
    var lowest = 0
    if case .wave(let bound) = aim { lowest = max(0, desired - bound.replaced) }
    return [
      OrderedValue("minReadySeconds", to: .integer(settings.readySeconds)),
      OrderedValue("updateStrategy", "type", to: "RollingUpdate"),
      OrderedValue("updateStrategy", "rollingUpdate", "partition", to: .integer(Int64(lowest))),
    ]
  }

  func hold(_ live: KubernetesObject) -> [OrderedValue] {
    [OrderedValue("updateStrategy", "rollingUpdate", "partition", to: .integer(Self.held))]
  }

  func memory(_ live: KubernetesObject) -> [String: String] {
    let spec = released(live)
    return [
      WorkloadAnnotation.heldPartition:
        String(spec.value(behind: Self.partition)?.integer ?? 0)
    ]
  }

  func released(_ live: KubernetesObject) -> JSONValue {
    let spec = live.body["spec"] ?? .object([])
    guard spec.value(behind: Self.partition)?.integer == Self.held,
      let text = live.annotations[WorkloadAnnotation.heldPartition], let number = Int64(text)
    else { return spec }
    return spec.setting(Self.partition, to: .integer(number))
  }

  func brake(_ live: KubernetesObject) -> OrderedField? {
    let spec = live.body["spec"] ?? .object([])
    if spec["updateStrategy"]?["type"] == "OnDelete" {
      return OrderedField(spec: ["updateStrategy", "type"])
    }
    let isHeld = spec.value(behind: Self.partition)?.integer == Self.held
    return isHeld ? OrderedField(spec: Self.partition) : nil
  }
}
