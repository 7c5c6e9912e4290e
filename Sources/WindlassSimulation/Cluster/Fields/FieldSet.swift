import WindlassWire

/// One step on the way to a field.
enum FieldStep: Hashable, Sendable, Comparable {
  case field(String)
  /// An item of a list of type map, by its key.
  case key([JSONMember])
  /// An item of a set.
  case value(JSONValue)

  /// The step as managed fields write it: `f:spec`, `k:{"name":"a"}`, `v:"x"`.
  var text: String {
    switch self {
    case .field(let name): "f:\(name)"
    case .key(let members): "k:" + JSONValue.object(members).canonical.text
    case .value(let value): "v:" + value.text
    }
  }

  /// The step as conflicts name it: `.spec`, `[name="a"]`, `[="x"]`.
  var label: String {
    switch self {
    case .field(let name): ".\(name)"
    case .key(let members):
      "[" + members.map { "\($0.name)=\($0.value.text)" }.joined(separator: ",") + "]"
    case .value(let value): "[=\(value.text)]"
    }
  }

  static func < (left: Self, right: Self) -> Bool { left.text < right.text }

  /// Reads what `text` wrote; nil for anything else.
  init?(_ text: String) {
    let rest = String(text.dropFirst(2))
    switch text.prefix(2) {
    case "f:": self = .field(rest)
    case "k:":
      guard let value = try? JSONValue.parse(Array(rest.utf8)), let members = value.object else {
        return nil
      }
      self = .key(members)
    case "v:":
      guard let value = try? JSONValue.parse(Array(rest.utf8)) else { return nil }
      self = .value(value)
    default: return nil
    }
  }
}

/// A set of fields, as a tree: which steps are in it, and which have more below.
struct FieldSet: Hashable, Sendable {
  var members: Set<FieldStep> = []
  var children: [FieldStep: FieldSet] = [:]

  var isEmpty: Bool { members.isEmpty && children.isEmpty }

  /// Adds the field at a path.
  mutating func insert(_ path: [FieldStep]) {
    guard let first = path.first else { return }
    if path.count == 1 {
      members.insert(first)
    } else {
      children[first, default: FieldSet()].insert(Array(path.dropFirst()))
    }
  }

  /// Whether the field at a path is in the set.
  func contains(_ path: some Collection<FieldStep>) -> Bool {
    guard let first = path.first else { return false }
    let rest = path.dropFirst()
    return rest.isEmpty ? members.contains(first) : children[first]?.contains(rest) ?? false
  }

  /// All that is in one of the two.
  func union(_ other: FieldSet) -> FieldSet {
    var result = self
    result.members.formUnion(other.members)
    for (step, child) in other.children {
      result.children[step] = (result.children[step] ?? FieldSet()).union(child)
    }
    return result
  }

  /// What is in both.
  func intersection(_ other: FieldSet) -> FieldSet {
    var result = FieldSet(members: members.intersection(other.members))
    for (step, child) in children {
      guard let match = other.children[step] else { continue }
      let both = child.intersection(match)
      if !both.isEmpty { result.children[step] = both }
    }
    return result
  }

  /// What is here and not there.
  func subtracting(_ other: FieldSet) -> FieldSet {
    var result = FieldSet(members: members.subtracting(other.members))
    for (step, child) in children {
      let rest = other.children[step].map(child.subtracting) ?? child
      if !rest.isEmpty { result.children[step] = rest }
    }
    return result
  }

  /// What is left without the fields of the other set and all below them.
  func pruned(of other: FieldSet) -> FieldSet {
    var result = FieldSet(members: members.subtracting(other.members))
    for (step, child) in children where !other.members.contains(step) {
      let rest = other.children[step].map(child.pruned) ?? child
      if !rest.isEmpty { result.children[step] = rest }
    }
    return result
  }

  /// The set with every field by name that leads to another one of the set.
  var withParents: FieldSet {
    var result = FieldSet(members: members)
    for (step, child) in children {
      result.children[step] = child.withParents
      result.members.insert(step)
    }
    return result
  }

  /// The paths of all fields of the set, in order.
  var paths: [[FieldStep]] {
    Set(children.keys).union(members).sorted().flatMap { step in
      (members.contains(step) ? [[step]] : [])
        + (children[step]?.paths.map { [step] + $0 } ?? [])
    }
  }

  /// The set as managed fields write it.
  var json: JSONValue {
    var result: JSONValue = .object([])
    for step in members where children[step] == nil { result[member: step.text] = .object([]) }
    for (step, child) in children {
      var inner = child.json
      if members.contains(step) { inner[member: "."] = .object([]) }
      result[member: step.text] = inner
    }
    return result
  }

  /// A set of these members.
  init(members: Set<FieldStep> = []) { self.members = members }

  /// Reads what `json` wrote.
  init(json: JSONValue) {
    for member in json.members {
      guard let step = FieldStep(member.name) else { continue }
      let child = FieldSet(json: member.value)
      if child.isEmpty || member.value["."] != nil { members.insert(step) }
      if !child.isEmpty { children[step] = child }
    }
  }
}
