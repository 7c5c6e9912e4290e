import WindlassWire

/// One field of a wish as its definition knows it.
struct WishField: Hashable, Sendable {
  /// The way to a field from the one that holds it.
  enum Step: Hashable, Sendable {
    case member(String)
    /// The elements of a list; values are tried on the first.
    case element
    /// The values of a mapping; values are tried on one that is named `SAMPLE`.
    case entry
  }

  /// The name of the entry that values are tried on.
  static let entryName = "SAMPLE"

  let steps: [Step]
  let schema: JSONValue

  /// Every field under a schema, the schema's own first.
  static func all(under schema: JSONValue, at steps: [Step] = []) -> [WishField] {
    var fields = [WishField(steps: steps, schema: schema)]
    for member in schema["properties"]?.object ?? [] {
      fields += all(under: member.value, at: steps + [.member(member.name)])
    }
    if let items = schema["items"] { fields += all(under: items, at: steps + [.element]) }
    if let values = schema["additionalProperties"] {
      fields += all(under: values, at: steps + [.entry])
    }
    return fields
  }

  /// Such as `spec.windows[].min`.
  var path: String { text(element: "[]", entry: ".*") }

  /// As an API server names it: `spec.windows[0].min`.
  var shown: String { text(element: "[0]", entry: ".\(Self.entryName)") }

  private func text(element: String, entry: String) -> String {
    steps.reduce("spec") { text, step in
      switch step {
      case .member(let name): "\(text).\(name)"
      case .element: text + element
      case .entry: text + entry
      }
    }
  }

  /// Whether other fields stand inside of it.
  var isSection: Bool { schema["type"] == "object" && schema["additionalProperties"] == nil }

  /// The value that the field has in a wish; nil where it is not written.
  func value(in spec: JSONValue) -> JSONValue? {
    steps.reduce(Optional(spec)) { value, step in
      switch step {
      case .member(let name): value?[name]
      case .element: value?.array?.first
      case .entry: value?[Self.entryName]
      }
    }
  }

  /// The wish with the field's value replaced; nil takes the field away.
  func setting(_ value: JSONValue?, in spec: JSONValue) -> JSONValue {
    Self.setting(value, at: steps[...], in: spec)
  }

  private static func setting(
    _ value: JSONValue?, at steps: ArraySlice<Step>, in holder: JSONValue
  ) -> JSONValue {
    guard let step = steps.first else { return value ?? .null }
    let rest = steps.dropFirst()
    let deeper = { (inner: JSONValue?, empty: JSONValue) -> JSONValue? in
      rest.isEmpty ? value : setting(value, at: rest, in: inner ?? empty)
    }
    switch step {
    case .member(let name):
      return with(name, deeper(holder[name], .object([])), in: holder)
    case .entry:
      return with(entryName, deeper(holder[entryName], .object([])), in: holder)
    case .element:
      let elements = holder.array ?? []
      let first = deeper(elements.first, .object([]))
      return .array((first.map { [$0] } ?? []) + elements.dropFirst())
    }
  }

  private static func with(_ name: String, _ value: JSONValue?, in holder: JSONValue) -> JSONValue {
    var members = (holder.object ?? []).filter { $0.name != name }
    if let value { members.append(JSONMember(name, value)) }
    return .object(members.sorted { $0.name < $1.name })
  }
}
