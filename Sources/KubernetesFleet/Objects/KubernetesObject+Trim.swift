import WindlassWire

extension KubernetesObject {
  /// The object without whose fields are whose and without a journal's records: most of what an
  /// object is made of, and nobody reads it in a copy.
  package var trimmed: KubernetesObject {
    let metadata = metadata.setting("managedFields", to: nil)
    var body = body.setting("metadata", to: metadata)
    if let status = body["status"], status["journal"] != nil {
      body = body.setting("status", to: status.setting("journal", to: nil))
    }
    return KubernetesObject(body)
  }

  /// A trimmed object without its spec: a Job of which only is asked whether it changed.
  package var withoutSpec: KubernetesObject {
    KubernetesObject(trimmed.body.setting("spec", to: nil))
  }

  /// A trimmed pod with no more of its spec than `Pod` and `PodSighting` read: its node, and its
  /// containers' names, images and restart policies.
  package var trimmedPod: KubernetesObject {
    let pod = trimmed.body
    guard let spec = pod["spec"] else { return KubernetesObject(pod) }
    let kept = (spec.object ?? []).compactMap { member -> JSONMember? in
      switch member.name {
      case "nodeName": return member
      case "containers", "initContainers":
        let containers = member.value.array ?? []
        return JSONMember(member.name, .array(containers.map(\.containerOutline)))
      default: return nil
      }
    }
    return KubernetesObject(pod.setting("spec", to: .object(kept)))
  }
}

extension JSONValue {
  /// A container without what it is given.
  fileprivate var containerOutline: JSONValue {
    let told = ["name", "image", "restartPolicy"]
    return .object((object ?? []).filter { told.contains($0.name) })
  }
}
