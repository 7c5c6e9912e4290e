import WindlassWire

extension SimulatedAPIServer {
  /// Finds what a path asks for and does it.
  mutating func route(_ request: APIRequest) throws(APIFailure) -> APIResponse {
    let user = try authenticate(request)
    if throttledUsers.contains(user.name) {
      var response = APIResponse.text("Too many requests, please try again later.\n", status: 429)
      response.headers.append(HTTPHeader("Retry-After", "1"))
      return response
    }
    var call = Call(request: request, user: user)
    let path = call.target.segments
    if let answer = try discover(path, call) { return answer }
    let depth = path.first == "api" ? 2 : 3
    guard path.count > depth, serves(group: depth == 2 ? "" : path[1], path[depth - 1]) else {
      return .text("404 page not found\n", status: 404)
    }
    locate(Array(path[depth...]), &call)
    let resource = path[depth...]
    try authorize(&call, group: depth == 2 ? "" : path[1], words: Array(resource))
    guard
      let type = type(call.type.plural, in: depth == 2 ? "" : path[1], path[depth - 1])
    else { throw .unknownResource }
    call.type = type
    if let subresource = call.subresource, !type.has(subresource) { throw .unknownResource }
    return try serveFaulty(&call)
  }

  /// Reads namespace, resource, name and subresource from the end of a path.
  private func locate(_ words: [String], _ call: inout Call) {
    var rest = words[...]
    if rest.first == "watch" {
      rest = rest.dropFirst()
      call.verb = "watch"
    }
    if rest.first == "namespaces", rest.count >= 3,
      !["status", "finalize"].contains(rest[rest.startIndex + 2])
    {
      call.namespace = rest[rest.startIndex + 1]
      rest = rest.dropFirst(2)
    }
    call.type.plural = rest.first ?? ""
    call.name = rest.count > 1 ? rest[rest.startIndex + 1] : nil
    call.subresource = rest.count > 2 ? rest[rest.startIndex + 2] : nil
    if call.type.plural == "namespaces", call.namespace == nil, let name = call.name {
      call.namespace = name
    }
    if call.verb.isEmpty { call.verb = verb(of: call) }
  }

  private func verb(of call: Call) -> String {
    let isSingle = call.name != nil
    switch call.request.method {
    case "GET", "HEAD":
      return isSingle ? "get" : call.target.flag("watch") ? "watch" : "list"
    case "POST": return "create"
    case "PUT": return "update"
    case "PATCH": return "patch"
    case "DELETE": return isSingle ? "delete" : "deletecollection"
    default: return call.request.method.lowercased()
    }
  }

  /// Does what a request asks for.
  mutating func serve(_ call: inout Call) throws(APIFailure) -> APIResponse {
    if let name = call.subresource, name != "status" {
      return try serveSubresource(name, &call)
    }
    try negotiate(call)
    switch (call.request.method, call.verb) {
    case (_, "watch"): return try watch(&call)
    case ("GET", "get"): return try get(call)
    case ("GET", "list"): return try list(call)
    case ("POST", "create") where call.name == nil:
      if let review = try review(call) { return review }
      return try create(&call)
    case ("PUT", "update") where call.name != nil: return try update(&call)
    case ("PATCH", "patch") where call.name != nil: return try patch(&call)
    case ("DELETE", "delete"): return try delete(&call)
    case ("DELETE", "deletecollection"): return try deleteCollection(&call)
    default: throw .methodNotAllowed
    }
  }

  private mutating func serveSubresource(
    _ name: String, _ call: inout Call
  ) throws(APIFailure) -> APIResponse {
    switch (name, call.request.method) {
    case ("scale", _): return try scale(&call)
    case ("token", "POST"): return try issueToken(call)
    case ("binding", "POST"): return try bind(call)
    case ("eviction", "POST") where call.type.kind == "Pod": return try evict(call)
    default:
      guard store.objects[call.key] != nil else { throw call.type.notFound(call.name ?? "") }
      throw .methodNotAllowed
    }
  }

  /// Refuses what the client would not read.
  private func negotiate(_ call: Call) throws(APIFailure) {
    let known = ["*/*", "application/*", "application/json", "application/yaml"]
    let wanted = (call.request.header("Accept") ?? "*/*").split(separator: ",").map {
      $0.split(separator: ";").first.map { String($0).filter { !$0.isWhitespace } } ?? ""
    }
    guard !wanted.contains(where: known.contains) else { return }
    let types = [
      "application/json", "application/yaml", "application/vnd.kubernetes.protobuf",
      "application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch",
    ]
    throw APIFailure(
      code: 406, reason: "NotAcceptable",
      message: "406: Not Acceptable\n\nAvailable representations: "
        + types.joined(separator: ", "), details: .object([]))
  }

  // MARK: - Resources

  /// The resource of that name in a group and version.
  func type(_ plural: String, in group: String, _ version: String) -> ResourceType? {
    let isThis = { (type: ResourceType) in
      type.plural == plural && type.group == group && type.version == version
    }
    return customTypes.first(where: isThis) ?? BuiltInResources.all.first(where: isThis)
  }

  /// The resource whose objects are kept under that name.
  func type(storage: String) -> ResourceType? {
    BuiltInResources.byStorage[storage] ?? customTypes.first { $0.storage == storage }
  }

  /// All resources.
  var types: [ResourceType] { BuiltInResources.all + customTypes }

  /// Whether the server knows that version of that group.
  func serves(group: String, _ version: String) -> Bool {
    if group.isEmpty { return version == "v1" }
    return BuiltInResources.groups.contains { $0.name == group && $0.versions.contains(version) }
      || customTypes.contains { $0.group == group && $0.version == version }
  }
}
