import WindlassWire

/// One field that orders write, as the server names it in conflicts and in `managedFields`.
struct OrderedField: Hashable, Sendable {
  private enum Step: Hashable, Sendable {
    case field(String)
    /// An item of a list, by its name.
    case item(String)
  }

  private var steps: [Step]

  /// A field below `spec`.
  init(spec names: [String]) { steps = (["spec"] + names).map(Step.field) }

  /// The image of a container of the pods' template.
  static func image(of container: String) -> OrderedField {
    var field = OrderedField(spec: ["template", "spec", "containers"])
    field.steps += [.item(container), .field("image")]
    return field
  }

  /// Such as `.spec.template.spec.containers[name="web"].image`.
  var path: String {
    steps.map { step in
      switch step {
      case .field(let name): ".\(name)"
      case .item(let name): "[name=\(JSONValue.string(name).text)]"
      }
    }.joined()
  }

  /// Whether a set of fields, in the form `FieldsV1`, holds this one.
  func isHeld(by fields: JSONValue) -> Bool {
    var current = fields
    for step in steps {
      let key =
        switch step {
        case .field(let name): "f:\(name)"
        case .item(let name): "k:{\"name\":\(JSONValue.string(name).text)}"
        }
      guard let next = current[key] else { return false }
      current = next
    }
    return true
  }
}

/// Who manages the fields of one object.
struct FieldOwners: Sendable {
  /// What one manager has by one way of writing.
  struct Entry: Sendable {
    var manager: String
    var isApplied: Bool
    /// When the manager last changed one of its fields, as the server wrote it.
    var time: String
    var fields: JSONValue
  }

  /// Without those of subresources, which write state and numbers of replicas.
  let entries: [Entry]

  init(_ object: KubernetesObject) {
    let listed = object.metadata["managedFields"]?.array ?? []
    entries = listed.filter { ($0["subresource"]?.string ?? "").isEmpty }.map { entry in
      Entry(
        manager: entry["manager"]?.string ?? "", isApplied: entry["operation"] == "Apply",
        time: entry["time"]?.string ?? "", fields: entry["fieldsV1"] ?? .object([]))
    }
  }

  /// What a manager has applied.
  func applied(by manager: String) -> Entry? {
    entries.first { $0.isApplied && $0.manager == manager }
  }

  /// The managers that have a field, but for what one of them has applied.
  func managers(of field: OrderedField, besides own: String) -> [String] {
    let others = entries.filter { !($0.isApplied && $0.manager == own) }
    return Set(others.filter { field.isHeld(by: $0.fields) }.map(\.manager)).sorted()
  }

  /// Whoever else changed anything of these parts of `spec` last, at that time or later.
  func editor(of parts: [String], besides own: String, since time: String) -> String? {
    let fields = parts.map { OrderedField(spec: [$0]) }
    let edits = entries.filter { entry in
      !(entry.isApplied && entry.manager == own) && entry.time >= time
        && fields.contains { $0.isHeld(by: entry.fields) }
    }
    return edits.max { ($0.time, $0.manager) < ($1.time, $1.manager) }?.manager
  }
}
