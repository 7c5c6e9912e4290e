package import WindlassWire

/// One object of any kind, as the server sent it or is to get it.
package struct KubernetesObject: Hashable, Sendable {
  /// The whole document.
  package var body: JSONValue

  package init(_ body: JSONValue) { self.body = body }

  /// A new object of a kind with a name.
  package init(_ reference: ObjectReference, _ members: [JSONMember] = []) {
    var metadata = [JSONMember("name", .string(reference.name))]
    if let namespace = reference.namespace {
      metadata.append(JSONMember("namespace", .string(namespace)))
    }
    body = .object(
      [
        JSONMember("apiVersion", .string(reference.type.apiVersion)),
        JSONMember("kind", .string(reference.type.kind)),
        JSONMember("metadata", .object(metadata)),
      ] + members)
  }

  package var metadata: JSONValue { body["metadata"] ?? .object([]) }
  package var name: String { metadata["name"]?.string ?? "" }
  package var namespace: String? { metadata["namespace"]?.string }
  package var uid: String { metadata["uid"]?.string ?? "" }
  package var resourceVersion: String { metadata["resourceVersion"]?.string ?? "" }
  /// Grows when the wish changes, not when its state is told; 0 for kinds that have none.
  package var generation: Int64 { metadata["generation"]?.integer ?? 0 }
  /// Whether somebody has deleted it and something holds it still.
  package var isDeleting: Bool { metadata["deletionTimestamp"]?.string != nil }
  package var finalizers: [String] {
    (metadata["finalizers"]?.array ?? []).compactMap(\.string)
  }
  package var labels: [String: String] { texts(metadata["labels"]) }
  package var annotations: [String: String] { texts(metadata["annotations"]) }

  /// Its namespace and name.
  package var key: ObjectKey { ObjectKey(namespace: namespace ?? "", name: name) }

  /// The uid of the owner that controls it.
  package var controllerUID: String? {
    metadata["ownerReferences"]?.array?.first { $0["controller"]?.bool == true }?["uid"]?.string
  }

  /// What must hold for it to be the object that was read, unchanged.
  package var unchanged: Preconditions {
    Preconditions(uid: uid, resourceVersion: resourceVersion)
  }

  /// What must hold for it to be the object that was read, whatever has changed since.
  package var same: Preconditions { Preconditions(uid: uid) }

  private func texts(_ value: JSONValue?) -> [String: String] {
    let pairs = (value?.object ?? []).compactMap { member in
      member.value.string.map { (member.name, $0) }
    }
    return Dictionary(pairs) { first, _ in first }
  }
}

/// Namespace and name of an object; the namespace is empty for kinds that have none.
package struct ObjectKey: Hashable, Sendable, Comparable, CustomStringConvertible {
  package var namespace: String
  package var name: String

  package init(namespace: String, name: String) {
    self.namespace = namespace
    self.name = name
  }

  package static func < (left: ObjectKey, right: ObjectKey) -> Bool {
    (left.namespace, left.name) < (right.namespace, right.name)
  }

  package var description: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }
}

/// All objects of a kind at one version of the store.
package struct ObjectList: Hashable, Sendable {
  package var objects: [KubernetesObject]
  package var resourceVersion: String
}

/// A kind that has a type of its own, read from an object and written as one.
package protocol TypedObject: Sendable {
  /// Where the server keeps it.
  static var type: ResourceType { get }

  /// Reads an object of this kind.
  init(_ object: KubernetesObject) throws(ObjectError)

  /// The object to be sent.
  var object: KubernetesObject { get }
}

/// An object that is not what its kind says.
package struct ObjectError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Such as `spec.source.manifest.url`.
  package var field: String
  /// What was found, as the rest of a sentence that begins with the field.
  package var found: String
  /// What is allowed, as a sentence.
  package var allowed: String

  package init(_ field: String, _ found: String, allowed: String) {
    self.field = field
    self.found = found
    self.allowed = allowed
  }

  package var description: String { "\(field) \(found). \(allowed)" }
}
