import WindlassWire

extension SimulatedAPIServer {
  /// Changes an object by a patch of any kind.
  mutating func patch(_ call: inout Call) throws(APIFailure) -> APIResponse {
    let type = call.mediaType("Content-Type") ?? ""
    let custom = [
      "application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml",
    ]
    let known = custom + ["application/strategic-merge-patch+json", "application/json"]
    guard known.contains(type) else {
      throw APIFailure(
        code: 415, reason: "UnsupportedMediaType", message: "415: Unsupported Media Type",
        details: .object([]))
    }
    if type == "application/json" || (call.type.isCustom && !custom.contains(type)) {
      throw .unsupportedMediaType(custom)
    }
    try checkDryRun(call, "PatchOptions")
    if type == "application/apply-patch+yaml" { return try apply(&call) }
    let patch = try readPatch(call)
    let live = try existing(call)
    let patched = try patched(live, with: patch.value, type, call)
    try checkName(of: patched, call)
    if let fault = decodingFault(of: patched, call.type) {
      throw .badRequest(fault)
    }
    let sent = try checkedPatch(patched, patch, &call)
    let object = completed(sent, call)
    let version = object.at("metadata", "resourceVersion")?.string ?? ""
    if version != live.at("metadata", "resourceVersion")?.string, !version.isEmpty {
      throw call.type.conflict(call.name ?? "")
    }
    let written = try replace(live, with: object, managed: nil, &call)
    return .json(shown(written, call.type), headers: call.warningHeaders)
  }

  private func readPatch(_ call: Call) throws(APIFailure) -> (value: JSONValue, names: [String]) {
    var reader = GoJSONReader(call.request.body)
    let value: JSONValue
    do throws(GoJSONReader.Failure) {
      value = try reader.read()
    } catch {
      throw .badRequest("error decoding patch: \(error.message)")
    }
    if call.mediaType("Content-Type") != "application/json-patch+json", value.object == nil {
      throw .badRequest(
        "error decoding patch: json: cannot unmarshal \(value.typeWord) into Go value of type "
          + "map[string]interface {}")
    }
    return (value, reader.duplicates)
  }

  private func patched(
    _ live: JSONValue, with patch: JSONValue, _ type: String, _ call: Call
  ) throws(APIFailure) -> JSONValue {
    do throws(PatchFailure) {
      switch type {
      case "application/json-patch+json":
        return try JSONPatch.applied(patch, to: live).canonical
      case "application/merge-patch+json": return MergePatch.applied(patch, to: live)
      default: return try StrategicPatch.applied(patch, to: live, call.type.schema)
      }
    } catch {
      switch error {
      case .unreadable(let message): throw .badRequest("error decoding patch: \(message)")
      case .unfit:
        throw APIFailure(
          code: 422, reason: "Invalid",
          message: "the server rejected our request due to an error in our request",
          details: .object([]))
      case .unclassified(let message): throw .unclassified(message)
      }
    }
  }

  /// Refuses or reports unknown fields of a patched object.
  private func checkedPatch(
    _ object: JSONValue, _ patch: (value: JSONValue, names: [String]), _ call: inout Call
  ) throws(APIFailure) -> JSONValue {
    do throws(APIFailure) {
      return try checked(object, patch.names, &call)
    } catch {
      guard error.code == 400, let start = error.message.firstRange(of: "strict decoding error")
      else {
        throw error
      }
      let text = String(error.message[start.lowerBound...])
      throw .invalid(
        "", "", kind: "", group: "",
        [.invalid("patch", quoted(patch.value.goText), text)])
    }
  }

  // MARK: - Apply

  /// Server-side apply.
  private mutating func apply(_ call: inout Call) throws(APIFailure) -> APIResponse {
    let manager = call.target["fieldManager"] ?? ""
    guard !manager.isEmpty else {
      throw .invalidOptions(
        "PatchOptions", [.required("fieldManager", "is required for apply patch")])
    }
    let body = String(decoding: call.request.body, as: UTF8.self)
    guard let configuration = SimpleYAML.parse(body)?.canonical else {
      throw .badRequest("error decoding YAML")
    }
    try checkName(of: configuration, call)
    guard configuration.at("metadata", "managedFields") == nil else {
      throw .badRequest("metadata.managedFields must be nil")
    }
    guard store.objects[call.key] != nil || call.subresource == nil else {
      throw call.type.notFound(call.name ?? "")
    }
    let live = store.objects[call.key] == nil ? nil : try existing(call)
    if live == nil, !configuration.uid.isEmpty {
      throw call.type.conflict(
        call.name ?? "",
        "uid mismatch: the provided object specified uid \(configuration.uid), and no existing "
          + "object was found")
    }
    if let live, let version = configuration.at("metadata", "resourceVersion")?.string,
      version != live.at("metadata", "resourceVersion")?.string
    {
      throw call.type.conflict(call.name ?? "")
    }
    if let fault = call.type.schema.typeFault(in: configuration) {
      throw .unclassified(
        "failed to create typed patch object (\(call.name.map { "/" + $0 } ?? ""); "
          + "\(call.type.groupVersion), Kind=\(call.type.kind)): \(fault)")
    }
    return try apply(configuration, to: live, &call)
  }

  private mutating func apply(
    _ configuration: JSONValue, to live: JSONValue?, _ call: inout Call
  ) throws(APIFailure) -> APIResponse {
    let schema = call.type.schema
    let writer = call.writer("Apply", at: now)
    var managed = ManagedFields(live?.at("metadata", "managedFields"))
    let last = managed.applied(by: writer)
    let base = live?.withoutVersion ?? call.type.blank
    let wanted = schema.fields(of: configuration)
      .pruned(of: call.type.ignoredFields(call.subresource))
    managed.replace(wanted, of: writer)
    var config = configuration
    config.set(nil, at: ["metadata", "resourceVersion"])
    if live == nil { config.set(call.name.map(JSONValue.string), at: ["metadata", "name"]) }
    let merged = schema.merged(base, with: config)
    let gone = last.withParents.subtracting(managed.everything.withParents)
    let result = schema.removing(gone, from: merged)
    let changes = schema.changes(from: base, to: result)
    let losses = managed.recordApply(changes.owned, by: writer)
    if !losses.isEmpty, !call.target.flag("force") { throw conflict(losses, call) }
    guard let live else {
      let admitted = try admitted(completed(result, call), call)
      let created = try insert(admitted, managed, &call)
      return .json(shown(created, call.type), status: 201, headers: call.warningHeaders)
    }
    let written = try replace(
      live, with: completed(result, call), managed: managed, &call)
    return .json(shown(written, call.type), headers: call.warningHeaders)
  }

  private func conflict(_ losses: [(ManagedFields.Entry, FieldSet)], _ call: Call) -> APIFailure {
    let found = losses.map { entry, set in
      let version = entry.operation == "Apply" ? "" : " using \(entry.apiVersion)"
      return (
        who: "\(quoted(entry.manager))\(version)",
        fields: set.paths.map { $0.map(\.label).joined() }
      )
    }.sorted { $0.who < $1.who }
    let count = found.reduce(0) { $0 + $1.fields.count }
    let text =
      count == 1
      ? "conflict with \(found[0].who): \(found[0].fields[0])"
      : found.map { loss in
        "conflicts with \(loss.who):" + loss.fields.map { "\n- \($0)" }.joined()
      }.joined(separator: "\n")
    return APIFailure(
      code: 409, reason: "Conflict",
      message: "Apply failed with \(count) conflict\(count == 1 ? "" : "s"): \(text)",
      details: [
        "causes": .array(
          found.flatMap { loss in
            loss.fields.map { field in
              [
                "reason": "FieldManagerConflict",
                "message": .string("conflict with \(loss.who)"), "field": .string(field),
              ]
            }
          })
      ])
  }
}

extension FieldChanges {
  /// The changes of fields that can be owned.
  fileprivate var owned: FieldChanges {
    FieldChanges(
      added: added.subtracting(ManagedFields.unowned),
      removed: removed.subtracting(ManagedFields.unowned),
      modified: modified.subtracting(ManagedFields.unowned))
  }
}
