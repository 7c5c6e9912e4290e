import WindlassCore
import WindlassWire

/// Answers to questions about rights, and tokens of ServiceAccounts.
extension SimulatedAPIServer {
  /// The answer to a review; nil when the call asks for something else.
  func review(_ call: Call) throws(APIFailure) -> APIResponse? {
    guard ["authorization.k8s.io", "authentication.k8s.io"].contains(call.type.group) else {
      return nil
    }
    var read = call
    let sent = try decode(&read)
    var body: JSONValue = [
      "apiVersion": .string(call.type.groupVersion), "kind": .string(call.type.kind),
      "metadata": .object([]),
    ]
    switch call.type.kind {
    case "SelfSubjectAccessReview":
      body[member: "spec"] = sent["spec"] ?? .object([])
      body[member: "status"] = accessStatus(sent["spec"]?["resourceAttributes"], call.user)
      body.set(owners(of: sent, read), at: ["metadata", "managedFields"])
    case "SelfSubjectRulesReview":
      body[member: "spec"] = .object([])
      let namespace = sent.at("spec", "namespace")?.string ?? ""
      body[member: "status"] = rulesStatus(call.user, namespace)
    case "SelfSubjectReview":
      body[member: "status"] = ["userInfo": userInfo(call.user)]
      body.set(.string(now.rfc3339), at: ["metadata", "creationTimestamp"])
    default: throw .methodNotAllowed
    }
    return .json(body, status: 201)
  }

  /// Who wrote the specification of something that is answered and not stored.
  private func owners(of sent: JSONValue, _ call: Call) -> JSONValue? {
    var managed = ManagedFields(nil)
    managed.recordUpdate(
      FieldSchema.anything.changes(
        from: ["spec": .object([])], to: ["spec": sent["spec"] ?? .object([])]),
      by: call.writer("Update", at: now), ignoring: FieldSet())
    return managed.json
  }

  private func accessStatus(_ wanted: JSONValue?, _ user: UserIdentity) -> JSONValue {
    let text = { (name: String) in wanted?[name]?.string ?? "" }
    let attributes = AccessAttributes(
      verb: text("verb"), group: text("group"), resource: text("resource"),
      subresource: text("subresource"), name: text("name"), namespace: text("namespace"))
    guard let reason = grant(for: user, attributes) else { return ["allowed": false] }
    return reason.isEmpty
      ? ["allowed": true] : ["allowed": true, "reason": .string(reason)]
  }

  private func rulesStatus(_ user: UserIdentity, _ namespace: String) -> JSONValue {
    let own: [JSONValue] = [
      [
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        "verbs": ["create"],
      ],
      [
        "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"],
        "verbs": ["create"],
      ],
    ]
    return [
      "incomplete": false,
      "nonResourceRules": .array(
        Self.openPaths.map { paths in
          ["nonResourceURLs": .array(paths.map(JSONValue.string)), "verbs": ["get"]]
        }), "resourceRules": .array(own + rules(for: user, in: namespace).map(\.rule)),
    ]
  }

  /// Paths that every user may read.
  private static let openPaths = [
    [
      "/.well-known/openid-configuration", "/.well-known/openid-configuration/",
      "/openid/v1/jwks", "/openid/v1/jwks/",
    ],
    ["/healthz", "/livez", "/readyz", "/version", "/version/"],
    ["/.well-known", "/.well-known/*"],
    [
      "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*",
      "/readyz", "/version", "/version/",
    ],
  ]

  private func userInfo(_ user: UserIdentity) -> JSONValue {
    var body: JSONValue = [
      "groups": .array(user.groups.map(JSONValue.string)), "username": .string(user.name),
    ]
    if let uid = user.uid {
      body[member: "uid"] = .string(uid)
      let credential = tokens.filter { $0.value == user }.keys.min() ?? ""
      body[member: "extra"] = [
        "authentication.kubernetes.io/credential-id": [.string("JTI=\(credential)")]
      ]
    }
    return body
  }

  /// A token for a ServiceAccount.
  mutating func issueToken(_ call: Call) throws(APIFailure) -> APIResponse {
    guard let account = store.objects[call.key] else {
      throw call.type.notFound(call.name ?? "")
    }
    var read = call
    read.type.schema = .anything
    read.type.kind = "TokenRequest"
    read.type.group = "authentication.k8s.io"
    read.type.version = "v1"
    let sent = try decode(&read)
    let seconds = sent.at("spec", "expirationSeconds")?.integer ?? 3_600
    let namespace = call.namespace ?? ""
    let token = makeIdentity()
    tokens[token] = UserIdentity(
      name: "system:serviceaccount:\(namespace):\(call.name ?? "")",
      groups: [
        "system:serviceaccounts", "system:serviceaccounts:\(namespace)", "system:authenticated",
      ], uid: account.uid)
    var metadata: JSONValue = [
      "creationTimestamp": .string(now.rfc3339), "name": .string(call.name ?? ""),
      "namespace": .string(namespace), "uid": .string(account.uid),
    ]
    metadata[member: "managedFields"] = owners(of: sent, read)
    return .json(
      [
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": metadata,
        "spec": [
          "audiences": ["https://kubernetes.default.svc"], "boundObjectRef": .null,
          "expirationSeconds": .integer(seconds),
        ],
        "status": [
          "expirationTimestamp": .string((now + .seconds(seconds)).rfc3339),
          "token": .string(token),
        ],
      ], status: 201)
  }
}
