import WindlassWire

/// The two forms in which a server describes what it serves.
enum OpenAPIForm: Sendable {
  /// One document for all, after Swagger 2.0.
  case second
  /// One document for each group and version, after OpenAPI 3.0.
  case third

  /// Where schemas that others refer to are in a document.
  var prefix: String { self == .second ? "#/definitions/" : "#/components/schemas/" }

  /// The name of a kind's schema: `io.k8s.api.apps.v1.Deployment`, and for a custom resource the
  /// group backwards.
  static func name(_ type: ResourceType) -> String {
    if type.isCustom || type.group == "apiextensions.k8s.io" {
      let words = type.group.split(separator: ".").reversed().joined(separator: ".")
      return "\(words).\(type.version).\(type.kind)"
    }
    let group = type.group.split(separator: ".").first.map(String.init) ?? "core"
    return "io.k8s.api.\(group).\(type.version).\(type.kind)"
  }

  /// The name of the schema of `metadata`.
  static let metadataName = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

  /// What refers to the schema of that name.
  func reference(_ name: String) -> JSONValue {
    // A member beside `$ref` would be ignored, so the later form wraps it.
    let target: JSONValue = ["$ref": .string(prefix + name)]
    return self == .second ? target : ["allOf": [target]]
  }

  /// The schema of a field of a built-in kind.
  func schema(_ field: FieldSchema) -> JSONValue {
    if field.isIntOrString {
      return self == .second
        ? ["type": "string", "format": "int-or-string"]
        : ["format": "int-or-string", "oneOf": [["type": "integer"], ["type": "string"]]]
    }
    guard let type = field.type else {
      return ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
    }
    var schema: JSONValue = ["type": .string(type)]
    if type == "integer" { schema[member: "format"] = "int64" }
    if field.format == "microtime" { schema[member: "format"] = "date-time" }
    if let value = field.defaultValue { schema[member: "default"] = value }
    if !field.properties.isEmpty {
      schema[member: "properties"] = .object(
        field.properties.sorted { $0.key < $1.key }
          .map { JSONMember($0.key, self.schema($0.value)) })
    }
    if let value = field.value { schema[member: "additionalProperties"] = self.schema(value) }
    if field.isAtomic { schema[member: "x-kubernetes-map-type"] = "atomic" }
    guard type == "array" else { return schema }
    schema[member: "items"] = self.schema(field.item ?? .anything)
    describe(field.list, &schema)
    return schema
  }

  /// How a list is merged, in the words of those who compute patches from it.
  private func describe(_ list: FieldSchema.ListKind, _ schema: inout JSONValue) {
    switch list {
    case .atomic: schema[member: "x-kubernetes-list-type"] = "atomic"
    case .set:
      schema[member: "x-kubernetes-list-type"] = "set"
      schema[member: "x-kubernetes-patch-strategy"] = "merge"
    case .map(let keys):
      schema[member: "x-kubernetes-list-type"] = "map"
      schema[member: "x-kubernetes-list-map-keys"] = .array(keys.map(JSONValue.string))
      schema[member: "x-kubernetes-patch-strategy"] = "merge"
      schema[member: "x-kubernetes-patch-merge-key"] = keys.first.map(JSONValue.string)
    }
  }

  // MARK: - Kinds

  /// The schema of a whole kind; `definition` is the custom resource's own schema.
  func kind(_ type: ResourceType, definition: JSONValue?) -> JSONValue {
    var schema = definition ?? self.schema(type.schema)
    var properties = schema["properties"] ?? .object([])
    properties[member: "apiVersion"] = [
      "description": "The group and version of this form of the object.", "type": "string",
    ]
    properties[member: "kind"] = ["description": "The kind of the object.", "type": "string"]
    var metadata = reference(Self.metadataName)
    metadata[member: "description"] = "Name, namespace, labels and what else every object has."
    properties[member: "metadata"] = metadata
    if type.schema.type != nil || definition != nil { schema[member: "type"] = "object" }
    schema[member: "properties"] = properties
    schema[member: "x-kubernetes-group-version-kind"] = [Self.identity(type)]
    return schema
  }

  /// The kind as extensions of schemas and of operations name it.
  static func identity(_ type: ResourceType, kind: String? = nil) -> JSONValue {
    [
      "group": .string(type.group), "kind": .string(kind ?? type.kind),
      "version": .string(type.version),
    ]
  }

  // MARK: - Operations

  /// The paths of a kind with what can be asked there.
  func paths(_ type: ResourceType) -> [JSONMember] {
    let root = type.group.isEmpty ? "/api/v1" : "/apis/\(type.group)/\(type.version)"
    let place = type.isNamespaced ? "\(root)/namespaces/{namespace}" : root
    let all = "\(place)/\(type.plural)"
    var paths = [
      JSONMember(
        all, item(type, [("get", "list"), ("post", "create"), ("delete", "deletecollection")])),
      JSONMember("\(all)/{name}", item(type, Self.single)),
    ]
    if type.isNamespaced, type.verbs.contains("list") {
      paths.append(JSONMember("\(root)/\(type.plural)", item(type, [("get", "list")])))
    }
    for subresource in type.subresources where subresource.kind == type.kind {
      var own = type
      own.verbs = subresource.verbs
      paths.append(JSONMember("\(all)/{name}/\(subresource.name)", item(own, Self.single)))
    }
    return paths.filter { $0.value.object?.isEmpty == false }
  }

  private static let single = [
    ("get", "get"), ("put", "update"), ("patch", "patch"), ("delete", "delete"),
  ]

  private func item(_ type: ResourceType, _ wanted: [(method: String, verb: String)]) -> JSONValue {
    .object(
      wanted.filter { type.verbs.contains($0.verb) }.map { method, verb in
        JSONMember(method, operation(type, verb))
      })
  }

  private func operation(_ type: ResourceType, _ verb: String) -> JSONValue {
    let schema: JSONValue = ["$ref": .string(prefix + Self.name(type))]
    var parameters: [JSONValue] = []
    if ["create", "update", "patch"].contains(verb) {
      parameters = ["dryRun", "fieldManager", "fieldValidation"].map(parameter)
    }
    if verb == "patch" { parameters.append(parameter("force", type: "boolean")) }
    var operation: JSONValue = [
      "responses": ["200": response(schema)],
      "x-kubernetes-action": .string(Self.actions[verb] ?? verb),
      "x-kubernetes-group-version-kind": Self.identity(type),
    ]
    let bodies = verb == "patch" ? Self.patches(type) : ["application/json", "application/yaml"]
    if ["create", "update", "patch"].contains(verb) {
      switch self {
      case .second:
        parameters.append(
          ["name": "body", "in": "body", "required": true, "schema": ["type": "object"]])
        operation[member: "consumes"] = .array(bodies.map(JSONValue.string))
      case .third:
        operation[member: "requestBody"] = [
          "required": true,
          "content": .object(
            bodies.map {
              JSONMember($0, ["schema": verb == "patch" ? ["type": "object"] : schema])
            }),
        ]
      }
    }
    if !parameters.isEmpty { operation[member: "parameters"] = .array(parameters) }
    return operation
  }

  private static let actions = [
    "create": "post", "update": "put", "deletecollection": "deletecollection",
  ]

  private static func patches(_ type: ResourceType) -> [String] {
    [
      "application/json-patch+json", "application/merge-patch+json",
      "application/apply-patch+yaml",
    ] + (type.isCustom ? [] : ["application/strategic-merge-patch+json"])
  }

  private func parameter(_ name: String, type: String) -> JSONValue {
    self == .second
      ? ["name": .string(name), "in": "query", "type": .string(type), "uniqueItems": true]
      : [
        "name": .string(name), "in": "query",
        "schema": ["type": .string(type), "uniqueItems": true],
      ]
  }

  private func parameter(_ name: String) -> JSONValue { parameter(name, type: "string") }

  private func response(_ schema: JSONValue) -> JSONValue {
    self == .second
      ? ["description": "OK", "schema": schema]
      : ["description": "OK", "content": ["application/json": ["schema": schema]]]
  }
}
