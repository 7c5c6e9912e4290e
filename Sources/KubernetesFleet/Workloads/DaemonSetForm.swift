import WindlassCore
import WindlassWire

/// What orders mean for a DaemonSet: `OnDelete` always, so that a pod is replaced only when it is
/// removed, and orders name the ones to remove. Nothing more is needed to hold it.
///
/// No field of a DaemonSet bounds the new release: a pod that dies of something else, and one on a
/// new node, is of the template at that time.
struct DaemonSetForm: WorkloadForm {
  let settings: WorkloadSettings

  var fields: [[String]] { [["minReadySeconds"], ["updateStrategy", "type"]] }

  var parts: [String] { ["template", "minReadySeconds", "updateStrategy"] }

  func values(for aim: WorkloadAim, desired: Int) -> [OrderedValue] {
    [
      OrderedValue("minReadySeconds", to: .integer(settings.readySeconds)),
      OrderedValue("updateStrategy", "type", to: "OnDelete"),
    ]
  }

  func hold(_ live: KubernetesObject) -> [OrderedValue] { [] }

  func brake(_ live: KubernetesObject) -> OrderedField? { nil }

  /// One on each node that it is for.
  func desired(_ live: KubernetesObject) -> Int {
    Int(clamping: live.body["status"]?["desiredNumberScheduled"]?.integer ?? 0)
  }
}
