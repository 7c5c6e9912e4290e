import WindlassWire

/// A refusal, as it becomes a Status.
struct APIFailure: Error, Hashable, Sendable {
  var code: Int
  var reason: String?
  var message: String
  var details: JSONValue?
  /// The token that `metadata.continue` of the Status offers.
  var continuation: String?
  var headers: [HTTPHeader] = []
  var delay: Int64 = 0

  /// The body of the answer.
  var status: JSONValue {
    var body: JSONValue = [
      "kind": "Status", "apiVersion": "v1", "metadata": .object([]), "status": "Failure",
      "message": .string(message), "code": .integer(Int64(code)),
    ]
    if let continuation {
      body[member: "metadata"] = ["continue": .string(continuation)]
    }
    if let reason { body[member: "reason"] = .string(reason) }
    if let details { body[member: "details"] = details }
    return body.canonical
  }

  /// The whole answer.
  var response: APIResponse {
    var response = APIResponse.json(status, status: code, headers: headers)
    response.delay = delay
    return response
  }
}

/// One thing that is wrong with one field.
struct FieldFault: Hashable, Sendable {
  var reason: String
  var field: String
  var message: String

  static func invalid(_ field: String, _ value: String, _ text: String) -> FieldFault {
    FieldFault(
      reason: "FieldValueInvalid", field: field, message: "Invalid value: \(value): \(text)")
  }

  static func required(_ field: String, _ text: String = "") -> FieldFault {
    FieldFault(
      reason: "FieldValueRequired", field: field,
      message: text.isEmpty ? "Required value" : "Required value: \(text)")
  }

  static func forbidden(_ field: String, _ text: String) -> FieldFault {
    FieldFault(reason: "FieldValueForbidden", field: field, message: "Forbidden: \(text)")
  }

  static func unsupported(_ field: String, _ value: String, _ known: [String]) -> FieldFault {
    FieldFault(
      reason: "FieldValueNotSupported", field: field,
      message: "Unsupported value: \(value): supported values: "
        + known.map(quoted).joined(separator: ", "))
  }

  static func duplicate(_ field: String, _ value: String) -> FieldFault {
    FieldFault(
      reason: "FieldValueDuplicate", field: field, message: "Duplicate value: \(value)")
  }

  var cause: JSONValue {
    ["reason": .string(reason), "message": .string(message), "field": .string(field)]
  }
}

extension APIFailure {
  static func badRequest(_ message: String) -> APIFailure {
    APIFailure(code: 400, reason: "BadRequest", message: message)
  }

  /// An error that the server did not classify.
  static func unclassified(_ message: String) -> APIFailure {
    APIFailure(code: 500, message: message)
  }

  static let unknownResource = APIFailure(
    code: 404, reason: "NotFound", message: "the server could not find the requested resource",
    details: .object([]))

  static let methodNotAllowed = APIFailure(
    code: 405, reason: "MethodNotAllowed",
    message: "the server does not allow this method on the requested resource",
    details: .object([]))

  static let unauthorized = APIFailure(
    code: 401, reason: "Unauthorized", message: "Unauthorized")

  static func unsupportedMediaType(_ types: [String]) -> APIFailure {
    APIFailure(
      code: 415, reason: "UnsupportedMediaType",
      message: "the body of the request was in an unknown format - accepted media types include: "
        + types.joined(separator: ", "))
  }

  /// An object with faults in its fields. `type` is the word before the name: `Kind.group`.
  static func invalid(
    _ type: String, _ name: String, kind: String, group: String, _ faults: [FieldFault]
  ) -> APIFailure {
    // A fault that was found twice is told once, but has two causes.
    let texts = faults.map { "\($0.field): \($0.message)" }
      .reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let list = texts.count == 1 ? texts[0] : "[" + texts.joined(separator: ", ") + "]"
    var details: JSONValue = ["causes": .array(faults.map(\.cause))]
    if !name.isEmpty { details[member: "name"] = .string(name) }
    if !group.isEmpty { details[member: "group"] = .string(group) }
    if !kind.isEmpty { details[member: "kind"] = .string(kind) }
    return APIFailure(
      code: 422, reason: "Invalid", message: "\(type) \(quoted(name)) is invalid: \(list)",
      details: details.canonical)
  }

  /// Faults in the parameters of a request, such as `ListOptions`.
  static func invalidOptions(_ kind: String, _ faults: [FieldFault]) -> APIFailure {
    invalid("\(kind).meta.k8s.io", "", kind: kind, group: "meta.k8s.io", faults)
  }

  static func tooLargeVersion(_ wanted: Int64, current: Int64) -> APIFailure {
    APIFailure(
      code: 504, reason: "Timeout",
      message: "Timeout: Too large resource version: \(wanted), current: \(current)",
      details: [
        "causes": [
          ["reason": "ResourceVersionTooLarge", "message": "Too large resource version"]
        ],
        "retryAfterSeconds": 1,
      ], headers: [HTTPHeader("Retry-After", "1")], delay: 3_000)
  }

  static func expired(_ message: String, continuation: String? = nil) -> APIFailure {
    APIFailure(code: 410, reason: "Expired", message: message, continuation: continuation)
  }
}
