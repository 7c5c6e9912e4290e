/// Something that a user wanted to do, in the words of a rule of a role.
package struct UsedRight: Hashable, Sendable, CustomStringConvertible {
  package var user: String
  /// Such as `get`, `list`, `patch`.
  package var verb: String
  /// Empty for the core group.
  package var group: String
  /// Such as `jobs`, or `managedservices/status`.
  package var resource: String
  /// Empty for what is in no namespace, or in all of them.
  package var namespace: String
  /// Whether the user might.
  package var isGranted: Bool

  init(by user: String, _ attributes: AccessAttributes, isGranted: Bool) {
    self.user = user
    self.isGranted = isGranted
    verb = attributes.verb
    group = attributes.group
    resource = attributes.fullResource
    namespace = attributes.namespace
  }

  package var description: String {
    "\(verb) \(group.isEmpty ? resource : "\(resource) of \(group)")"
      + (namespace.isEmpty ? "" : " in \(namespace)")
  }
}
