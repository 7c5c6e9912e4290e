import WindlassCore
import WindlassWire

/// What the server does for single built-in kinds.
extension SimulatedAPIServer {
  /// Defaults that depend on other fields.
  func completedBuiltIn(_ object: JSONValue, _ type: ResourceType) -> JSONValue {
    var object = object
    if type.kind == "DaemonSet", object.annotation(DaemonSetTurn.generation) == nil {
      object.set("1", at: ["metadata", "annotations", DaemonSetTurn.generation])
    }
    switch type.kind {
    case "Deployment" where object.at("spec", "strategy", "type") == "RollingUpdate":
      for name in ["maxUnavailable", "maxSurge"]
      where object.at("spec", "strategy", "rollingUpdate", name) == nil {
        object.set("25%", at: ["spec", "strategy", "rollingUpdate", name])
      }
    case "StatefulSet" where object.at("spec", "updateStrategy", "type") == "RollingUpdate":
      if object.at("spec", "updateStrategy", "rollingUpdate", "partition") == nil {
        object.set(0, at: ["spec", "updateStrategy", "rollingUpdate", "partition"])
      }
    case "DaemonSet" where object.at("spec", "updateStrategy", "type") == "RollingUpdate":
      for (name, value) in [("maxUnavailable", JSONValue.integer(1)), ("maxSurge", 0)]
      where object.at("spec", "updateStrategy", "rollingUpdate", name) == nil {
        object.set(value, at: ["spec", "updateStrategy", "rollingUpdate", name])
      }
    case "Namespace":
      if let name = object.at("metadata", "name") {
        object.set(name, at: ["metadata", "labels", "kubernetes.io/metadata.name"])
      }
    case "Secret":
      for member in object["stringData"]?.members ?? [] {
        let bytes = Array((member.value.string ?? "").utf8)
        object.set(.string(Base64.padded(bytes)), at: ["data", member.name])
      }
      object[member: "stringData"] = nil
    case "CustomResourceDefinition": return completedDefinition(object)
    case "Job": return completedJob(object)
    case "Pod":
      if object.at("spec", "enableServiceLinks") == nil {
        object.set(true, at: ["spec", "enableServiceLinks"])
      }
    case "NetworkPolicy" where object.at("spec", "policyTypes") == nil:
      let types: [JSONValue] =
        object.at("spec", "egress")?.elements.isEmpty == false
        ? ["Ingress", "Egress"] : ["Ingress"]
      object.set(.array(types), at: ["spec", "policyTypes"])
    case "RoleBinding", "ClusterRoleBinding": return completedBinding(object)
    case "Event" where !type.group.isEmpty:
      if object["deprecatedCount"] == 0 { object[member: "deprecatedCount"] = nil }
    default: break
    }
    return object
  }

  private func completedBinding(_ object: JSONValue) -> JSONValue {
    var object = object
    let subjects = (object["subjects"]?.elements ?? []).map { subject in
      var subject = subject
      if subject["kind"] != "ServiceAccount", subject["apiGroup"] == nil {
        subject[member: "apiGroup"] = "rbac.authorization.k8s.io"
      }
      return subject
    }
    if !subjects.isEmpty { object[member: "subjects"] = .array(subjects) }
    return object
  }

  /// Makes what a create brings into the state that a new object has.
  mutating func prepareNew(_ object: inout JSONValue, _ type: ResourceType) {
    switch type.kind {
    case "Namespace":
      object.set(["kubernetes"], at: ["spec", "finalizers"])
      object.set("Active", at: ["status", "phase"])
    case "Job": prepareNewJob(&object)
    case "Pod": prepareNewPod(&object)
    case "Service": prepareNewService(&object)
    case "CustomResourceDefinition":
      object[member: "status"] = [
        "acceptedNames": ["kind": "", "plural": ""], "conditions": .null,
        "storedVersions": .array(
          (object.at("spec", "versions")?.elements ?? []).filter { $0["storage"] == .bool(true) }
            .compactMap { $0["name"] }),
      ]
    default: break
    }
  }

  /// Drops a status that a create brings along.
  func resetStatus(_ object: inout JSONValue, _ type: ResourceType) {
    guard type.has("status") else { return }
    object[member: "status"] =
      type.isCustom ? nil : type.schema.properties["status"]?.empty ?? .object([])
  }

  /// Events of either group are stored in the form of the core group.
  func storedForm(_ object: JSONValue, _ type: ResourceType) -> JSONValue {
    guard type.kind == "Event" else { return object }
    return EventForms.form(object, for: type)
  }

  /// The form in which an object is stored.
  func persisted(_ object: JSONValue, _ type: ResourceType) -> JSONValue {
    type.kind == "Event" ? EventForms.core(object) : object
  }

  /// A stored object of a built-in kind as a resource shows it.
  func shownBuiltIn(_ object: JSONValue, _ type: ResourceType) -> JSONValue {
    guard type.kind == "Event" else { return object }
    return EventForms.shown(EventForms.form(object, for: type), type)
  }

  /// What is wrong with an object of a built-in kind.
  func kindFaults(
    _ object: JSONValue, _ old: JSONValue?, _ type: ResourceType
  ) -> [FieldFault] {
    switch type.kind {
    case "ConfigMap", "Secret": return sizeFaults(object)
    case "Lease": return leaseFaults(object)
    case "Deployment": return WorkloadChecks.deployment(object, old)
    case "StatefulSet": return WorkloadChecks.statefulSet(object, old)
    case "DaemonSet", "ReplicaSet": return WorkloadChecks.set(object, old)
    case "Job": return WorkloadChecks.job(object, old)
    case "Event": return EventForms.faults(object, old, type)
    case "CustomResourceDefinition": return definitionFaults(object)
    default: return []
    }
  }

  private func sizeFaults(_ object: JSONValue) -> [FieldFault] {
    let size = ["data", "binaryData"].flatMap { object[$0]?.members ?? [] }
      .reduce(0) { $0 + $1.name.utf8.count + ($1.value.string?.utf8.count ?? 0) }
    guard size > Self.dataSizeMax else { return [] }
    return [
      FieldFault(
        reason: "FieldValueTooLong", field: "[]",
        message: "Too long: may not be more than \(Self.dataSizeMax) bytes")
    ]
  }

  private static let dataSizeMax = 1 << 20

  private func leaseFaults(_ object: JSONValue) -> [FieldFault] {
    guard let duration = object.at("spec", "leaseDurationSeconds")?.integer, duration <= 0 else {
      return []
    }
    return [.invalid("spec.leaseDurationSeconds", String(duration), "must be greater than 0")]
  }
}
