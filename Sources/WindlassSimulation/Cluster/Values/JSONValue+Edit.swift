import WindlassWire

/// Editing of JSON objects that are kept in canonical form: members in the order of their names.
extension JSONValue {
  /// The member of that name; setting nil removes it, and a new one goes where its name belongs.
  subscript(member name: String) -> JSONValue? {
    get { self[name] }
    set {
      var members = object ?? []
      if let index = members.firstIndex(where: { $0.name == name }) {
        if let newValue { members[index].value = newValue } else { members.remove(at: index) }
      } else if let newValue {
        let place = members.firstIndex { $0.name > name } ?? members.count
        members.insert(JSONMember(name, newValue), at: place)
      }
      self = .object(members)
    }
  }

  /// The members of an object, none for everything else.
  var members: [JSONMember] { object ?? [] }

  /// The elements of an array, none for everything else.
  var elements: [JSONValue] { array ?? [] }

  /// The value behind these names, one object inside the other.
  func at(_ path: String...) -> JSONValue? { at(path) }

  /// The value behind these names, one object inside the other.
  func at(_ path: [String]) -> JSONValue? {
    var current: JSONValue? = self
    for name in path { current = current?[name] }
    return current
  }

  /// Sets or removes the value behind these names, and makes the objects on the way.
  mutating func set(_ value: JSONValue?, at path: [String]) {
    guard let first = path.first else { return }
    guard path.count > 1 else {
      self[member: first] = value
      return
    }
    if value == nil, self[first] == nil { return }
    var child = self[first] ?? .object([])
    child.set(value, at: Array(path.dropFirst()))
    self[member: first] = child
  }

  /// The same value with the members of every object in the order of their names.
  var canonical: JSONValue {
    switch self {
    case .object(let members):
      .object(
        members.map { JSONMember($0.name, $0.value.canonical) }.sorted { $0.name < $1.name })
    case .array(let elements): .array(elements.map(\.canonical))
    case .null, .bool, .integer, .double, .string: self
    }
  }

  /// Whether this is an empty object, an empty array or null.
  var isHollow: Bool {
    switch self {
    case .null: true
    case .object(let members): members.isEmpty
    case .array(let elements): elements.isEmpty
    case .bool, .integer, .double, .string: false
    }
  }

  /// The value as Go prints one with `%v`: `map[a:1 b:[x y]]`.
  var goText: String {
    switch self {
    case .null: "<nil>"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .double(let value): value.description
    case .string(let value): value
    case .array(let elements): "[" + elements.map(\.goText).joined(separator: " ") + "]"
    case .object(let members):
      "map["
        + members.sorted { $0.name < $1.name }.map { "\($0.name):\($0.value.goText)" }
        .joined(separator: " ") + "]"
    }
  }

  /// The word of JSON schemas for the type of this value.
  var typeWord: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .integer: "integer"
    case .double: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}

/// A text in the quotes of Go's `%q`.
func quoted(_ text: String) -> String { JSONValue.string(text).text }
