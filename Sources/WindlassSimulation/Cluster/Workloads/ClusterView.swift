import WindlassCore
import WindlassWire

/// What a controller sees when its turn begins: the cluster as it was at one version.
///
/// Real controllers read from caches that run behind the server. Here a view is of the present,
/// unless a test asks for an earlier one.
struct ClusterView: Sendable {
  let store: ObjectStore
  /// Nil for the present.
  let version: Int64?
  let now: Timestamp
  /// Why the last pods of ReplicaSets could not be made.
  var refusals: [ObjectKey: String] = [:]

  /// The object of a key.
  func object(_ key: ObjectKey) -> JSONValue? {
    guard let version, version < store.revision else { return store.objects[key] }
    return objects(of: key.resource, in: key.namespace).first { $0.key == key }?.object
  }

  /// All objects of a resource in a namespace, in the order of their names.
  func objects(
    of resource: String, in namespace: String?
  ) -> [(key: ObjectKey, object: JSONValue)] {
    store.objects(of: resource, namespace: namespace, at: version)
  }

  /// The objects of a resource that an object controls.
  func dependents(of owner: JSONValue, _ resource: String) -> [JSONValue] {
    let entries =
      version.map { $0 < store.revision } ?? false
      ? objects(of: resource, in: owner.namespace) : store.dependents(of: owner.uid, resource)
    return entries.map(\.object).filter {
      $0.controller?["uid"]?.string == owner.uid
    }
  }
}

/// One write of a controller.
struct ControllerWrite: Sendable {
  enum Deed: Sendable {
    /// Make a new object.
    case create(JSONValue)
    /// Replace what is wanted of an object; fails if it was changed since it was seen.
    case update(JSONValue)
    /// Replace the status of an object, if it was not changed since it was seen.
    case status(JSONValue)
    /// Replace the status of an object whatever has happened to it.
    case latestStatus(JSONValue)
    /// Delete an object, if it is still the one of that uid.
    case delete(uid: String)
  }

  var key: ObjectKey
  var deed: Deed
}

/// What a controller does when it looks at one object.
struct ControllerTurn: Sendable {
  var writes: [ControllerWrite] = []
  /// When it wants to look again by itself.
  var again: Timestamp?

  mutating func lookAgain(at time: Timestamp) { again = min(again ?? time, time) }
}

/// A controller of workloads.
enum WorkloadController: String, Hashable, Sendable {
  case deployment = "deployments.apps"
  case replicaSet = "replicasets.apps"
  case statefulSet = "statefulsets.apps"
  case daemonSet = "daemonsets.apps"
  case disruptionBudget = "poddisruptionbudgets.policy"

  /// What the controller does about the object of a key.
  func turn(_ key: ObjectKey, _ view: ClusterView) -> ControllerTurn {
    guard let object = view.object(key) else { return ControllerTurn() }
    switch self {
    case .deployment:
      var turn = DeploymentTurn(object, view)
      return turn.run()
    case .replicaSet: return ReplicaSetTurn(object, view).run()
    case .statefulSet:
      var turn = StatefulSetTurn(object, view)
      return turn.run()
    case .daemonSet:
      var turn = DaemonSetTurn(object, view)
      return turn.run()
    case .disruptionBudget: return DisruptionTurn(object, view).run()
    }
  }
}

extension JSONValue {
  /// The object's name.
  var name: String { at("metadata", "name")?.string ?? "" }

  /// The namespace that holds the object.
  var namespace: String { at("metadata", "namespace")?.string ?? "" }

  /// The owner that controls the object.
  var controller: JSONValue? {
    at("metadata", "ownerReferences")?.elements.first { $0["controller"] == .bool(true) }
  }

  /// The number at a path, 0 when it is absent.
  func count(_ path: String...) -> Int64 { at(path)?.integer ?? 0 }

  /// The annotation of that name.
  func annotation(_ name: String) -> String? { at("metadata", "annotations", name)?.string }

  /// When the object was made.
  var created: String { at("metadata", "creationTimestamp")?.string ?? "" }

  /// The condition of that type in the object's status.
  func condition(_ type: String) -> JSONValue? {
    (at("status", "conditions")?.elements ?? []).first { $0["type"]?.string == type }
  }
}

extension Int64 {
  /// The number, or nil for 0, which statuses leave out.
  var orNothing: JSONValue? { self == 0 ? nil : .integer(self) }
}
