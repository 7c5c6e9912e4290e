import WindlassCore
import WindlassWire

/// Who may do what.
extension SimulatedAPIServer {
  /// Who sends a request.
  func authenticate(_ request: APIRequest) throws(APIFailure) -> UserIdentity {
    guard let header = request.header("Authorization") else {
      guard allowsAnonymous else { throw .unauthorized }
      return .anonymous
    }
    let token = header.hasPrefix("Bearer ") ? String(header.dropFirst(7)) : ""
    guard let user = tokens[token] else { throw .unauthorized }
    return user
  }

  /// Refuses what the user may not do.
  mutating func authorize(
    _ call: inout Call, group: String, words: [String]
  ) throws(APIFailure) {
    let attributes = AccessAttributes(
      verb: call.verb, group: group, resource: call.type.plural,
      subresource: call.subresource ?? "", name: call.name ?? "",
      namespace: call.namespace ?? "")
    let isGranted = grant(for: call.user, attributes) != nil
    let used = UsedRight(by: call.user.name, attributes, isGranted: isGranted)
    usedRights?.insert(used)
    requestCounts[used, default: 0] += 1
    guard !isGranted else { return }
    var type = call.type
    type.group = group
    let place =
      attributes.namespace.isEmpty
      ? "at the cluster scope" : "in the namespace \(quoted(attributes.namespace))"
    throw type.forbidden(
      attributes.name,
      "User \(quoted(call.user.name)) cannot \(attributes.verb) resource "
        + "\(quoted(attributes.fullResource)) in API group \(quoted(group)) \(place)")
  }

  /// What lets a user do something, in the words of a review; nil when nothing does.
  func grant(for user: UserIdentity, _ attributes: AccessAttributes) -> String? {
    if user.groups.contains("system:masters") { return "" }
    if user.groups.contains("system:authenticated"), attributes.isSelfReview { return "" }
    for rule in rules(for: user, in: attributes.namespace) where rule.allows(attributes) {
      return rule.reason
    }
    return nil
  }

  /// The rules that hold for a user in a namespace.
  func rules(for user: UserIdentity, in namespace: String) -> [AccessRule] {
    bindings("clusterrolebindings", in: "", for: user)
      + (namespace.isEmpty ? [] : bindings("rolebindings", in: namespace, for: user))
  }

  private func bindings(
    _ resource: String, in namespace: String, for user: UserIdentity
  ) -> [AccessRule] {
    let group = "rbac.authorization.k8s.io"
    let found = store.objects(
      of: "\(resource).\(group)", namespace: namespace.isEmpty ? nil : namespace)
    return found.flatMap { binding -> [AccessRule] in
      let subjects = binding.object["subjects"]?.elements ?? []
      guard let subject = subjects.first(where: { names(user, $0, namespace) }) else { return [] }
      let role = binding.object["roleRef"] ?? .object([])
      let kind = role["kind"]?.string ?? ""
      let name = role["name"]?.string ?? ""
      let key = ObjectKey(
        resource: (kind == "Role" ? "roles." : "clusterroles.") + group,
        namespace: kind == "Role" ? namespace : "", name: name)
      let reason = reason(binding.object, role: "\(kind) \(quoted(name))", subject)
      return (store.objects[key]?["rules"]?.elements ?? []).map {
        AccessRule(rule: $0, reason: reason)
      }
    }
  }

  private func names(_ user: UserIdentity, _ subject: JSONValue, _ namespace: String) -> Bool {
    let name = subject["name"]?.string ?? ""
    switch subject["kind"]?.string {
    case "User": return name == user.name
    case "Group": return user.groups.contains(name)
    default:
      let place = subject["namespace"]?.string ?? namespace
      return user.name == "system:serviceaccount:\(place):\(name)"
    }
  }

  private func reason(_ binding: JSONValue, role: String, _ subject: JSONValue) -> String {
    let text = { (value: JSONValue?) in value?.string ?? "" }
    let name = text(binding.at("metadata", "name"))
    let namespace = text(binding.at("metadata", "namespace"))
    let bindingName = namespace.isEmpty ? name : "\(name)/\(namespace)"
    let place = text(subject["namespace"])
    let subjectName = text(subject["name"]) + (place.isEmpty ? "" : "/\(place)")
    return "RBAC: allowed by \(text(binding["kind"])) \(quoted(bindingName)) of \(role) to "
      + "\(text(subject["kind"])) \(quoted(subjectName))"
  }
}

/// What someone wants to do.
struct AccessAttributes: Hashable, Sendable {
  var verb: String
  var group: String
  var resource: String
  var subresource: String
  var name: String
  var namespace: String

  /// Such as `deployments/scale`.
  var fullResource: String { subresource.isEmpty ? resource : "\(resource)/\(subresource)" }

  /// Whether this asks about the user's own rights, which everyone may.
  var isSelfReview: Bool {
    verb == "create" && resource.hasPrefix("selfsubject")
  }
}

/// One rule of a role that is bound to a user.
struct AccessRule: Hashable, Sendable {
  var rule: JSONValue
  var reason: String

  func allows(_ wanted: AccessAttributes) -> Bool {
    let has = { (name: String, value: String) -> Bool in
      let values = rule[name]?.elements ?? []
      return values.contains(.string(value)) || values.contains("*")
    }
    guard has("verbs", wanted.verb), has("apiGroups", wanted.group),
      has("resources", wanted.fullResource)
    else { return false }
    let names = rule["resourceNames"]?.elements ?? []
    return names.isEmpty || names.contains(.string(wanted.name))
  }
}
