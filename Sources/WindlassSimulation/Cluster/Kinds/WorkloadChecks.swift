import WindlassWire

/// What the server finds wrong with workloads.
enum WorkloadChecks {
  /// Faults of a Deployment, and of a change to one.
  static func deployment(_ object: JSONValue, _ old: JSONValue?) -> [FieldFault] {
    let spec = object["spec"] ?? .object([])
    var faults: [FieldFault] = []
    if spec.at("strategy", "type") == "Recreate", spec.at("strategy", "rollingUpdate") != nil {
      faults.append(
        .forbidden(
          "spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'"))
    }
    let ready = spec["minReadySeconds"]?.integer ?? 0
    if let deadline = spec["progressDeadlineSeconds"]?.integer, deadline <= ready {
      faults.append(
        .invalid(
          "spec.progressDeadlineSeconds", String(deadline),
          "must be greater than minReadySeconds"))
    }
    return set(object, old) + faults
  }

  /// Faults of anything that keeps pods of a template, and of a change to it.
  static func set(_ object: JSONValue, _ old: JSONValue?) -> [FieldFault] {
    let spec = object["spec"] ?? .object([])
    var faults: [FieldFault] = []
    if let replicas = spec["replicas"]?.integer, replicas < 0 {
      faults.append(negative("spec.replicas", replicas))
    }
    let labels = spec.at("template", "metadata", "labels") ?? .object([])
    let wanted = spec.at("selector", "matchLabels")?.members ?? []
    if !wanted.allSatisfy({ labels[$0.name] == $0.value }) {
      faults.append(
        .invalid(
          "spec.template.metadata.labels", labels.text,
          "`selector` does not match template `labels`"))
    }
    faults += containers(spec.at("template", "spec") ?? .object([]), "spec.template.spec")
    if let old, let selector = spec["selector"], old.at("spec", "selector") != selector {
      faults.append(.invalid("spec.selector", selector.text, "field is immutable"))
    }
    return faults
  }

  /// Faults of a StatefulSet, and of a change to one, of which most fields can't be changed.
  static func statefulSet(_ object: JSONValue, _ old: JSONValue?) -> [FieldFault] {
    let open = [
      "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
      "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
    ]
    let fixed = { (spec: JSONValue?) in (spec?.members ?? []).filter { !open.contains($0.name) } }
    if let old, fixed(old["spec"]) != fixed(object["spec"]) {
      let list = open.dropLast().map { "'\($0)'" }.joined(separator: ", ")
      return [
        .forbidden(
          "spec",
          "updates to statefulset spec for fields other than \(list) and 'minReadySeconds' are "
            + "forbidden")
      ]
    }
    return set(object, old)
  }

  /// Faults of a Job, and of a change to one.
  static func job(_ object: JSONValue, _ old: JSONValue?) -> [FieldFault] {
    let spec = object["spec"] ?? .object([])
    var faults: [FieldFault] = []
    if let limit = spec["backoffLimit"]?.integer, limit < 0 {
      faults.append(negative("spec.backoffLimit", limit))
    }
    let rules = spec.at("podFailurePolicy", "rules")?.elements ?? []
    for (index, rule) in rules.enumerated() {
      let path = "spec.podFailurePolicy.rules[\(index)]"
      let action = rule["action"]?.string ?? ""
      let known = ["Count", "FailIndex", "FailJob", "Ignore"]
      if !known.contains(action) {
        faults.append(.unsupported("\(path).action", quoted(action), known))
      }
      if rule["onExitCodes"] == nil, rule["onPodConditions"] == nil {
        faults.append(
          FieldFault(
            reason: "FieldValueInvalid", field: path,
            message:
              "Invalid value: specifying one of OnExitCodes and OnPodConditions is required"))
      }
    }
    if spec.at("template", "spec", "restartPolicy") == "Always" {
      faults.append(
        .required("spec.template.spec.restartPolicy", "valid values: \"OnFailure\", \"Never\""))
    }
    for field in ["completions", "selector", "template"] {
      guard let old, old.at("spec", field) != spec[field] else { continue }
      let new = spec[field] ?? .null
      let quoted = field == "template" ? InternalForm.template(new) : new
      faults.append(.invalid("spec.\(field)", quoted.text, "field is immutable"))
    }
    return faults + containers(spec.at("template", "spec") ?? .object([]), "spec.template.spec")
  }

  private static func containers(_ spec: JSONValue, _ path: String) -> [FieldFault] {
    let containers = spec["containers"]?.elements ?? []
    guard !containers.isEmpty else { return [.required("\(path).containers")] }
    return containers.enumerated().flatMap { index, container in
      ["name", "image"].filter { (container[$0]?.string ?? "").isEmpty }
        .map { FieldFault.required("\(path).containers[\(index)].\($0)") }
    }
  }

  private static func negative(_ field: String, _ value: Int64) -> FieldFault {
    .invalid(field, String(value), "must be greater than or equal to 0")
  }
}
