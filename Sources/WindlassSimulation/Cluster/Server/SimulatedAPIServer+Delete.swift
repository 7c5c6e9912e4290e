import WindlassCore
import WindlassWire

/// What a deletion asks for.
struct DeleteOptions: Hashable, Sendable {
  var propagation: String?
  var uid: String?
  var version: String?
  var graceSeconds: Int64?
  var isDryRun = false
}

extension SimulatedAPIServer {
  /// Deletes one object.
  mutating func delete(_ call: inout Call) throws(APIFailure) -> APIResponse {
    var options = try deleteOptions(call)
    if call.type.kind == "Job", options.propagation == nil {
      options.propagation = "Orphan"
      call.warnings.append(
        "child pods are preserved by default when jobs are deleted; set "
          + "propagationPolicy=Background to remove them or set propagationPolicy=Orphan to "
          + "suppress this warning")
    }
    guard let live = store.objects[call.key] else { throw call.type.notFound(call.name ?? "") }
    try checkPreconditions(options, live, call)
    let left = remove(live, call.key, call.type, options)
    if let left { return .json(shown(left, call.type), headers: call.warningHeaders) }
    if Self.answersWithObject.contains(call.type.plural) {
      var gone = live
      gone.set(.string(String(store.revision)), at: ["metadata", "resourceVersion"])
      return .json(shown(gone, call.type), headers: call.warningHeaders)
    }
    var details = call.type.details(call.name ?? "")
    details[member: "uid"] = .string(live.uid)
    return .json(
      [
        "kind": "Status", "apiVersion": "v1", "metadata": .object([]), "status": "Success",
        "details": details,
      ], headers: call.warningHeaders)
  }

  private static let answersWithObject: Set<String> = [
    "pods", "services", "serviceaccounts", "persistentvolumes", "persistentvolumeclaims",
  ]

  /// Deletes all objects of a list.
  mutating func deleteCollection(_ call: inout Call) throws(APIFailure) -> APIResponse {
    let options = try deleteOptions(call)
    let selected = try selected(call)
    let version = store.revision
    for entry in selected where !options.isDryRun {
      _ = remove(entry.object, entry.key, call.type, options)
    }
    return .json(listBody(selected.map { shown($0.object, call.type) }, version, call.type))
  }

  private func deleteOptions(_ call: Call) throws(APIFailure) -> DeleteOptions {
    var options = DeleteOptions()
    try checkDryRun(call, "DeleteOptions")
    options.isDryRun = call.isDryRun
    var body: JSONValue = .object([])
    if call.mediaType("Content-Type") == "application/vnd.kubernetes.protobuf" {
      do throws(ProtobufReader.Failure) {
        body = try ProtobufReader.document(call.request.body)
      } catch {
        throw .badRequest("invalid DeleteOptions: protobuf: \(error.message)")
      }
    } else if !call.request.body.isEmpty {
      var reader = GoJSONReader(call.request.body)
      guard let value = try? reader.read() else { throw .badRequest("invalid DeleteOptions") }
      body = value
    }
    if let grace = body["gracePeriodSeconds"] {
      guard let seconds = grace.integer else {
        throw .badRequest(
          "json: cannot unmarshal \(grace.typeWord) into Go struct field "
            + "DeleteOptions.gracePeriodSeconds of type int64")
      }
      options.graceSeconds = seconds
    }
    options.graceSeconds =
      call.target["gracePeriodSeconds"].flatMap(Int64.init) ?? options.graceSeconds
    options.propagation =
      call.target["propagationPolicy"] ?? body["propagationPolicy"]?.string
    options.uid = body.at("preconditions", "uid")?.string
    options.version = body.at("preconditions", "resourceVersion")?.string
    let known = ["Foreground", "Background", "Orphan"]
    if let policy = options.propagation, !known.contains(policy) {
      throw .invalidOptions(
        "DeleteOptions",
        [.unsupported("propagationPolicy", quoted(policy), known + ["nil"])])
    }
    return options
  }

  private func checkPreconditions(
    _ options: DeleteOptions, _ live: JSONValue, _ call: Call
  ) throws(APIFailure) {
    let name = call.name ?? ""
    var type = call.type
    // The server names the kind here, and not the resource.
    type.plural = type.kind
    if let uid = options.uid, uid != live.uid {
      throw type.conflict(
        name,
        "the UID in the precondition (\(uid)) does not match the UID in record (\(live.uid)). "
          + "The object might have been deleted and then recreated")
    }
    let version = live.at("metadata", "resourceVersion")?.string ?? ""
    if let wanted = options.version, wanted != version {
      throw type.conflict(
        name,
        "the ResourceVersion in the precondition (\(wanted)) does not match the ResourceVersion "
          + "in record (\(version)). The object might have been modified")
    }
  }

  /// Deletes an object, or marks it for deletion when something holds it; returns what is left.
  mutating func remove(
    _ live: JSONValue, _ key: ObjectKey, _ type: ResourceType, _ options: DeleteOptions
  ) -> JSONValue? {
    switch type.kind {
    case "CustomResourceDefinition": return markDefinition(live, key, options)
    case "Namespace": return markNamespace(live, key, options)
    case "Pod": return removePod(live, key, type, options)
    default: break
    }
    var finalizers = live.finalizers
    for (policy, finalizer) in [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")] {
      if options.propagation == policy, !finalizers.contains(finalizer) {
        finalizers.append(finalizer)
      }
    }
    if finalizers.isEmpty {
      guard !options.isDryRun else { return nil }
      store.remove(key, time: now)
      noticeDeletion(of: live, type)
      return nil
    }
    guard !live.isTerminating else { return live }
    var object = live
    object.set(.string(now.rfc3339), at: ["metadata", "deletionTimestamp"])
    object.set(0, at: ["metadata", "deletionGracePeriodSeconds"])
    object.set(.array(finalizers.map(JSONValue.string)), at: ["metadata", "finalizers"])
    if type.countsGenerations, let generation = live.at("metadata", "generation")?.integer {
      object.set(.integer(generation + 1), at: ["metadata", "generation"])
    }
    guard !options.isDryRun else { return object }
    let stored = store.put(object, at: key, time: now)
    noticeChange(of: stored, from: live, type)
    return stored
  }
}
