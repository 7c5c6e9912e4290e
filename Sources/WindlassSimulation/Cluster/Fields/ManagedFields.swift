import WindlassCore
import WindlassWire

/// Who owns which fields of one object.
struct ManagedFields: Hashable, Sendable {
  /// What one manager owns through one operation and subresource.
  struct Entry: Hashable, Sendable {
    var manager: String
    var operation: String
    var apiVersion: String
    var subresource: String
    var time: String?
    var set: FieldSet

    /// Whether both are the same manager.
    func isSameManager(as other: Entry) -> Bool {
      manager == other.manager && operation == other.operation
        && (operation == "Apply" || apiVersion == other.apiVersion)
        && subresource == other.subresource
    }
  }

  var entries: [Entry] = []

  /// Reads `metadata.managedFields`.
  init(_ value: JSONValue?) {
    entries = (value?.elements ?? []).map { entry in
      Entry(
        manager: entry["manager"]?.string ?? "", operation: entry["operation"]?.string ?? "",
        apiVersion: entry["apiVersion"]?.string ?? "",
        subresource: entry["subresource"]?.string ?? "", time: entry["time"]?.string,
        set: FieldSet(json: entry["fieldsV1"] ?? .object([])))
    }
  }

  /// What `metadata.managedFields` holds; nil when nobody owns anything.
  var json: JSONValue? {
    let kept = entries.filter { !$0.set.isEmpty }.sorted(by: Self.isBefore)
    guard !kept.isEmpty else { return nil }
    return .array(
      kept.map { entry in
        var value: JSONValue = [
          "apiVersion": .string(entry.apiVersion), "fieldsType": "FieldsV1",
          "fieldsV1": entry.set.json, "manager": .string(entry.manager),
          "operation": .string(entry.operation),
        ]
        if !entry.subresource.isEmpty {
          value[member: "subresource"] = .string(entry.subresource)
        }
        if let time = entry.time { value[member: "time"] = .string(time) }
        return value
      })
  }

  private static func isBefore(_ left: Entry, _ right: Entry) -> Bool {
    let first = [
      left.operation, left.time ?? "", left.manager, left.apiVersion, left.subresource,
    ]
    let second = [
      right.operation, right.time ?? "", right.manager, right.apiVersion, right.subresource,
    ]
    return first.lexicographicallyPrecedes(second)
  }

  /// Takes from everyone but `keeper` what a change touched, and returns who had what of it.
  private mutating func take(
    _ changes: FieldChanges, keeping keeper: Entry?
  ) -> [(Entry, FieldSet)] {
    var losses: [(Entry, FieldSet)] = []
    let touched = changes.modified.union(changes.added)
    for index in entries.indices {
      if let keeper, entries[index].isSameManager(as: keeper) { continue }
      let lost = entries[index].set.intersection(touched)
      if !lost.isEmpty { losses.append((entries[index], lost)) }
      entries[index].set = entries[index].set.subtracting(lost).subtracting(changes.removed)
    }
    entries.removeAll { $0.set.isEmpty }
    return losses
  }

  /// Records an update: what it changed belongs to its manager.
  mutating func recordUpdate(_ changes: FieldChanges, by writer: Entry, ignoring: FieldSet) {
    _ = take(changes, keeping: nil)
    var gained = changes.modified.union(changes.added).pruned(of: Self.unowned)
      .pruned(of: ignoring)
    gained.members.remove(.field("metadata"))
    guard !gained.isEmpty else { return }
    var entry = writer
    entry.set = gained
    if let index = entries.firstIndex(where: writer.isSameManager) {
      entry.set = entries[index].set.union(gained)
      entries.remove(at: index)
    }
    entries.append(entry)
  }

  /// What `writer` applied before.
  func applied(by writer: Entry) -> FieldSet {
    entries.first(where: writer.isSameManager)?.set ?? FieldSet()
  }

  /// Puts the applied configuration's fields in place of those that its manager had.
  mutating func replace(_ set: FieldSet, of writer: Entry) {
    var entry = writer
    entry.time = entries.first(where: writer.isSameManager)?.time
    entry.set = set.pruned(of: Self.unowned)
    entry.set.members.remove(.field("metadata"))
    entries.removeAll(where: writer.isSameManager)
    entries.append(entry)
  }

  /// Records that an apply changed the object; returns who owned what it changed.
  mutating func recordApply(_ changes: FieldChanges, by writer: Entry) -> [(Entry, FieldSet)] {
    let losses = take(changes, keeping: writer)
    if !changes.isEmpty, let index = entries.firstIndex(where: writer.isSameManager) {
      entries[index].time = writer.time
    }
    return losses
  }

  /// All that anyone owns.
  var everything: FieldSet { entries.reduce(FieldSet()) { $0.union($1.set) } }

  /// Fields that nobody owns, because the server sets them or they name the object.
  static let unowned: FieldSet = {
    var set = FieldSet()
    set.insert([.field("apiVersion")])
    set.insert([.field("kind")])
    for name in [
      "name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields",
      "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds",
    ] {
      set.insert([.field("metadata"), .field(name)])
    }
    return set
  }()
}
