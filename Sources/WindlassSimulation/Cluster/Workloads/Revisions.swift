import WindlassCore
import WindlassWire

/// The templates that a StatefulSet or a DaemonSet has had, kept as ControllerRevisions.
struct Revisions {
  private let owner: JSONValue
  private let kind: String
  /// All that are there, the oldest first.
  let all: [JSONValue]
  /// Under which label a revision holds its hash.
  private let label: String

  init(of owner: JSONValue, kind: String, label: String, _ view: ClusterView) {
    self.owner = owner
    self.kind = kind
    self.label = label
    all = view.dependents(of: owner, "controllerrevisions.apps").sorted {
      ($0.count("revision"), $0.created, $0.name) < ($1.count("revision"), $1.created, $1.name)
    }
  }

  /// What a revision keeps of its owner.
  private var data: JSONValue {
    var template = owner.at("spec", "template") ?? .object([])
    template[member: "$patch"] = "replace"
    return ["spec": ["template": template]]
  }

  /// The revision of what the owner wants now, and what has to be written for it: a new one, or
  /// a higher number for one that is wanted again.
  func newest() -> (revision: JSONValue, write: ControllerWrite?) {
    let number = (all.last?.count("revision") ?? 0) + 1
    guard var known = all.last(where: { $0["data"] == data }) else {
      let made = make(number)
      return (made, ControllerWrite(key: key(made.name), deed: .create(made)))
    }
    guard known.count("revision") < number - 1 else { return (known, nil) }
    known[member: "revision"] = .integer(number)
    return (known, ControllerWrite(key: key(known.name), deed: .update(known)))
  }

  /// The revision of a name.
  func named(_ name: String?) -> JSONValue? { all.first { $0.name == name } }

  private func key(_ name: String) -> ObjectKey {
    ObjectKey(resource: "controllerrevisions.apps", namespace: owner.namespace, name: name)
  }

  private func make(_ number: Int64) -> JSONValue {
    let hash = PodTemplate.hash(data, owner.at("status", "collisionCount")?.integer)
    var revision: JSONValue = [
      "data": data, "revision": .integer(number),
      "metadata": [
        "name": .string("\(owner.name)-\(hash)"),
        "labels": owner.at("spec", "template", "metadata", "labels") ?? .object([]),
        "ownerReferences": .array([owner.ownership(kind)]),
      ],
    ]
    revision.set(.string(hash), at: ["metadata", "labels", label])
    if kind == "DaemonSet" {
      revision.set(
        owner.at("metadata", "annotations"), at: ["metadata", "annotations"])
    }
    return revision
  }

  /// Deletes the oldest revisions that nothing uses, beyond those that are to be kept.
  func surplus(besides used: Set<String>) -> [ControllerWrite] {
    guard let limit = owner.at("spec", "revisionHistoryLimit")?.integer else { return [] }
    let idle = all.filter { !used.contains($0.name) }
    return idle.prefix(max(0, idle.count - Int(limit))).map {
      ControllerWrite(key: key($0.name), deed: .delete(uid: $0.uid))
    }
  }
}
