import WindlassWire

/// The two forms of one event: that of the core group, in which it is stored, and the newer one.
enum EventForms {
  private static let names: [(core: String, new: String)] = [
    ("involvedObject", "regarding"), ("message", "note"),
    ("reportingComponent", "reportingController"), ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"), ("count", "deprecatedCount"),
  ]

  private static func isNew(_ object: JSONValue) -> Bool {
    object["apiVersion"]?.string?.hasPrefix("events.k8s.io/") ?? false
  }

  /// The event in the form of the core group.
  static func core(_ object: JSONValue) -> JSONValue {
    guard isNew(object) else { return object }
    var result = object
    result[member: "apiVersion"] = "v1"
    for (core, new) in names {
      result[member: core] = object[new]
      result[member: new] = nil
    }
    return result
  }

  /// The event in the form of a resource.
  static func form(_ object: JSONValue, for type: ResourceType) -> JSONValue {
    let core = core(object)
    guard !type.group.isEmpty else { return core }
    var result = core
    result[member: "apiVersion"] = .string(type.groupVersion)
    for (old, new) in names {
      result[member: new] = core[old]
      result[member: old] = nil
    }
    return result
  }

  /// The event with the members that are shown even when nothing is in them.
  static func shown(_ object: JSONValue, _ type: ResourceType) -> JSONValue {
    var result = object
    let nulls =
      type.group.isEmpty
      ? ["firstTimestamp", "lastTimestamp", "eventTime"]
      : ["deprecatedFirstTimestamp", "deprecatedLastTimestamp", "eventTime"]
    for name in nulls where result[name] == nil { result[member: name] = .null }
    if type.group.isEmpty {
      for name in ["reportingComponent", "reportingInstance"] where result[name] == nil {
        result[member: name] = ""
      }
    }
    return result
  }

  /// What is wrong with an event, and with a change to one. Fields have their names of the core
  /// group, whichever form was sent.
  static func faults(
    _ object: JSONValue, _ old: JSONValue?, _ type: ResourceType
  ) -> [FieldFault] {
    let event = core(object)
    var faults: [FieldFault] = []
    if event.at("involvedObject", "namespace")?.string ?? "default"
      != event.at("metadata", "namespace")?.string
    {
      let namespace = event.at("involvedObject", "namespace") ?? ""
      faults.append(
        .invalid("involvedObject.namespace", namespace.text, "does not match event.namespace"))
    }
    // Events without a time of the newer form are hardly checked.
    guard event["eventTime"]?.string != nil else { return faults }
    if let old { return faults + changes(from: core(old), to: event) }
    for (field, shown) in [
      ("reportingComponent", "reportingController"), ("reportingInstance", "reportingInstance"),
      ("action", "action"), ("reason", "reason"),
    ] where (event[field]?.string ?? "").isEmpty {
      faults.append(.required(shown))
    }
    if let message = event["message"]?.string, message.utf8.count > 1_024 {
      faults.append(.invalid("message", "\"\"", "can have at most 1024 characters"))
    }
    let word = event["type"]?.string ?? ""
    if !["Normal", "Warning"].contains(word) {
      faults.append(.invalid("type", "\"\"", "has invalid value: \(word)"))
    }
    return faults
  }

  private static func changes(from old: JSONValue, to new: JSONValue) -> [FieldFault] {
    let fixed = [
      "involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count",
      "type", "eventTime", "action", "related", "reportingComponent", "reportingInstance",
    ]
    return fixed.filter { old[$0] != new[$0] }.map {
      .invalid($0, new[$0]?.text ?? "null", "field is immutable")
    }
  }
}
