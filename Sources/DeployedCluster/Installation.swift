package import KubernetesFleet
package import WindlassSimulation
package import WindlassWire

/// What `deploy/kustomize` makes of a cluster in which the namespace `shop` is watched, put there
/// as it stands in the files, without kustomize.
package struct Installation: Sendable {
  /// The user that the operator is.
  package static let user = "system:serviceaccount:windlass:windlass-operator"
  package static let token = "operator-token"
  package static let namespace = "shop"
  /// The token of the administrator that a cluster must know.
  package static let administrator = "admin-token"

  package let documents: [DeployedDocument]

  /// What the files hold, read once.
  private static let files = Result {
    try [
      "crds", "kustomize/base", "kustomize/operator", "kustomize/steps",
      "kustomize/overlays/namespaced/shop",
    ]
    .flatMap { try DeployedDocument.all(in: $0) }
  }

  /// - Parameter allowed: What the ConfigMap `windlass-allowed` says; nil leaves it out.
  package init(allowed: JSONValue? = Installation.allowed) throws {
    documents = try Self.files.get().filter { $0.kind != "Kustomization" }.compactMap { one in
      var one = one
      if one.path.hasPrefix("kustomize/steps") || one.path.hasPrefix("kustomize/overlays") {
        one.object.body = one.object.body.setting(
          ["metadata", "namespace"], to: .string(Self.namespace))
      }
      guard one.kind == "ConfigMap" else { return one }
      guard let allowed else { return nil }
      one.object.body = one.object.body.setting("data", to: allowed)
      return one
    }
  }

  /// What the tests' services use.
  package static let allowed: JSONValue = [
    "images": "registry.example/beacon,registry.example/web",
    "secrets": "beacon-db,beacon-scratch", "claims": "beacon-backups",
  ]

  /// Windlass's own image in the files.
  package static let image = "registry.example/windlass@sha256:" + String(repeating: "0", count: 64)

  /// Makes everything as an administrator.
  ///
  /// - Parameter ask: Has the cluster answer a request.
  package func put(_ ask: (APIRequest) async -> APIResponse) async throws {
    for document in documents {
      guard let type = document.type else { throw Refusal(document: "\(document)", message: "?") }
      let answer = await Self.send("POST", type, document.object, ask)
      guard (200..<300).contains(answer.status) || document.kind == "Namespace" else {
        throw Refusal(document: "\(document)", message: answer.text)
      }
    }
  }

  /// A document that the server did not take.
  package struct Refusal: Error {
    package let document: String
    package let message: String
  }

  /// Sends a document as the administrator, and is strict about it.
  package static func send(
    _ method: String, _ type: ResourceType, _ object: KubernetesObject,
    query: String = "fieldValidation=Strict",
    _ ask: (APIRequest) async -> APIResponse
  ) async -> (status: Int, text: String, body: JSONValue) {
    var path = RequestPath(type, in: object.namespace)?.path ?? ""
    if method != "POST" { path += "/\(object.name)" }
    let answer = await ask(
      APIRequest(
        method: method, path: "\(path)?\(query)",
        headers: [
          HTTPHeader("Authorization", "Bearer \(administrator)"),
          HTTPHeader("Content-Type", "application/json"),
        ], body: object.body.bytes))
    guard case .json(let body) = answer.body else { return (answer.status, "", .null) }
    return (answer.status, body["message"]?.string ?? "", body)
  }
}

extension Installation {
  /// Lets the operator do all, so that what it does is seen whether it has the right or not.
  package static func allowAll(_ ask: (APIRequest) async -> APIResponse) async throws {
    let group = "rbac.authorization.k8s.io"
    let all: JSONValue = ["*"]
    let name: JSONValue = ["name": "everything"]
    let role = KubernetesObject([
      "apiVersion": .string("\(group)/v1"), "kind": "ClusterRole", "metadata": name,
      "rules": [["apiGroups": all, "resources": all, "verbs": all]],
    ])
    let binding = KubernetesObject([
      "apiVersion": .string("\(group)/v1"), "kind": "ClusterRoleBinding", "metadata": name,
      "roleRef": [
        "apiGroup": .string(group), "kind": "ClusterRole", "name": "everything",
      ],
      "subjects": [
        ["kind": "ServiceAccount", "name": "windlass-operator", "namespace": "windlass"]
      ],
    ])
    for object in [role, binding] {
      let document = DeployedDocument(path: "everything", object: object)
      guard let type = document.type else { continue }
      let answer = await send("POST", type, object, ask)
      guard answer.status == 201 else {
        throw Refusal(document: "\(document)", message: answer.text)
      }
    }
  }

  /// Takes a right out of the role that gives it, or puts the role back, as an administrator.
  package func change(
    _ right: Right, isGranted: Bool, _ ask: (APIRequest) async -> APIResponse
  ) async throws {
    for document in documents where document.kind.hasSuffix("Role") {
      var role = document.object
      guard let type = document.type else { continue }
      if !isGranted {
        let rules = (role.body["rules"]?.array ?? []).flatMap { Self.without(right, $0) }
        role.body = role.body.setting("rules", to: .array(rules))
      }
      let answer = await Self.send("PUT", type, role, ask)
      guard answer.status == 200 else {
        throw Refusal(document: "\(document)", message: answer.text)
      }
    }
  }

  /// A rule as single ones, without those that give the right.
  private static func without(_ right: Right, _ rule: JSONValue) -> [JSONValue] {
    Right.rights(of: rule, in: right.namespace).filter { $0 != right }.map { one in
      rule.setting("verbs", to: [.string(one.verb)])
        .setting("apiGroups", to: [.string(one.group)])
        .setting("resources", to: [.string(one.resource)])
    }
  }
}
