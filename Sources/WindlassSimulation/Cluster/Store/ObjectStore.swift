import WindlassCore
import WindlassWire

/// The name of one object in the store.
struct ObjectKey: Hashable, Sendable, Comparable {
  /// Resource and group, such as `deployments.apps`.
  var resource: String
  /// Empty for what no namespace holds.
  var namespace: String
  var name: String

  static func < (left: Self, right: Self) -> Bool {
    (left.resource, left.namespace, left.name) < (right.resource, right.namespace, right.name)
  }
}

/// One write in the order of versions.
struct StoreEvent: Hashable, Sendable {
  enum Kind: String, Sendable {
    case added = "ADDED"
    case modified = "MODIFIED"
    case deleted = "DELETED"
  }

  var revision: Int64
  var time: Timestamp
  var kind: Kind
  var key: ObjectKey
  /// The object after the write; after a deletion the last state, with the deletion's version.
  var object: JSONValue
  /// The object before the write.
  var previous: JSONValue?
}

/// All objects, one counter of versions, and the history back to the last compaction.
struct ObjectStore: Sendable {
  /// The version of the last write.
  private(set) var revision: Int64 = 0
  private(set) var objects: [ObjectKey: JSONValue] = [:]
  private(set) var history: [StoreEvent] = []
  /// Where objects are found by what they are.
  private(set) var index = ObjectIndex()
  /// Versions up to here can't be listed any more.
  private(set) var compacted: Int64 = 0

  /// Writes an object and returns it with its new version.
  mutating func put(_ object: JSONValue, at key: ObjectKey, time: Timestamp) -> JSONValue {
    revision += 1
    var object = object
    object.set(.string(String(revision)), at: ["metadata", "resourceVersion"])
    let previous = objects[key]
    objects[key] = object
    index.note(key, from: previous, to: object)
    record(
      StoreEvent(
        revision: revision, time: time, kind: previous == nil ? .added : .modified, key: key,
        object: object, previous: previous))
    return object
  }

  /// Deletes an object; what watches see of it is its last state with the deletion's version.
  mutating func remove(_ key: ObjectKey, time: Timestamp) {
    guard let previous = objects.removeValue(forKey: key) else { return }
    index.note(key, from: previous, to: nil)
    revision += 1
    var object = previous
    object.set(.string(String(revision)), at: ["metadata", "resourceVersion"])
    record(
      StoreEvent(
        revision: revision, time: time, kind: .deleted, key: key, object: object,
        previous: previous))
  }

  /// Objects that the garbage collector has to look at, in order; it is taken to do so.
  mutating func takeSuspects() -> [ObjectKey] { index.takeSuspects().sorted() }

  private mutating func record(_ event: StoreEvent) {
    history.append(event)
    guard history.count > historyMax else { return }
    let dropped = history.count / 2
    compacted = history[dropped - 1].revision
    history.removeFirst(dropped)
  }

  /// Events that are kept before the older half is dropped.
  var historyMax = 200_000

  /// Forgets what happened up to a version: it can't be listed any more.
  mutating func compact(through revision: Int64) { compacted = max(compacted, revision) }

  /// Objects of a resource at a version, in the order of their keys.
  func objects(
    of resource: String, namespace: String?, at version: Int64? = nil
  ) -> [(key: ObjectKey, object: JSONValue)] {
    guard let version, version < revision else {
      return entries(index.keys(of: resource, in: namespace))
    }
    var state: [ObjectKey: JSONValue] = [:]
    for key in index.keys(of: resource, in: namespace) { state[key] = objects[key] }
    for event in history.reversed() {
      guard event.revision > version else { break }
      guard event.key.resource == resource,
        namespace == nil || event.key.namespace == namespace
      else { continue }
      state[event.key] = event.previous
    }
    return state.sorted { $0.key < $1.key }.map { (key: $0.key, object: $0.value) }
  }

  /// Objects of a resource that have all of these labels now, in the order of their keys; without
  /// labels all of the resource.
  func objects(
    of resource: String, namespace: String?, with labels: [(name: String, value: String)]
  ) -> [(key: ObjectKey, object: JSONValue)] {
    entries(
      index.keys(of: resource, in: namespace, with: labels)
        ?? index.keys(of: resource, in: namespace))
  }

  /// Objects of a resource that name an owner of that uid now, in the order of their keys.
  func dependents(
    of uid: String, _ resource: String
  ) -> [(key: ObjectKey, object: JSONValue)] {
    entries(index.dependents(of: uid).filter { $0.resource == resource })
  }

  private func entries(
    _ keys: some Sequence<ObjectKey>
  ) -> [(key: ObjectKey, object: JSONValue)] {
    keys.sorted().compactMap { key in objects[key].map { (key: key, object: $0) } }
  }

  /// The place in the history of the first event after a version.
  func index(after version: Int64) -> Int {
    var low = 0
    var high = history.count
    while low < high {
      let middle = (low + high) / 2
      if history[middle].revision > version { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
