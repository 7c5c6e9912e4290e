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
    let entries = store.objects.sorted { $0.key < $1.key }
    var owners: [String: JSONValue] = [:]
    for entry in entries { owners[entry.value.uid] = entry.value }
    var isChanged = false
    var blocked: Set<String> = []
    for (key, object) in entries {
      guard let references = object.at("metadata", "ownerReferences")?.elements else { continue }
      for reference in references { blocked.insert(reference["uid"]?.string ?? "") }
      guard chosen == nil || chosen == key else { continue }
      isChanged = collect(object, key, references, owners) || isChanged
    }
    if !isChanged, chosen == nil {
      isChanged = release(entries.map { ($0.key, $0.value) }, blocked)
    }
    if isChanged { agenda.plan(.collect, at: now + .milliseconds(15)) }
  }

  /// Deletes or orphans one dependent; returns whether there was a need.
  private mutating func collect(
    _ object: JSONValue, _ key: ObjectKey, _ references: [JSONValue],
    _ owners: [String: JSONValue]
  ) -> Bool {
    guard let type = types.first(where: { $0.storage == key.resource }) else { return false }
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
  private mutating func release(
    _ entries: [(ObjectKey, JSONValue)], _ blocked: Set<String>
  ) -> Bool {
    var isChanged = false
    for (key, object) in entries where object.isTerminating && !blocked.contains(object.uid) {
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
