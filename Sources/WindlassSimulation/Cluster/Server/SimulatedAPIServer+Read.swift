import WindlassWire

extension SimulatedAPIServer {
  /// One object.
  func get(_ call: Call) throws(APIFailure) -> APIResponse {
    if let version = try versionParameter(call), version > store.revision {
      throw .tooLargeVersion(version, current: store.revision)
    }
    guard let object = view(at: call.staleVersion).object(call.key) else {
      throw call.type.notFound(call.name ?? "")
    }
    return try presented(shown(object, call.type), call)
  }

  /// A page of a list.
  func list(_ call: Call) throws(APIFailure) -> APIResponse {
    try checkListOptions(call)
    let version = try versionParameter(call)
    if let version, version > store.revision {
      throw .tooLargeVersion(version, current: store.revision)
    }
    var token: ContinueToken?
    if let text = call.target["continue"], !text.isEmpty {
      guard version == nil else {
        throw .badRequest("specifying resource version is not allowed when using continue")
      }
      token = try ContinueToken(text)
    }
    let at = try listVersion(call, version, token)
    let matching = try selected(call, at: at)
    let rest = matching.filter { entry in
      token.map { Self.place(entry.key, call) > $0.start } ?? true
    }
    return try page(rest, at: at, call)
  }

  private func page(
    _ rest: [(key: ObjectKey, object: JSONValue)], at version: Int64, _ call: Call
  ) throws(APIFailure) -> APIResponse {
    let limit = call.target["limit"].flatMap(Int.init) ?? 0
    let page = limit > 0 ? Array(rest.prefix(limit)) : rest
    var metadata: JSONValue = ["resourceVersion": .string(String(version))]
    if page.count < rest.count, let last = page.last {
      metadata[member: "continue"] = .string(
        ContinueToken(version: version, start: Self.place(last.key, call)).text)
      if call.target["labelSelector"] == nil, call.target["fieldSelector"] == nil {
        metadata[member: "remainingItemCount"] = .integer(Int64(rest.count - page.count))
      }
    } else if call.type.isCustom {
      metadata[member: "continue"] = ""
    }
    return try presented(page.map { shown($0.object, call.type) }, metadata, call)
  }

  private static func place(_ key: ObjectKey, _ call: Call) -> String {
    call.namespace == nil ? "\(key.namespace)/\(key.name)" : "/\(key.name)"
  }

  /// Which state a list shows.
  private func listVersion(
    _ call: Call, _ version: Int64?, _ token: ContinueToken?
  ) throws(APIFailure) -> Int64 {
    if let token, token.version >= 0 {
      guard token.version > store.compacted else {
        throw .expired(
          "The provided continue parameter is too old to display a consistent list result. You "
            + "can start a new list without the continue parameter, or use the continue token in "
            + "this response to retrieve the remainder of the results. Continuing with the "
            + "provided token results in an inconsistent list - objects that were created, "
            + "modified, or deleted between the time the first chunk was returned and now may "
            + "show up in the list.",
          continuation: ContinueToken(version: -1, start: token.start).text)
      }
      return token.version
    }
    guard call.target["resourceVersionMatch"] == "Exact", let version else {
      return call.staleVersion ?? store.revision
    }
    guard version > store.compacted else {
      throw .expired("The resourceVersion for the provided list is too old.")
    }
    return version
  }

  /// The `resourceVersion` parameter; nil when it is absent or empty.
  private func versionParameter(_ call: Call) throws(APIFailure) -> Int64? {
    guard let text = call.target["resourceVersion"], !text.isEmpty else { return nil }
    guard let version = Int64(text) else {
      throw .badRequest(
        "invalid resource version: resourceVersion: Invalid value: \(quoted(text)): "
          + "strconv.ParseUint: parsing \(quoted(text)): invalid syntax")
    }
    return version
  }

  private func checkListOptions(_ call: Call) throws(APIFailure) {
    if let text = call.target["timeoutSeconds"], Int64(text) == nil {
      throw .badRequest("strconv.ParseInt: parsing \(quoted(text)): invalid syntax")
    }
    guard let match = call.target["resourceVersionMatch"], !match.isEmpty else { return }
    let version = call.target["resourceVersion"] ?? ""
    if version.isEmpty {
      throw .invalidOptions(
        "ListOptions",
        [
          .forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden unless resourceVersion is provided")
        ])
    }
    if match == "Exact", version == "0" {
      throw .invalidOptions(
        "ListOptions",
        [
          .forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"")
        ])
    }
  }

  /// The objects that a call's selectors choose, in the order of their keys.
  func selected(
    _ call: Call, at version: Int64? = nil
  ) throws(APIFailure) -> [(key: ObjectKey, object: JSONValue)] {
    let labels = try LabelSelector(call.target["labelSelector"] ?? "")
    let fields = try FieldSelector(call.target["fieldSelector"] ?? "", call.type)
    let namespace = call.type.isNamespaced ? call.namespace : nil
    let isPresent = version.map { $0 >= store.revision } ?? true
    let candidates =
      isPresent
      ? store.objects(of: call.type.storage, namespace: namespace, with: labels.fixed)
      : store.objects(of: call.type.storage, namespace: namespace, at: version)
    return candidates.filter {
      labels.matches($0.object) && fields.matches(storedForm($0.object, call.type))
        && (call.name == nil || call.name == $0.key.name)
    }
  }

  /// The body of a whole list.
  func listBody(
    _ objects: [JSONValue], _ version: Int64, _ type: ResourceType
  ) -> JSONValue {
    var metadata: JSONValue = ["resourceVersion": .string(String(version))]
    if type.isCustom { metadata[member: "continue"] = "" }
    return listBody(objects, metadata, type)
  }

  /// The body of a list with its metadata. Items of built-in kinds don't say their kind.
  func listBody(
    _ objects: [JSONValue], _ metadata: JSONValue, _ type: ResourceType
  ) -> JSONValue {
    let items = objects.map { object in
      var item = object
      if !type.isCustom {
        item[member: "kind"] = nil
        item[member: "apiVersion"] = nil
      }
      return item
    }
    return [
      "apiVersion": .string(type.groupVersion), "items": .array(items),
      "kind": .string(type.listKind), "metadata": metadata,
    ]
  }
}
