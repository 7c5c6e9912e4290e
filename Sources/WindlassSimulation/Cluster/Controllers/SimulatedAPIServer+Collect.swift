import WindlassCore
import WindlassWire

/// The garbage collector.
extension SimulatedAPIServer {
  /// Deletes what no owner wants any more, and lets owners go whose dependents are gone. One
  /// round does the one or the other; another one follows as long as there is something to do.
  ///
  /// `chosen` is the one object that is looked at, when a test leads the collector.
  mutating func collectGarbage(only chosen: ObjectKey? = nil) {
    guard chosen != nil || !areControllersLed else { return }
    // All of a round is decided by how things were when it began.
    let keys = chosen.map { [$0] } ?? store.takeSuspects()
    let dependents = keys.compactMap { key in
      store.objects[key].map { (key: key, object: $0) }
    }
    var owners: [String: JSONValue] = [:]
    for reference in dependents.flatMap({ $0.object.ownerReferences }) {
      let uid = reference["uid"]?.string ?? ""
      owners[uid] = store.index.key(of: uid).flatMap { store.objects[$0] }
    }
    var isChanged = false
    for (key, object) in dependents {
      isChanged = collect(object, key, owners) || isChanged
    }
    if !isChanged, chosen == nil { isChanged = release() }
    if isChanged { agenda.plan(.collect, at: now + .milliseconds(15)) }
  }

  /// Deletes or orphans one dependent; returns whether there was a need.
  private mutating func collect(
    _ object: JSONValue, _ key: ObjectKey, _ owners: [String: JSONValue]
  ) -> Bool {
    let references = object.ownerReferences
    guard !references.isEmpty, let type = type(storage: key.resource) else { return false }
    let holds = { (reference: JSONValue, finalizer: String) in
      owners[reference["uid"]?.string ?? ""]?.finalizers.contains(finalizer) ?? false
    }
    if references.contains(where: { holds($0, "orphan") }) {
      let kept = references.filter { !holds($0, "orphan") }
      var orphan = object
      orphan.set(
        kept.isEmpty ? nil : .array(kept), at: ["metadata", "ownerReferences"])
      controllerWrite(orphan, over: object, key, by: "kube-controller-manager")
      return true
    }
    let isWanted = references.contains { reference in
      owners[reference["uid"]?.string ?? ""] != nil && !holds(reference, "foregroundDeletion")
    }
    guard !isWanted, !object.isTerminating else { return false }
    _ = remove(object, key, type, DeleteOptions())
    return true
  }

  /// Takes the collector's finalizers from owners that nothing depends on any more.
  private mutating func release() -> Bool {
    var isChanged = false
    for key in store.index.terminating.sorted() {
      guard let object = store.objects[key], store.index.dependents(of: object.uid).isEmpty else {
        continue
      }
      let left = object.finalizers.filter { $0 != "foregroundDeletion" && $0 != "orphan" }
      guard left.count < object.finalizers.count else { continue }
      isChanged = true
      if left.isEmpty {
        store.remove(key, time: now)
      } else {
        var released = object
        released.set(.array(left.map(JSONValue.string)), at: ["metadata", "finalizers"])
        controllerWrite(released, over: object, key, by: "kube-controller-manager")
      }
    }
    return isChanged
  }
}

extension JSONValue {
  /// Who owns this object.
  fileprivate var ownerReferences: [JSONValue] {
    at("metadata", "ownerReferences")?.elements ?? []
  }
}
