import WindlassCore
import WindlassWire

/// One request on its way through the server.
struct Call: Sendable {
  var request: APIRequest
  var target: RequestTarget
  var user: UserIdentity
  /// Such as `get`, `list`, `patch`.
  var verb = ""
  var type: ResourceType
  var namespace: String?
  var name: String?
  var subresource: String?
  /// Texts for Warning headers.
  var warnings: [String] = []
  /// Whether the request's object has another kind than the path's, so that no schema is known.
  var isForeignKind = false

  /// The version at which a read is answered, when a fault makes it old.
  var staleVersion: Int64?
  /// Whether a fault makes the version from which a watch begins too old.
  var isExpired = false

  /// A call whose path is not read yet.
  init(request: APIRequest, user: UserIdentity) {
    self.request = request
    self.user = user
    target = RequestTarget(request.path)
    type = ResourceType(
      group: "", version: "", plural: "", singular: "", kind: "", listKind: "",
      isNamespaced: false, verbs: [])
  }

  var isDryRun: Bool { target["dryRun"] == "All" }

  /// The key of the object that the path names.
  var key: ObjectKey {
    ObjectKey(
      resource: type.storage, namespace: type.isNamespaced ? namespace ?? "" : "",
      name: name ?? "")
  }

  /// Who writes, as managed fields tell it.
  func writer(_ operation: String, at time: Timestamp) -> ManagedFields.Entry {
    let agent = request.header("User-Agent") ?? "unknown"
    let fallback = agent.split(separator: "/").first.map(String.init) ?? agent
    return ManagedFields.Entry(
      manager: target["fieldManager"].flatMap { $0.isEmpty ? nil : $0 } ?? fallback,
      operation: operation, apiVersion: type.groupVersion, subresource: subresource ?? "",
      time: time.rfc3339, set: FieldSet())
  }

  /// The Warning headers.
  var warningHeaders: [HTTPHeader] {
    warnings.map { HTTPHeader("Warning", "299 - \(quoted($0))") }
  }

  /// The first media type of a header, without its parameters.
  func mediaType(_ header: String) -> String? {
    request.header(header)?.split(separator: ",").first?.split(separator: ";").first.map {
      String($0).filter { !$0.isWhitespace }
    }
  }
}
