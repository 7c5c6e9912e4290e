import WindlassCore
import WindlassWire

extension SimulatedAPIServer {
  /// Puts an object in the place of the one that is there.
  mutating func update(_ call: inout Call) throws(APIFailure) -> APIResponse {
    try checkDryRun(call, "UpdateOptions")
    let sent = try decode(&call)
    try checkName(of: sent, call)
    let live = try existing(call)
    let object = completed(sent, call)
    try checkVersion(of: object, live, call)
    let written = try replace(live, with: object, managed: nil, &call)
    return .json(shown(written, call.type), headers: call.warningHeaders)
  }

  /// The object that the path names, as clients see it.
  func existing(_ call: Call) throws(APIFailure) -> JSONValue {
    guard let object = store.objects[call.key] else {
      throw call.type.notFound(call.name ?? "")
    }
    return call.type.isCustom ? call.type.schema.defaulted(object) : storedForm(object, call.type)
  }

  /// Refuses an object of another name or namespace than the path's.
  func checkName(of object: JSONValue, _ call: Call) throws(APIFailure) {
    let name = object.at("metadata", "name")?.string ?? ""
    if !name.isEmpty, name != call.name {
      throw .badRequest(
        "the name of the object (\(name)) does not match the name on the URL (\(call.name ?? ""))")
    }
    if let namespace = object.at("metadata", "namespace")?.string, !namespace.isEmpty,
      call.type.isNamespaced, namespace != call.namespace
    {
      throw .badRequest(
        "the namespace of the provided object does not match the namespace sent on the request")
    }
  }

  /// Refuses a write that was made for another state, or for another object of that name.
  func checkVersion(
    of object: JSONValue, _ live: JSONValue, _ call: Call
  ) throws(APIFailure) {
    let name = call.name ?? ""
    let version = object.at("metadata", "resourceVersion")?.string ?? ""
    let uid = object.uid
    if version.isEmpty, !call.type.allowsBlindUpdate {
      throw .invalid(
        call.type.qualified, name, kind: call.type.plural, group: call.type.group,
        [.invalid("metadata.resourceVersion", "0", "must be specified for an update")])
    }
    if !uid.isEmpty, uid != live.uid {
      let key = "/registry/\(call.type.plural)/\(call.namespace ?? "")/\(name)"
      throw call.type.conflict(
        name,
        "StorageError: invalid object, Code: 4, Key: \(key), ResourceVersion: 0, "
          + "AdditionalErrorMsg: Precondition failed: UID in precondition: \(uid), "
          + "UID in object meta: \(live.uid)")
    }
    if !version.isEmpty, version != live.at("metadata", "resourceVersion")?.string {
      throw call.type.conflict(name)
    }
  }

  /// Writes a new state of an object. `managed` is who owns what after an apply; nil lets the
  /// change belong to its sender.
  mutating func replace(
    _ live: JSONValue, with wanted: JSONValue, managed: ManagedFields?, _ call: inout Call
  ) throws(APIFailure) -> JSONValue {
    let type = call.type
    var object = resetFields(try admitted(wanted, call), live, call)
    let before = live.withoutVersion
    var owners = managed ?? ManagedFields(live.at("metadata", "managedFields"))
    if managed == nil {
      owners.recordUpdate(
        type.schema.changes(from: before, to: object.withoutVersion),
        by: call.writer("Update", at: now), ignoring: type.ignoredFields(call.subresource))
    }
    if call.subresource != "status" {
      if type.kind == "DaemonSet" { countTemplate(&object, live) }
      countGeneration(&object, live, type)
    }
    let isChanged = object.withoutVersion != before
    if isChanged || managed != nil {
      object.set(owners.json, at: ["metadata", "managedFields"])
    } else {
      object.set(live.at("metadata", "managedFields"), at: ["metadata", "managedFields"])
    }
    object.set(live.at("metadata", "resourceVersion"), at: ["metadata", "resourceVersion"])
    var faults = metadataFaults(object, live, type) + schemaFaults(object, type)
    faults += ruleFaults(object, live, type, after: faults)
    faults += kindFaults(object, live, type)
    guard faults.isEmpty else { throw type.invalid(call.name ?? "", faults) }
    try judge(object, live, call)
    guard object != live, !call.isDryRun else { return object }
    let waits = (object.at("metadata", "deletionGracePeriodSeconds")?.integer ?? 0) > 0
    if object.isTerminating, object.finalizers.isEmpty, !live.finalizers.isEmpty, !waits {
      store.remove(call.key, time: now)
      noticeDeletion(of: live, type)
      return object
    }
    let stored = store.put(persisted(object, type), at: call.key, time: now)
    noticeChange(of: stored, from: live, type)
    return stored
  }

  /// The wanted state with everything that this path can't change as it is.
  private func resetFields(_ wanted: JSONValue, _ live: JSONValue, _ call: Call) -> JSONValue {
    if call.subresource == "status" {
      var object = live
      object[member: "status"] = wanted["status"]
      // Annotations and conditions of built-in kinds are written together by controllers.
      if !call.type.isCustom {
        object.set(
          wanted.at("metadata", "annotations"), at: ["metadata", "annotations"])
      }
      return object
    }
    var object = wanted
    if call.type.has("status") { object[member: "status"] = live["status"] }
    var metadata = wanted["metadata"] ?? .object([])
    for name in [
      "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp",
      "deletionGracePeriodSeconds", "generation", "generateName", "resourceVersion", "selfLink",
    ] {
      metadata[member: name] = live.at("metadata", name)
    }
    object[member: "metadata"] = metadata
    return call.type.kind == "Service" ? keepingAddress(object, live) : object
  }

  /// Counts the templates that a DaemonSet has had; a client can't change that number.
  private func countTemplate(_ object: inout JSONValue, _ live: JSONValue) {
    let isNew = object.at("spec", "template") != live.at("spec", "template")
    let before = live.annotation(DaemonSetTurn.generation).flatMap(Int64.init) ?? 1
    object.set(
      .string(String(isNew ? before + 1 : before)),
      at: ["metadata", "annotations", DaemonSetTurn.generation])
  }

  /// Counts a change of what is wanted.
  private func countGeneration(
    _ object: inout JSONValue, _ live: JSONValue, _ type: ResourceType
  ) {
    guard type.countsGenerations, let generation = live.at("metadata", "generation")?.integer else {
      return
    }
    let desired = { (value: JSONValue) -> JSONValue in
      var value = value
      value[member: "metadata"] = nil
      value[member: "status"] = nil
      return value
    }
    var isNew = desired(object) != desired(live)
    if type.plural == "deployments" {
      isNew =
        isNew
        || object.at("metadata", "annotations") != live.at("metadata", "annotations")
    }
    if isNew { object.set(.integer(generation + 1), at: ["metadata", "generation"]) }
  }
}
