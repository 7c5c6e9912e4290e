import WindlassCore
import WindlassWire

/// The form in which a client wants its answer.
enum Presentation: Hashable, Sendable {
  case whole
  case yaml
  case metadata
  case table

  /// Reads the Accept header.
  init(_ call: Call) {
    let first = (call.request.header("Accept") ?? "").split(separator: ",").first ?? ""
    if first.contains("as=Table") {
      self = .table
    } else if first.contains("as=PartialObjectMetadata") {
      self = .metadata
    } else if first.hasPrefix("application/yaml") {
      self = .yaml
    } else {
      self = .whole
    }
  }
}

extension SimulatedAPIServer {
  /// One object in the form that the client wants.
  func presented(_ object: JSONValue, _ call: Call) throws(APIFailure) -> APIResponse {
    switch Presentation(call) {
    case .whole: return .json(object)
    case .yaml: return yaml(object)
    case .metadata: return .json(partial(object))
    case .table:
      let version = object.at("metadata", "resourceVersion") ?? ""
      return .json(table([object], ["resourceVersion": version], call, withColumns: true))
    }
  }

  /// A list in the form that the client wants.
  func presented(
    _ objects: [JSONValue], _ metadata: JSONValue, _ call: Call
  ) throws(APIFailure) -> APIResponse {
    switch Presentation(call) {
    case .whole: return .json(listBody(objects, metadata, call.type))
    case .yaml: return yaml(listBody(objects, metadata, call.type))
    case .metadata:
      return .json([
        "apiVersion": "meta.k8s.io/v1", "items": .array(objects.map(partial)),
        "kind": "PartialObjectMetadataList", "metadata": metadata.withoutEmptyContinue,
      ])
    case .table:
      return .json(table(objects, metadata.withoutEmptyContinue, call, withColumns: true))
    }
  }

  private func yaml(_ value: JSONValue) -> APIResponse {
    var response = APIResponse.text(SimpleYAML.text(of: value))
    response.headers = [HTTPHeader("Content-Type", "application/yaml")]
    return response
  }

  /// An object's metadata alone.
  func partial(_ object: JSONValue) -> JSONValue {
    [
      "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
      "metadata": object["metadata"] ?? .object([]),
    ]
  }

  /// Objects as rows.
  func table(
    _ objects: [JSONValue], _ metadata: JSONValue, _ call: Call, withColumns: Bool
  ) -> JSONValue {
    let columns = TableColumns(call.type)
    let rows = objects.map { object -> JSONValue in
      let shown: JSONValue =
        switch call.target["includeObject"] {
        case "None": .null
        case "Object": object
        default: partial(object)
        }
      return ["cells": .array(columns.cells(of: object, at: now)), "object": shown]
    }
    return [
      "apiVersion": "meta.k8s.io/v1", "kind": "Table", "metadata": metadata,
      "columnDefinitions": withColumns ? columns.definitions : .null, "rows": .array(rows),
    ]
  }
}

extension JSONValue {
  fileprivate var withoutEmptyContinue: JSONValue {
    var result = self
    if result["continue"] == "" { result[member: "continue"] = nil }
    return result
  }
}
