import WindlassWire

extension SimulatedAPIServer {
  /// What a request's body says.
  struct Decoded {
    var object: JSONValue
    /// Paths of members that were given twice.
    var duplicates: [String]
  }

  /// Reads the object that a create or an update sends.
  func decode(_ call: inout Call) throws(APIFailure) -> JSONValue {
    let decoded = try parse(call)
    let object = decoded.object
    let type = call.type
    if type.isCustom {
      try checkCustomKind(object, &call)
    } else {
      try checkBuiltInKind(object, type)
    }
    if let fault = decodingFault(of: object, type) {
      throw undecodable(fault, type.version, type.kind, type)
    }
    return try checked(object, decoded.duplicates, &call)
  }

  /// Refuses or reports fields that the schema does not know, and returns the object without them.
  func checked(
    _ object: JSONValue, _ duplicates: [String], _ call: inout Call
  ) throws(APIFailure) -> JSONValue {
    let type = call.type
    guard !call.isForeignKind else { return object }
    let (kept, unknown) = type.schema.pruned(object)
    let faults =
      duplicates.map { "duplicate field \(quoted($0))" }
      + unknown.map { "unknown field \(quoted($0))" }
    switch try fieldValidation(call) {
    case "Ignore": break
    case "Strict" where !faults.isEmpty:
      throw undecodable(
        "strict decoding error: " + faults.joined(separator: ", "), type.version, type.kind, type)
    default: call.warnings += faults
    }
    return kept
  }

  /// How unknown fields are to be treated.
  func fieldValidation(_ call: Call) throws(APIFailure) -> String {
    let value = call.target["fieldValidation"] ?? ""
    let known = ["", "Ignore", "Strict", "Warn"]
    guard known.contains(value) else {
      let kind =
        switch call.verb {
        case "create": "CreateOptions"
        case "update": "UpdateOptions"
        default: "PatchOptions"
        }
      throw .invalidOptions(
        kind, [.unsupported("fieldValidation", quoted(value), known)])
    }
    return value
  }

  private func parse(_ call: Call) throws(APIFailure) -> Decoded {
    let body = call.request.body
    guard body.count <= Self.bodySizeMax else {
      throw APIFailure(
        code: 413, reason: "RequestEntityTooLarge",
        message: "Request entity too large: limit is \(Self.bodySizeMax)")
    }
    switch call.mediaType("Content-Type") ?? "application/json" {
    case "application/json": break
    case "application/yaml":
      guard let value = SimpleYAML.parse(String(decoding: body, as: UTF8.self)) else {
        throw unrecognized("error converting YAML to JSON", call)
      }
      return Decoded(object: value.canonical, duplicates: [])
    case "application/vnd.kubernetes.protobuf" where !call.type.isCustom:
      do throws(ProtobufReader.Failure) {
        return Decoded(object: try ProtobufReader.document(body), duplicates: [])
      } catch {
        throw unrecognized("protobuf: \(error.message)", call)
      }
    default:
      throw .unsupportedMediaType([
        "application/json", "application/yaml", "application/vnd.kubernetes.protobuf",
      ])
    }
    var reader = GoJSONReader(body)
    do throws(GoJSONReader.Failure) {
      let value = try reader.read()
      return Decoded(object: value, duplicates: reader.duplicates)
    } catch {
      throw unrecognized("couldn't get version/kind; json parse error: \(error.message)", call)
    }
  }

  private static let bodySizeMax = 3 << 20

  private func unrecognized(_ reason: String, _ call: Call) -> APIFailure {
    let text = String(decoding: call.request.body, as: UTF8.self)
    let summary = text.isEmpty ? "<empty>" : text.count > 30 ? text.prefix(30) + " ..." : text
    return .badRequest(
      "the object provided is unrecognized (must be of type \(call.type.kind)): \(reason) "
        + "(\(summary))")
  }

  private func undecodable(
    _ reason: String, _ version: String, _ kind: String, _ type: ResourceType
  ) -> APIFailure {
    .badRequest(
      "\(kind) in version \(quoted(version)) cannot be handled as a \(type.kind): \(reason)")
  }

  private func checkCustomKind(_ object: JSONValue, _ call: inout Call) throws(APIFailure) {
    let type = call.type
    let text = String(decoding: call.request.body, as: UTF8.self)
    for word in ["Kind", "apiVersion"] where (object[word.lowercasedFirst]?.string ?? "").isEmpty {
      throw unrecognized("Object '\(word)' is missing in '\(text)'", call)
    }
    let version = object["apiVersion"]?.string ?? ""
    if version != type.groupVersion {
      let known = ["apiVersion", "kind", "metadata"]
      for member in object.members where !known.contains(member.name) {
        call.warnings.append("unknown field \(quoted(member.name))")
      }
      var failure = APIFailure.badRequest(
        "the API version in the data (\(version)) does not match the expected API version "
          + "(\(type.groupVersion))")
      failure.headers = call.warningHeaders
      throw failure
    }
    call.isForeignKind = object["kind"]?.string != type.kind
  }

  private func checkBuiltInKind(_ object: JSONValue, _ type: ResourceType) throws(APIFailure) {
    let version = object["apiVersion"]?.string ?? type.groupVersion
    let kind = object["kind"]?.string ?? type.kind
    if version != type.groupVersion {
      let scheme = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"
      throw undecodable(
        "no kind \(quoted(kind)) is registered for version \(quoted(version)) in scheme "
          + quoted(scheme), version, kind, type)
    }
    if kind != type.kind {
      let group = type.group.isEmpty ? "core" : type.group
      throw undecodable(
        "converting (\(type.version).\(kind)) to (\(group).\(type.kind)): unknown conversion",
        type.version, kind, type)
    }
  }

  /// Why the object of a built-in kind could not be decoded.
  func decodingFault(of object: JSONValue, _ type: ResourceType) -> String? {
    type.isCustom ? nil : type.schema.decodingFault(in: object, at: type.kind)
  }

  /// The object with kind and version of its resource, without unknown fields, with defaults.
  func completed(_ object: JSONValue, _ call: Call) -> JSONValue {
    guard !call.isForeignKind else { return object }
    let type = call.type
    var result = object
    result[member: "apiVersion"] = .string(type.groupVersion)
    result[member: "kind"] = .string(type.kind)
    if type.isCustom { return type.schema.defaulted(result) }
    return completedBuiltIn(type.schema.defaulted(type.schema.normalized(result)), type)
  }
}

extension String {
  fileprivate var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}
