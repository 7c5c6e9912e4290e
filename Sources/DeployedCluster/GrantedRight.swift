import KubernetesFleet
package import WindlassSimulation
package import WindlassWire

/// A right as roles and as requests have it, whoever has it.
package struct Right: Hashable, Comparable, CustomStringConvertible, Sendable {
  package var verb: String
  package var group: String
  /// With a subresource behind a slash.
  package var resource: String
  /// Empty for the whole cluster.
  package var namespace: String

  package init(verb: String, group: String, resource: String, namespace: String) {
    self.verb = verb
    self.group = group
    self.resource = resource
    self.namespace = namespace
  }

  /// The right that a request of a user needed.
  package init(_ used: UsedRight) {
    self.init(
      verb: used.verb, group: used.group, resource: used.resource, namespace: used.namespace)
  }

  package var description: String {
    "\(verb) \(resource)\(group.isEmpty ? "" : ".\(group)")"
      + (namespace.isEmpty ? "" : " in \(namespace)")
  }

  /// As errors and the operator's log name it: `create jobs.batch in the namespace shop`.
  package var sentence: String {
    let parts = resource.split(separator: "/", maxSplits: 1).map(String.init)
    let plural = parts[0] + (group.isEmpty ? "" : ".\(group)")
    let place = namespace.isEmpty ? "in the cluster" : "in the namespace \(namespace)"
    return "\(verb) \(([plural] + parts.dropFirst()).joined(separator: "/")) \(place)"
  }

  package static func < (left: Right, right: Right) -> Bool { left.description < right.description }

  /// The rights that documents give to the operator's ServiceAccount, by its bindings.
  package static func granted(by documents: [DeployedDocument]) -> Set<Right> {
    var rights: Set<Right> = []
    for binding in documents where binding.kind.hasSuffix("RoleBinding") {
      let subjects = binding.object.body["subjects"]?.array ?? []
      guard subjects.contains(where: { $0["name"] == "windlass-operator" }) else { continue }
      let reference = binding.object.body["roleRef"]
      let role = documents.first {
        $0.kind == reference?["kind"]?.string && $0.object.name == reference?["name"]?.string
      }
      let namespace =
        binding.kind == "RoleBinding" ? binding.object.namespace ?? "" : ""
      for rule in role?.object.body["rules"]?.array ?? [] {
        rights.formUnion(Right.rights(of: rule, in: namespace))
      }
    }
    return rights
  }

  /// What one rule allows.
  package static func rights(of rule: JSONValue, in namespace: String) -> [Right] {
    let texts = { (name: String) in (rule[name]?.array ?? []).compactMap(\.string) }
    return texts("verbs").flatMap { verb in
      texts("apiGroups").flatMap { group in
        texts("resources").map { resource in
          Right(verb: verb, group: group, resource: resource, namespace: namespace)
        }
      }
    }
  }
}
