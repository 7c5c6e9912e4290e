import SimulatedCluster
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// What `deploy/kustomize` makes of a cluster in which the namespace `shop` is watched, put there
/// as it stands in the files, without kustomize.
struct Installation: Sendable {
  /// The user that the operator is.
  static let user = "system:serviceaccount:windlass:windlass-operator"
  static let token = "operator-token"
  static let namespace = "shop"

  let documents: [DeployedDocument]

  /// What the files hold, read once.
  private static let files = Result {
    try ["crds", "kustomize/base", "kustomize/steps", "kustomize/overlays/namespaced/shop"]
      .flatMap { try DeployedDocument.all(in: $0) }
  }

  /// - Parameter allowed: What the ConfigMap `windlass-allowed` says; nil leaves it out.
  init(allowed: JSONValue? = Installation.allowed) throws {
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
  static let allowed: JSONValue = [
    "images": "registry.example/beacon,registry.example/web",
    "secrets": "beacon-db,beacon-scratch", "claims": "beacon-backups",
  ]

  /// Windlass's own image in the files.
  static let image = "registry.example/windlass@sha256:" + String(repeating: "0", count: 64)

  /// Makes everything, and lets the operator sign in; what it does is noted from now on.
  func put(into host: ClusterHost) async throws {
    for document in documents {
      guard let type = document.type else { throw Refusal(document: "\(document)", message: "?") }
      let answer = await Self.send("POST", type, document.object, to: host)
      guard (200..<300).contains(answer.status) || document.kind == "Namespace" else {
        throw Refusal(document: "\(document)", message: answer.text)
      }
    }
    await host.change { server in
      server.addUser(
        Self.user, groups: ["system:serviceaccounts", "system:serviceaccounts:windlass"],
        token: Self.token)
      server.usedRights = []
    }
  }

  /// A document that the server did not take.
  struct Refusal: Error {
    let document: String
    let message: String
  }

  /// Sends a document as an administrator, and is strict about it.
  static func send(
    _ method: String, _ type: ResourceType, _ object: KubernetesObject, to host: ClusterHost,
    query: String = "fieldValidation=Strict"
  ) async -> (status: Int, text: String, body: JSONValue) {
    var path = RequestPath(type, in: object.namespace)?.path ?? ""
    if method != "POST" { path += "/\(object.name)" }
    let answer = await host.respond(
      to: APIRequest(
        method: method, path: "\(path)?\(query)",
        headers: [
          HTTPHeader("Authorization", "Bearer admin-token"),
          HTTPHeader("Content-Type", "application/json"),
        ], body: object.body.bytes))
    guard case .json(let body) = answer.body else { return (answer.status, "", .null) }
    return (answer.status, body["message"]?.string ?? "", body)
  }
}

extension ClusterHost {
  /// What the operator did and was refused so far.
  func rights() -> Set<UsedRight> {
    change { server in
      (server.usedRights ?? []).filter { $0.user == Installation.user }
    }
  }
}
