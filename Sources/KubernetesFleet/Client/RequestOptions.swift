package import WindlassWire

/// A change of an object, in one of the forms that servers take.
package enum Patch: Hashable, Sendable {
  /// Members replace those of the object, null removes them; lists are replaced whole.
  case merge(JSONValue)
  /// Operations of RFC 6902.
  case json([JSONValue])
  /// Lists are merged by their keys; built-in kinds alone take it.
  case strategic(JSONValue)

  var mediaType: String {
    switch self {
    case .merge: "application/merge-patch+json"
    case .json: "application/json-patch+json"
    case .strategic: "application/strategic-merge-patch+json"
    }
  }

  var body: JSONValue {
    switch self {
    case .merge(let value), .strategic(let value): value
    case .json(let operations): .array(operations)
    }
  }
}

/// What must still hold when a change is made.
package struct Preconditions: Hashable, Sendable {
  package var uid: String?
  package var resourceVersion: String?

  package init(uid: String? = nil, resourceVersion: String? = nil) {
    self.uid = uid
    self.resourceVersion = resourceVersion
  }

  /// Nothing must hold.
  package static let none = Preconditions()
}

/// What becomes of the objects that a deleted one owns. There is no default: that of a Job, set for
/// old clients, leaves its pods running without an owner.
package enum Propagation: String, Hashable, Sendable {
  /// The object goes at once, what it owns soon after.
  case background = "Background"
  /// What it owns goes first.
  case foreground = "Foreground"
  /// What it owns stays.
  case orphan = "Orphan"
}

/// What a deletion has come to.
package enum Deletion: Hashable, Sendable {
  /// The object of that uid is gone.
  case gone
  /// The object waits for its finalizers or its grace period.
  case begun(KubernetesObject)
  /// There was none.
  case absent
}

/// Whether an apply may take fields from other managers.
package enum FieldOwnership: Hashable, Sendable {
  /// A field of another manager is an error (`ownedByOthers`).
  case respected
  /// Fields are taken over; for the one time that a person has written `adopt: true`.
  case taken
}

/// How much a request may wait for others.
package enum RequestClass: Hashable, Sendable {
  /// In turn with the others.
  case ordinary
  /// At once and within seconds: the renewal of a Lease must not wait for a thousand lists.
  case urgent
}

/// Which objects a list or watch is about.
package struct Selection: Hashable, Sendable, CustomStringConvertible {
  package var type: ResourceType
  /// Nil for all namespaces.
  package var namespace: String?
  package var labels: String?
  package var fields: String?

  package init(
    _ type: ResourceType, in namespace: String? = nil, labels: String? = nil,
    fields: String? = nil
  ) {
    self.type = type
    self.namespace = namespace
    self.labels = labels
    self.fields = fields
  }

  /// `pods in shop`.
  package var description: String {
    let place = type.isNamespaced ? namespace ?? "all namespaces" : nil
    return type.display + (place.map { " in \($0)" } ?? "")
  }

  var query: [String: String] {
    var query: [String: String] = [:]
    query["labelSelector"] = labels
    query["fieldSelector"] = fields
    return query
  }
}
