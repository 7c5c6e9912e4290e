import WindlassCore
import WindlassWire

/// The columns in which a resource is shown as a table.
struct TableColumns: Sendable {
  private let type: ResourceType

  init(_ type: ResourceType) { self.type = type }

  /// What the columns are.
  var definitions: JSONValue {
    if let definition = type.definition {
      return .array([Self.name] + definition.columns.map(Self.custom))
    }
    if type.kind == "ConfigMap" {
      return .array([Self.name, Self.column("Data", "string", Self.dataText), Self.age])
    }
    if type.kind == "Event" { return EventColumns.definitions(name: Self.name) }
    if let columns = WorkloadColumns.columns(of: type.kind) {
      return .array([Self.name] + columns.map(\.definition))
    }
    return .array([Self.name, Self.column("Created At", "date", Self.ageText)])
  }

  /// What the columns say about an object.
  func cells(of object: JSONValue, at now: Timestamp) -> [JSONValue] {
    let name = object.at("metadata", "name") ?? .null
    if let definition = type.definition {
      return [name]
        + definition.columns.map { Self.cell(object, $0, at: now) }
    }
    if type.kind == "Event" { return EventColumns.cells(of: object, at: now) }
    if let columns = WorkloadColumns.columns(of: type.kind) {
      return [name] + columns.map { $0.cell(object, now) }
    }
    let created = object.at("metadata", "creationTimestamp") ?? .null
    if type.kind == "ConfigMap" {
      let count =
        (object["data"]?.members.count ?? 0) + (object["binaryData"]?.members.count ?? 0)
      return [name, .integer(Int64(count)), Self.age(since: created, at: now)]
    }
    return [name, created]
  }

  private static func custom(_ column: JSONValue) -> JSONValue {
    let path = column["jsonPath"]?.string ?? ""
    return [
      "description": column["description"]
        ?? .string("Custom resource definition column (in JSONPath format): \(path)"),
      "format": column["format"] ?? "", "name": column["name"] ?? "",
      "priority": column["priority"] ?? 0, "type": column["type"] ?? "string",
    ]
  }

  private static func cell(
    _ object: JSONValue, _ column: JSONValue, at now: Timestamp
  ) -> JSONValue {
    guard let path = column["jsonPath"]?.string,
      let value = SimplePath(path).first(in: object)
    else { return .null }
    return column["type"] == "date" ? age(since: value, at: now) : value
  }

  /// How long ago something was, as tables say it.
  static func age(since created: JSONValue, at now: Timestamp) -> JSONValue {
    guard let text = created.string, let time = Timestamp(rfc3339: text) else {
      return "<unknown>"
    }
    let seconds = max(0, (now - time).milliseconds / 1_000)
    switch seconds {
    case ..<120: return .string("\(seconds)s")
    case ..<600:
      let rest = seconds % 60
      return .string("\(seconds / 60)m" + (rest == 0 ? "" : "\(rest)s"))
    case ..<10_800: return .string("\(seconds / 60)m")
    case ..<172_800: return .string("\(seconds / 3_600)h")
    default: return .string("\(seconds / 86_400)d")
    }
  }

  /// What a column of a built-in kind is.
  static func column(_ name: String, _ type: String, _ text: String) -> JSONValue {
    [
      "description": .string(text), "format": .string(name == "Name" ? "name" : ""),
      "name": .string(name), "priority": 0, "type": .string(type),
    ]
  }

  private static let name = column(
    "Name", "string",
    "Name must be unique within a namespace. Is required when creating resources, although some "
      + "resources may allow a client to request the generation of an appropriate name "
      + "automatically. Name is primarily intended for creation idempotence and configuration "
      + "definition. Cannot be updated. More info: "
      + "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names")

  static let age = column("Age", "string", ageText)

  private static let ageText =
    "CreationTimestamp is a timestamp representing the server time when this object was created. "
    + "It is not guaranteed to be set in happens-before order across separate operations. Clients "
    + "may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by "
    + "the system. Read-only. Null for lists. More info: "
    + "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"

  private static let dataText =
    "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', "
    + "'_' or '.'. Values with non-UTF-8 byte sequences must use the BinaryData field. The keys "
    + "stored in Data must not overlap with the keys in the BinaryData field, this is enforced "
    + "during validation process."
}

/// The part of JSONPath that printer columns use: members, and items by the value of a member.
struct SimplePath: Hashable, Sendable {
  private enum Step: Hashable, Sendable {
    case member(String)
    case item(member: String, value: String)
    case index(Int)
  }

  private var steps: [Step] = []

  /// Reads `.status.conditions[?(@.type=="Ready")].status`.
  init(_ text: String) {
    var rest = Substring(text)
    while let first = rest.first {
      if first == "[" {
        let inner = rest.dropFirst().prefix { $0 != "]" }
        rest = rest.dropFirst(inner.count + 2)
        if let index = Int(inner) { steps.append(.index(index)) }
        let words = inner.split { !($0.isLetter || $0.isNumber || "_-/.".contains($0)) }
        if inner.hasPrefix("?"), words.count == 2 {
          steps.append(.item(member: String(words[0].drop { $0 == "." }), value: String(words[1])))
        }
      } else {
        if first == "." { rest.removeFirst() }
        let name = rest.prefix { $0 != "." && $0 != "[" }
        rest = rest.dropFirst(name.count)
        if !name.isEmpty { steps.append(.member(String(name))) }
      }
    }
  }

  /// The first value that the path leads to.
  func first(in value: JSONValue) -> JSONValue? {
    var current: JSONValue? = value
    for step in steps {
      switch step {
      case .member(let name): current = current?[name]
      case .index(let index):
        let items = current?.elements ?? []
        current = items.indices.contains(index) ? items[index] : nil
      case .item(let member, let value):
        current = current?.elements.first { $0[member]?.string == value }
      }
    }
    return current
  }
}
