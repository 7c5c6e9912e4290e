import WindlassWire

/// Finds the keys of stored objects without looking at every object: by resource and namespace, by
/// label, by owner, and those that are being deleted.
struct ObjectIndex: Sendable {
  /// A label with its value, of objects of one resource.
  private struct Label: Hashable, Sendable {
    var resource: String
    var name: String
    var value: String
  }

  /// Resource, namespace, keys.
  private var places: [String: [String: Set<ObjectKey>]] = [:]
  private var labelled: [Label: Set<ObjectKey>] = [:]
  /// The uid of an owner, keys of what it owns.
  private var owned: [String: Set<ObjectKey>] = [:]
  private var holders: [String: ObjectKey] = [:]
  /// Objects that the garbage collector has to look at: they got another owner, or an owner of
  /// theirs went or began to go. Nothing else makes an object one that nobody wants.
  private(set) var suspects: Set<ObjectKey> = []
  /// Objects that are being deleted.
  private(set) var terminating: Set<ObjectKey> = []

  // MARK: - Finding

  /// Resources that have objects.
  var resources: Dictionary<String, [String: Set<ObjectKey>]>.Keys { places.keys }

  /// Keys of a resource in a namespace, or in all, in no order.
  func keys(of resource: String, in namespace: String?) -> [ObjectKey] {
    guard let found = places[resource] else { return [] }
    if let namespace { return Array(found[namespace] ?? []) }
    return found.values.flatMap { $0 }
  }

  /// Keys of a resource in a namespace that have all of these labels; nil when there are none to
  /// look for.
  func keys(
    of resource: String, in namespace: String?, with labels: [(name: String, value: String)]
  ) -> [ObjectKey]? {
    let sets = labels.map {
      labelled[Label(resource: resource, name: $0.name, value: $0.value)] ?? []
    }
    guard let least = sets.min(by: { $0.count < $1.count }) else { return nil }
    return least.filter { key in
      (namespace == nil || key.namespace == namespace) && sets.allSatisfy { $0.contains(key) }
    }
  }

  /// Keys of everything in a namespace, in no order.
  func keys(in namespace: String) -> [ObjectKey] {
    places.values.flatMap { $0[namespace] ?? [] }
  }

  /// Keys of what names an owner of that uid.
  func dependents(of uid: String) -> Set<ObjectKey> { owned[uid] ?? [] }

  /// The key of the object with that uid.
  func key(of uid: String) -> ObjectKey? { holders[uid] }

  // MARK: - Keeping

  /// Takes notice of a write: the object before it and after it, nil where there is none.
  mutating func note(_ key: ObjectKey, from old: JSONValue?, to new: JSONValue?) {
    if old == nil { places[key.resource, default: [:]][key.namespace, default: []].insert(key) }
    if new == nil {
      places[key.resource]?[key.namespace]?.remove(key)
      if places[key.resource]?[key.namespace]?.isEmpty == true {
        places[key.resource]?[key.namespace] = nil
      }
    }
    noteLabels(key, from: old, to: new)
    noteOwners(key, from: old, to: new)
    noteOwner(from: old, to: new)
    if old?.uid != new?.uid {
      if let old { holders[old.uid] = nil }
      if let new { holders[new.uid] = key }
    }
    if new?.isTerminating ?? false { terminating.insert(key) } else { terminating.remove(key) }
  }

  private mutating func noteLabels(_ key: ObjectKey, from old: JSONValue?, to new: JSONValue?) {
    let before = old?.at("metadata", "labels")
    let after = new?.at("metadata", "labels")
    guard before != after else { return }
    for member in before?.members ?? [] {
      let label = Label(resource: key.resource, name: member.name, value: member.value.string ?? "")
      labelled[label]?.remove(key)
      if labelled[label]?.isEmpty == true { labelled[label] = nil }
    }
    for member in after?.members ?? [] {
      let label = Label(resource: key.resource, name: member.name, value: member.value.string ?? "")
      labelled[label, default: []].insert(key)
    }
  }

  private mutating func noteOwners(_ key: ObjectKey, from old: JSONValue?, to new: JSONValue?) {
    let before = old?.at("metadata", "ownerReferences")
    let after = new?.at("metadata", "ownerReferences")
    guard before != after else { return }
    for owner in before?.elements ?? [] {
      let uid = owner["uid"]?.string ?? ""
      owned[uid]?.remove(key)
      if owned[uid]?.isEmpty == true { owned[uid] = nil }
    }
    for owner in after?.elements ?? [] {
      owned[owner["uid"]?.string ?? "", default: []].insert(key)
      suspects.insert(key)
    }
    if after == nil { suspects.remove(key) }
  }

  /// Suspects what an object owns, when the object goes or tells how its own are to go.
  private mutating func noteOwner(from old: JSONValue?, to new: JSONValue?) {
    guard let old, let dependents = owned[old.uid], !dependents.isEmpty else { return }
    let isGone = new?.uid != old.uid
    let held = Set(new?.finalizers ?? []).subtracting(old.finalizers)
    guard isGone || !held.isDisjoint(with: ["foregroundDeletion", "orphan"]) else { return }
    suspects.formUnion(dependents)
  }

  /// The suspects, which are then looked at.
  mutating func takeSuspects() -> Set<ObjectKey> {
    defer { suspects = [] }
    return suspects
  }
}
