/// A right that a request needs, in the words of roles and of `kubectl auth can-i`.
package struct AccessRight: Hashable, Sendable, CustomStringConvertible {
  /// Such as `get`, `list`, `patch`.
  package var verb: String
  package var type: ResourceType
  /// Such as `status`; nil for the object itself.
  package var subresource: String?
  /// Nil for what is in no namespace, and for all of them at once.
  package var namespace: String?

  /// `jobs.batch` or `managedservices.windlass.dev/status`.
  private var resource: String { type.display + (subresource.map { "/\($0)" } ?? "") }

  /// `create jobs.batch in the namespace shop`.
  package var description: String {
    let place = namespace.map { "in the namespace \($0)" }
    return "\(verb) \(resource) "
      + (place ?? (type.isNamespaced ? "in all namespaces" : "in the cluster"))
  }

  /// What asks the server whether the user has it.
  package var question: String {
    var words = "kubectl auth can-i \(verb) \(type.display)"
    if let subresource { words += " --subresource \(subresource)" }
    if let namespace { return words + " --namespace \(namespace)" }
    return type.isNamespaced ? words + " --all-namespaces" : words
  }
}

extension KubernetesClient.Order {
  /// The right that it needs; nil for what needs none, such as the server's version.
  var right: AccessRight? {
    guard let subject = path.subject else { return nil }
    return AccessRight(
      verb: verb.rawValue, type: subject.type, subresource: subject.subresource,
      namespace: subject.namespace)
  }
}
