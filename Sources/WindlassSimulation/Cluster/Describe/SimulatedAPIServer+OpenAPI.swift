import WindlassWire

/// The description of what the server serves, by which clients explain, validate and patch.
extension SimulatedAPIServer {
  /// The answer to a path below `/openapi`; nil for one that is not there.
  func describe(_ path: [String], _ call: Call) throws(APIFailure) -> APIResponse? {
    switch path {
    case ["openapi", "v2"]:
      try checkAccept(call, of: .second)
      return .json(document(.second, types))
    case ["openapi", "v3"]: return .json(openAPIIndex, type: "text/plain; charset=utf-8")
    default: break
    }
    guard path.starts(with: ["openapi", "v3"]) else { return nil }
    try checkAccept(call, of: .third)
    let rest = Array(path.dropFirst(2))
    guard openAPIPaths.contains(rest.joined(separator: "/")) else { return nil }
    let isVersion = rest.count == (rest.first == "api" ? 2 : 3)
    let group = rest.first == "apis" && rest.count > 1 ? rest[1] : ""
    return .json(
      document(
        .third,
        isVersion ? types.filter { $0.group == group && $0.version == rest.last } : []))
  }

  /// There is JSON alone; who takes the binary form alone is told so, as for every other path.
  private func checkAccept(_ call: Call, of form: OpenAPIForm) throws(APIFailure) {
    let accepted = call.request.header("Accept") ?? "*/*"
    guard !["json", "*/*", "application/*"].contains(where: accepted.contains) else { return }
    throw APIFailure(
      code: 406, reason: "NotAcceptable",
      message: "only the following media types are accepted: application/json",
      details: .object([]))
  }

  private func document(_ form: OpenAPIForm, _ types: [ResourceType]) -> JSONValue {
    var schemas = [JSONMember(OpenAPIForm.metadataName, form.schema(BuiltInSchemas.metadata))]
    schemas += types.map { type in
      JSONMember(OpenAPIForm.name(type), form.kind(type, definition: ownSchema(of: type)))
    }
    let paths = JSONValue.object(types.flatMap(form.paths))
    let about: JSONValue = ["title": "Kubernetes", "version": "v1.36.2"]
    switch form {
    case .second:
      return [
        "swagger": "2.0", "info": about, "paths": paths, "definitions": .object(schemas),
      ]
    case .third:
      return [
        "openapi": "3.0.0", "info": about, "paths": paths,
        "components": ["schemas": .object(schemas)],
      ]
    }
  }

  /// The schema that the definition of a custom resource has for it; nil for built-in kinds.
  private func ownSchema(of type: ResourceType) -> JSONValue? {
    guard let definition = type.definition else { return nil }
    let key = ObjectKey(
      resource: "customresourcedefinitions.apiextensions.k8s.io", namespace: "",
      name: definition.name)
    let versions = store.objects[key]?.at("spec", "versions")?.elements ?? []
    return versions.first { $0["name"]?.string == type.version }?
      .at("schema", "openAPIV3Schema") ?? ["type": "object"]
  }

  // MARK: - The index

  private var openAPIPaths: Set<String> {
    var paths = [".well-known/openid-configuration", "api", "api/v1", "apis", "openid/v1/jwks"]
    paths.append("version")
    for group in BuiltInResources.groups {
      paths.append("apis/\(group.name)")
      paths += group.versions.map { "apis/\(group.name)/\($0)" }
    }
    return Set(paths + customTypes.map { "apis/\($0.group)/\($0.version)" })
  }

  private var openAPIIndex: JSONValue {
    var body: JSONValue = .object([])
    for path in openAPIPaths.sorted() {
      // What a path describes changes with the definitions alone.
      let definitions = customTypes.filter { path.hasSuffix("\($0.group)/\($0.version)") }
      let digest = SHA256.digest(
        Array("\(path) \(definitions.map { ownSchema(of: $0)?.text ?? "" })".utf8))
      let hash = digest.map { byte in
        (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }.joined()
      body[member: path] = ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=\(hash)")]
    }
    return ["paths": body]
  }
}
