import WindlassWire

/// What a local copy of a collection has learnt.
package enum CacheChange: Hashable, Sendable {
  case added(KubernetesObject)
  case updated(from: KubernetesObject, to: KubernetesObject)
  case removed(KubernetesObject)
  /// Nothing is new; said now and then, so that a decision that went wrong is made again.
  case resynced(KubernetesObject)

  /// The object as it is, or was last.
  package var object: KubernetesObject {
    switch self {
    case .added(let object), .updated(_, let object), .removed(let object), .resynced(let object):
      object
    }
  }
}

/// A local copy of a collection with indexes, as a value.
package struct ObjectCache: Sendable {
  /// Under which words an object is found.
  package typealias Index = @Sendable (KubernetesObject) -> [String]

  private var objects: [ObjectKey: KubernetesObject] = [:]
  private let indexes: [String: Index]
  private let keep: @Sendable (KubernetesObject) -> KubernetesObject
  /// Index, word, keys.
  private var found: [String: [String: Set<ObjectKey>]] = [:]
  /// Uids of the latest that were removed: what is told of them late is not believed.
  private var gone: [String] = []
  private static let goneMax = 1_024

  /// An empty copy.
  ///
  /// - Parameter keep: What is kept of an object once its change is told: its name, uid and version
  ///   at least, and what the indexes look at.
  package init(
    indexes: [String: Index] = [:],
    keep: @escaping @Sendable (KubernetesObject) -> KubernetesObject = { $0 }
  ) {
    self.indexes = indexes
    self.keep = keep
  }

  package var count: Int { objects.count }

  /// All keys in order.
  package var keys: [ObjectKey] { objects.keys.sorted() }

  /// All objects in the order of their keys.
  package var all: [KubernetesObject] { keys.compactMap { objects[$0] } }

  package subscript(_ key: ObjectKey) -> KubernetesObject? { objects[key] }

  /// The objects that an index has under a word, in the order of their keys.
  package func objects(_ index: String, _ word: String) -> [KubernetesObject] {
    (found[index]?[word] ?? []).sorted().compactMap { objects[$0] }
  }

  /// Takes over a whole list, and tells what differs from before.
  package mutating func replace(with list: [KubernetesObject]) -> [CacheChange] {
    var changes: [CacheChange] = []
    let listed = Set(list.map(\.key))
    for key in keys where !listed.contains(key) {
      if let old = take(key) { changes.append(.removed(old)) }
    }
    for object in list {
      let old = take(object.key)
      insert(object)
      guard let old else {
        changes.append(.added(object))
        continue
      }
      if old.uid != object.uid {
        // The old one was deleted and another one made in between; whoever counts must see both.
        changes += [.removed(old), .added(object)]
      } else if old.resourceVersion != object.resourceVersion {
        changes.append(.updated(from: old, to: object))
      }
    }
    gone = []
    return changes
  }

  /// Takes over one object; what is not newer than the copy changes nothing.
  package mutating func put(_ object: KubernetesObject) -> [CacheChange] {
    guard !gone.contains(object.uid) else { return [] }
    guard let old = objects[object.key] else {
      insert(object)
      return [.added(object)]
    }
    if old.uid != object.uid {
      _ = take(object.key)
      note(old.uid)
      insert(object)
      return [.removed(old), .added(object)]
    }
    guard ObjectCache.isNewer(object.resourceVersion, than: old.resourceVersion) else { return [] }
    _ = take(object.key)
    insert(object)
    return [.updated(from: old, to: object)]
  }

  /// Removes one object, unless another one has its name by now.
  package mutating func remove(_ object: KubernetesObject) -> [CacheChange] {
    note(object.uid)
    guard let old = objects[object.key], old.uid == object.uid else { return [] }
    _ = take(object.key)
    return [.removed(object)]
  }

  /// Whether a version is newer than another of the same object. Versions that are no numbers are
  /// only equal or not.
  static func isNewer(_ version: String, than other: String) -> Bool {
    guard let left = UInt64(version), let right = UInt64(other) else { return version != other }
    return left > right
  }

  private mutating func note(_ uid: String) {
    gone.append(uid)
    if gone.count > ObjectCache.goneMax { gone.removeFirst(ObjectCache.goneMax / 2) }
  }

  private mutating func insert(_ object: KubernetesObject) {
    objects[object.key] = keep(object)
    for (name, index) in indexes {
      for word in index(object) { found[name, default: [:]][word, default: []].insert(object.key) }
    }
  }

  private mutating func take(_ key: ObjectKey) -> KubernetesObject? {
    guard let old = objects.removeValue(forKey: key) else { return nil }
    for (name, index) in indexes {
      for word in index(old) {
        found[name]?[word]?.remove(key)
        if found[name]?[word]?.isEmpty == true { found[name]?[word] = nil }
      }
    }
    return old
  }
}
