package import WindlassWire

/// A section of a document: its fields are written down once, for reading and for the schema.
package protocol DocumentPart: DocumentValue {
  /// Everything as it is where nothing is written.
  init()

  /// What may be written, in the order in which people read it.
  static var fields: [DocumentField<Self>] { get }

  /// What the fields say only together.
  static var rules: [SchemaRule] { get }
}

/// A condition that a schema can't say, in the server's rule language (CEL).
package struct SchemaRule: Hashable, Sendable {
  package var expression: String
  /// What is wanted, as the rest of a sentence that begins with the field.
  package var message: String
  /// Such as `.rollout.maxUnavailable`; nil for the section itself.
  package var field: String?
  package var reason: String

  package init(
    _ expression: String, _ message: String, field: String? = nil,
    reason: String = "FieldValueInvalid"
  ) {
    self.expression = expression
    self.message = message
    self.field = field
    self.reason = reason
  }

  /// Exactly one of these members must be there.
  package static func exactlyOne(of names: String...) -> SchemaRule {
    let count = names.map { "(has(self.\($0)) ? 1 : 0)" }.joined(separator: " + ")
    return SchemaRule(
      "\(count) == 1", "write exactly one of \(names.joined(separator: ", "))")
  }

  var json: JSONValue {
    var members = [
      JSONMember("rule", .string(expression)), JSONMember("message", .string(message)),
      JSONMember("reason", .string(reason)),
    ]
    if let field { members.append(JSONMember("fieldPath", .string(field))) }
    return .object(members)
  }
}

/// What a schema says besides the type.
package enum FieldLimit: Hashable, Sendable {
  case range(ClosedRange<Int64>)
  case length(ClosedRange<Int>)
  case pattern(String)
  case count(ClosedRange<Int>)
  /// Members of a mapping.
  case membersMax(Int)
  /// Elements of a list, or values of a mapping, have these limits.
  case each([FieldLimit])
  /// Elements of a list are told apart by these members.
  case keyed([String])
  case oneOf([String])
  case format(String)
  case rule(SchemaRule)

  func added(to schema: JSONValue) -> JSONValue {
    switch self {
    case .range(let range):
      return schema.setting("minimum", to: .integer(range.lowerBound))
        .setting("maximum", to: .integer(range.upperBound))
    case .length(let range):
      return schema.setting("minLength", to: .integer(Int64(range.lowerBound)))
        .setting("maxLength", to: .integer(Int64(range.upperBound)))
    case .pattern(let pattern): return schema.setting("pattern", to: .string(pattern))
    case .count(let range):
      return schema.setting("minItems", to: .integer(Int64(range.lowerBound)))
        .setting("maxItems", to: .integer(Int64(range.upperBound)))
    case .membersMax(let count):
      return schema.setting("maxProperties", to: .integer(Int64(count)))
    case .each(let limits):
      let name = schema["items"] == nil ? "additionalProperties" : "items"
      let inner = limits.reduce(schema[name] ?? .object([])) { $1.added(to: $0) }
      return schema.setting(name, to: inner)
    case .keyed(let names):
      return schema.setting("x-kubernetes-list-type", to: "map")
        .setting("x-kubernetes-list-map-keys", to: .array(names.map { .string($0) }))
    case .oneOf(let words): return schema.setting("enum", to: .array(words.map { .string($0) }))
    case .format(let format): return schema.setting("format", to: .string(format))
    case .rule(let rule):
      let rules = schema["x-kubernetes-validations"]?.array ?? []
      return schema.setting("x-kubernetes-validations", to: .array(rules + [rule.json]))
    }
  }
}

/// One field of a section.
package struct DocumentField<Part> {
  package let name: String
  /// With description, limits and default.
  package let schema: JSONValue
  /// Whether it must be written: it has no default and is not optional.
  package let isRequired: Bool
  let take: (JSONValue?, String, inout Part) throws(ObjectError) -> Void

  /// A field that is always there: with its default, or because it must be written.
  package init<Value: DocumentValue>(
    _ name: String, _ property: WritableKeyPath<Part, Value>, _ description: String,
    default preset: JSONValue? = nil, _ limits: FieldLimit...
  ) {
    self.name = name
    schema = Self.whole(Value.schema, description, preset, limits)
    isRequired = preset == nil
    take = { (value, path, part) throws(ObjectError) in
      guard let value = value ?? preset else {
        throw ObjectError(path, "is missing", allowed: "Write it.")
      }
      part[keyPath: property] = try Value.read(value, at: path)
    }
  }

  /// A field that may be left out.
  package init<Value: DocumentValue>(
    _ name: String, _ property: WritableKeyPath<Part, Value?>, _ description: String,
    _ limits: FieldLimit...
  ) {
    self.name = name
    schema = Self.whole(Value.schema, description, nil, limits)
    isRequired = false
    take = { (value, path, part) throws(ObjectError) in
      guard let value else { return }
      part[keyPath: property] = try Value.read(value, at: path)
    }
  }

  /// The description stands first, for that is what people look for.
  private static func whole(
    _ schema: JSONValue, _ description: String, _ preset: JSONValue?, _ limits: [FieldLimit]
  ) -> JSONValue {
    var members = [JSONMember("description", .string(description))]
    members += limits.reduce(schema) { $1.added(to: $0) }.object ?? []
    if let preset { members.append(JSONMember("default", preset)) }
    return .object(members)
  }
}

extension DocumentPart {
  package static var rules: [SchemaRule] { [] }

  package static var schema: JSONValue {
    var members: [JSONMember] = [JSONMember("type", "object")]
    let fields = fields
    if !fields.isEmpty {
      members.append(
        JSONMember("properties", .object(fields.map { JSONMember($0.name, $0.schema) })))
    }
    let required = fields.filter(\.isRequired).map { JSONValue.string($0.name) }
    if !required.isEmpty { members.append(JSONMember("required", .array(required))) }
    if !rules.isEmpty {
      members.append(JSONMember("x-kubernetes-validations", .array(rules.map(\.json))))
    }
    return .object(members)
  }

  package static func read(_ value: JSONValue, at path: String) throws(ObjectError) -> Self {
    guard value.object != nil else { throw wrongType(path, "a mapping") }
    var part = Self()
    for field in fields {
      let written = value[field.name].flatMap { $0.isNull ? nil : $0 }
      try field.take(written, path.isEmpty ? field.name : "\(path).\(field.name)", &part)
    }
    return part
  }
}
