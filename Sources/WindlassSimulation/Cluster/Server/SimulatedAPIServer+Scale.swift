import WindlassCore
import WindlassWire

/// The scale subresource: the number of replicas of anything that has one.
extension SimulatedAPIServer {
  /// Reads or changes the scale of an object.
  mutating func scale(_ call: inout Call) throws(APIFailure) -> APIResponse {
    let live = try existing(call)
    let paths =
      call.type.definition?.scale
      ?? ResourceType.ScalePaths(
        specReplicas: ["spec", "replicas"], statusReplicas: ["status", "replicas"],
        labelSelector: nil)
    let current = scale(of: live, paths)
    let wanted: JSONValue
    switch call.request.method {
    case "GET": return .json(current)
    case "PUT", "PATCH":
      var reader = GoJSONReader(call.request.body)
      guard let sent = try? reader.read() else { throw .badRequest("error decoding scale") }
      wanted =
        call.request.method == "PUT" ? sent : MergePatch.applied(sent, to: current)
    default: throw .methodNotAllowed
    }
    let version = wanted.at("metadata", "resourceVersion")?.string ?? ""
    if !version.isEmpty, version != live.at("metadata", "resourceVersion")?.string {
      throw call.type.conflict(call.name ?? "")
    }
    guard let replicas = wanted.at("spec", "replicas")?.integer, replicas >= 0 else {
      throw .invalid(
        "Scale.autoscaling", call.name ?? "", kind: "Scale", group: "autoscaling",
        [
          .invalid(
            "spec.replicas", wanted.at("spec", "replicas")?.text ?? "null",
            "must be greater than or equal to 0")
        ])
    }
    var object = live
    object.set(.integer(replicas), at: paths.specReplicas)
    var writer = call.writer("Update", at: now)
    // The server does not note when a scale was written.
    writer.time = nil
    var owners = ManagedFields(live.at("metadata", "managedFields"))
    owners.recordUpdate(
      call.type.schema.changes(from: live.withoutVersion, to: object.withoutVersion), by: writer,
      ignoring: FieldSet())
    let written = try replace(live, with: object, managed: owners, &call)
    return .json(scale(of: written, paths))
  }

  private func scale(of object: JSONValue, _ paths: ResourceType.ScalePaths) -> JSONValue {
    var metadata: JSONValue = .object([])
    for name in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
      metadata[member: name] = object.at("metadata", name)
    }
    var status: JSONValue = ["replicas": object.at(paths.statusReplicas) ?? 0]
    let labels = object.at("spec", "selector", "matchLabels")?.members ?? []
    let selector =
      paths.labelSelector.flatMap { object.at($0)?.string }
      ?? labels.map { "\($0.name)=\($0.value.string ?? "")" }.joined(separator: ",")
    if !selector.isEmpty { status[member: "selector"] = .string(selector) }
    return [
      "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata,
      "spec": ["replicas": object.at(paths.specReplicas) ?? 0], "status": status,
    ]
  }
}
