import WindlassWire

/// What a field may hold, and how the server treats it: the structural schema of a custom
/// resource, or the same facts about a built-in kind.
struct FieldSchema: Hashable, Sendable {
  /// How a list is compared and merged.
  enum ListKind: Hashable, Sendable {
    case atomic
    case set
    /// Items are told apart by these members.
    case map([String])
  }

  /// The word of JSON schemas; nil for a field of any type.
  var type: String?
  var properties: [String: FieldSchema] = [:]
  /// What the values of a map are; none or one.
  private var valueBox: [FieldSchema] = []
  /// What the items of a list are; none or one.
  private var itemBox: [FieldSchema] = []
  var required: [String] = []
  var isNullable = false
  var defaultValue: JSONValue?
  var enumeration: [JSONValue] = []
  var minimum: Double?
  var maximum: Double?
  var lengthMin: Int?
  var lengthMax: Int?
  var pattern: TextPattern?
  var countMin: Int?
  var countMax: Int?
  /// Members of an object.
  var membersMax: Int?
  var format: String?
  var isIntOrString = false
  var keepsUnknown = false
  var list = ListKind.atomic
  /// Whether an object is owned and replaced as a whole.
  var isAtomic = false
  var rules: [ValidationRule] = []
  /// Whether this or anything in it has rules.
  private(set) var hasRulesInside = false
  /// Whether this or anything in it may have a default.
  private(set) var mayHaveDefaults = true

  // What only built-in kinds need.
  /// A struct that is never absent, so that it exists before anyone wrote it.
  var isEmbedded = false
  /// A pointer in Go: an empty value is kept, where others are dropped.
  var isPointer = false

  /// One rule of `x-kubernetes-validations`.
  struct ValidationRule: Hashable, Sendable {
    var rule: String
    var message: String?
    var reason: String?
    var fieldPath: String?
    /// Whether it is about a change.
    var isTransition: Bool
    /// The rule as it was read once, for each write asks it; or why it can't be read.
    var expression: Result<RuleExpression, RuleFailure>
    /// What makes the message from the value; nil without one that can be read.
    var messageExpression: RuleExpression?

    /// Reads a rule of a definition.
    init(openAPI: JSONValue) {
      rule = openAPI["rule"]?.string ?? ""
      message = openAPI["message"]?.string
      reason = openAPI["reason"]?.string
      fieldPath = openAPI["fieldPath"]?.string
      isTransition = rule.contains("oldSelf")
      expression = Self.read(rule)
      // One that can't be read is none: the message is the rule's text then.
      messageExpression = openAPI["messageExpression"]?.string.flatMap { try? Self.read($0).get() }
    }

    private static func read(_ text: String) -> Result<RuleExpression, RuleFailure> {
      do throws(RuleFailure) {
        return .success(try RuleParser.parse(text))
      } catch {
        return .failure(error)
      }
    }
  }

  /// A field that may hold anything; all in it is kept.
  static let anything: FieldSchema = {
    var schema = FieldSchema()
    schema.keepsUnknown = true
    return schema
  }()

  /// What the values of a map are.
  var value: FieldSchema? {
    get { valueBox.first }
    set { valueBox = newValue.map { [$0] } ?? [] }
  }

  /// What the items of a list are.
  var item: FieldSchema? {
    get { itemBox.first }
    set { itemBox = newValue.map { [$0] } ?? [] }
  }

  /// Makes a schema of that type.
  init(type: String? = nil) { self.type = type }

  /// What a member of an object is; nil when the schema does not know it.
  func member(_ name: String) -> FieldSchema? {
    properties[name] ?? value ?? (keepsUnknown || type == nil ? .anything : nil)
  }

  /// Whether the schema declares a member by its name, as a struct and not as a map does.
  func declares(_ name: String) -> Bool { properties[name] != nil }

  /// The item's key in a list of type map: a missing member counts with its default.
  func key(of item: JSONValue, _ names: [String]) -> [JSONMember] {
    names.compactMap { name in
      guard let value = item[name] ?? self.item?.properties[name]?.defaultValue else { return nil }
      return JSONMember(name, value)
    }
  }
}

extension FieldSchema {
  /// Reads the OpenAPI schema of a custom resource.
  init(openAPI: JSONValue) {
    self.init(type: openAPI["type"]?.string)
    for member in openAPI["properties"]?.members ?? [] {
      properties[member.name] = FieldSchema(openAPI: member.value)
    }
    value = openAPI["additionalProperties"].flatMap { $0.object == nil ? nil : $0 }
      .map(FieldSchema.init(openAPI:))
    item = openAPI["items"].map(FieldSchema.init(openAPI:))
    required = openAPI["required"]?.elements.compactMap(\.string) ?? []
    isNullable = openAPI["nullable"]?.bool ?? false
    defaultValue = openAPI["default"]
    enumeration = openAPI["enum"]?.elements ?? []
    minimum = openAPI["minimum"]?.double
    maximum = openAPI["maximum"]?.double
    lengthMin = openAPI["minLength"]?.integer.map(Int.init)
    lengthMax = openAPI["maxLength"]?.integer.map(Int.init)
    countMin = openAPI["minItems"]?.integer.map(Int.init)
    countMax = openAPI["maxItems"]?.integer.map(Int.init)
    membersMax = openAPI["maxProperties"]?.integer.map(Int.init)
    pattern = openAPI["pattern"]?.string.map(TextPattern.init)
    format = openAPI["format"]?.string
    isIntOrString = openAPI["x-kubernetes-int-or-string"]?.bool ?? false
    keepsUnknown = openAPI["x-kubernetes-preserve-unknown-fields"]?.bool ?? false
    isAtomic = openAPI["x-kubernetes-map-type"]?.string == "atomic"
    switch openAPI["x-kubernetes-list-type"]?.string {
    case "set": list = .set
    case "map":
      list = .map(openAPI["x-kubernetes-list-map-keys"]?.elements.compactMap(\.string) ?? [])
    default: list = .atomic
    }
    rules = (openAPI["x-kubernetes-validations"]?.elements ?? []).map(
      ValidationRule.init(openAPI:))
    let inner = Array(properties.values) + [value, item].compactMap(\.self)
    hasRulesInside = !rules.isEmpty || inner.contains(where: \.hasRulesInside)
    mayHaveDefaults = inner.contains { $0.defaultValue != nil || $0.mayHaveDefaults }
  }
}
