import WindlassWire

/// What the server tells about itself.
extension SimulatedAPIServer {
  /// The answer to a path that names no objects; nil when it does.
  func discover(_ path: [String], _ call: Call) throws(APIFailure) -> APIResponse? {
    guard call.request.method == "GET" else { return nil }
    if path.first == "openapi" { return try describe(path, call) }
    switch path.count {
    case 1 where ["healthz", "livez", "readyz"].contains(path[0]): return .text("ok")
    case 1 where path[0] == "version": return .json(Self.version)
    case 1 where path[0] == "api" || path[0] == "apis": return groups(path[0], call)
    case 2 where path == ["api", "v1"]: return .json(resources(group: "", "v1"))
    case 2 where path[0] == "apis":
      return allGroups.first { $0.name == path[1] }.map { .json(Self.group($0, withKind: true)) }
        ?? .text("404 page not found\n", status: 404)
    case 3 where path[0] == "apis":
      return serves(group: path[1], path[2])
        ? .json(resources(group: path[1], path[2]))
        : .text("404 page not found\n", status: 404)
    default: return nil
    }
  }

  private static let version: JSONValue = [
    "buildDate": "1970-01-01T00:00:00Z", "compiler": "gc", "emulationMajor": "1",
    "emulationMinor": "36", "gitCommit": "98b35193b2ac7a23a673325f5e9b830ecd5ba406",
    "gitTreeState": "clean", "gitVersion": "v1.36.2", "goVersion": "go1.26.6", "major": "1",
    "minCompatibilityMajor": "1", "minCompatibilityMinor": "35", "minor": "36",
    "platform": "linux/amd64",
  ]

  private typealias Group = (name: String, versions: [String])

  private var allGroups: [Group] {
    var groups = BuiltInResources.groups
    for type in customTypes {
      if let index = groups.firstIndex(where: { $0.name == type.group }) {
        if !groups[index].versions.contains(type.version) {
          groups[index].versions.append(type.version)
        }
      } else {
        groups.append((type.group, [type.version]))
      }
    }
    return groups
  }

  private func groups(_ root: String, _ call: Call) -> APIResponse {
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    if call.request.header("Accept")?.contains("apidiscovery.k8s.io") ?? false {
      let groups = root == "api" ? [("", ["v1"])] : allGroups
      return .json(
        [
          "apiVersion": "apidiscovery.k8s.io/v2", "kind": "APIGroupDiscoveryList",
          "metadata": .object([]), "items": .array(groups.map(aggregate)),
        ], type: aggregated)
    }
    guard root == "apis" else {
      return .json([
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [
          ["clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"]
        ],
      ])
    }
    return .json([
      "apiVersion": "v1", "kind": "APIGroupList",
      "groups": .array(allGroups.map { Self.group($0, withKind: false) }),
    ])
  }

  private static func group(_ group: Group, withKind: Bool) -> JSONValue {
    let versions = group.versions.map { version -> JSONValue in
      ["groupVersion": .string("\(group.name)/\(version)"), "version": .string(version)]
    }
    var body: JSONValue = [
      "name": .string(group.name), "preferredVersion": versions[0], "versions": .array(versions),
    ]
    if withKind {
      body[member: "apiVersion"] = "v1"
      body[member: "kind"] = "APIGroup"
    }
    return body
  }

  // MARK: - Resources of a version

  private func resources(group: String, _ version: String) -> JSONValue {
    let types = types.filter { $0.group == group && $0.version == version }
    var body: JSONValue = [
      "groupVersion": .string(group.isEmpty ? version : "\(group)/\(version)"),
      "kind": "APIResourceList", "resources": .array(types.flatMap(Self.resource)),
    ]
    if !group.isEmpty { body[member: "apiVersion"] = "v1" }
    return body
  }

  private static func resource(_ type: ResourceType) -> [JSONValue] {
    var main: JSONValue = [
      "kind": .string(type.kind), "name": .string(type.plural),
      "namespaced": .bool(type.isNamespaced), "singularName": .string(type.singular),
      "verbs": strings(type.verbs),
    ]
    if !type.shortNames.isEmpty { main[member: "shortNames"] = strings(type.shortNames) }
    if !type.categories.isEmpty { main[member: "categories"] = strings(type.categories) }
    if type.verbs.contains("watch") {
      main[member: "storageVersionHash"] = .string(storageHash(type))
    }
    return [main]
      + type.subresources.map { subresource in
        var body: JSONValue = [
          "kind": .string(subresource.kind),
          "name": .string("\(type.plural)/\(subresource.name)"),
          "namespaced": .bool(type.isNamespaced), "singularName": "",
          "verbs": strings(subresource.verbs),
        ]
        if !subresource.group.isEmpty {
          body[member: "group"] = .string(subresource.group)
          body[member: "version"] = .string(subresource.version)
        }
        return body
      }
  }

  private static func storageHash(_ type: ResourceType) -> String {
    // Both forms of events are stored as those of the core group.
    let group = type.kind == "Event" ? "" : type.group
    let isDefinition = type.kind == "CustomResourceDefinition"
    let version = isDefinition ? "v1beta1" : type.version
    let digest = SHA256.digest(Array("\(group)/\(version)/\(type.kind)".utf8))
    return Base64.padded(Array(digest.prefix(8)))
  }

  private static func strings(_ texts: [String]) -> JSONValue {
    .array(texts.map(JSONValue.string))
  }

  private func aggregate(_ group: Group) -> JSONValue {
    let versions = group.versions.map { version -> JSONValue in
      let types = types.filter { $0.group == group.name && $0.version == version }
      return [
        "freshness": "Current", "resources": .array(types.map(Self.aggregated)),
        "version": .string(version),
      ]
    }
    return [
      "metadata": group.name.isEmpty ? .object([]) : ["name": .string(group.name)],
      "versions": .array(versions),
    ]
  }

  private static func aggregated(_ type: ResourceType) -> JSONValue {
    let kind = { (group: String, version: String, kind: String) -> JSONValue in
      ["group": .string(group), "kind": .string(kind), "version": .string(version)]
    }
    // The server leaves group and version empty where they are those of the list.
    var body: JSONValue = [
      "resource": .string(type.plural),
      "responseKind": type.isCustom
        ? kind(type.group, type.version, type.kind) : kind("", "", type.kind),
      "scope": type.isNamespaced ? "Namespaced" : "Cluster",
      "singularResource": .string(type.singular), "verbs": strings(type.verbs),
    ]
    if !type.shortNames.isEmpty { body[member: "shortNames"] = strings(type.shortNames) }
    if !type.categories.isEmpty { body[member: "categories"] = strings(type.categories) }
    if !type.subresources.isEmpty {
      body[member: "subresources"] = .array(
        type.subresources.map { subresource in
          [
            "responseKind": kind(subresource.group, subresource.version, subresource.kind),
            "subresource": .string(subresource.name), "verbs": strings(subresource.verbs),
          ]
        })
    }
    return body
  }
}
