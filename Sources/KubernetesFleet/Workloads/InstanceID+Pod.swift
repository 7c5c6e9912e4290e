import WindlassCore

/// A pod by name and uid: the name to reach it, the uid so that no successor is taken for it.
struct PodIdentity: Hashable, Sendable {
  var name: String
  var uid: String

  init(_ pod: KubernetesObject) {
    name = pod.name
    uid = pod.uid
  }

  /// The pod that an instance is; nil when the text names none.
  init?(_ id: InstanceID) {
    let parts = id.text.split(separator: ":", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    name = String(parts[0])
    uid = String(parts[1])
  }

  /// Such as `web-0:6f1c…`; neither part can hold a colon.
  var instance: InstanceID { InstanceID("\(name):\(uid)") }
}
