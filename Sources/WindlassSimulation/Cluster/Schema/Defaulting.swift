import WindlassWire

extension FieldSchema {
  /// The value with defaults where members are missing, or null without being nullable.
  func defaulted(_ value: JSONValue) -> JSONValue {
    guard mayHaveDefaults else { return value }
    switch value {
    case .object:
      var result = value
      for (name, schema) in properties {
        let present = result[name]
        if present == nil || (present == .null && !schema.isNullable), let fill = schema.fill {
          result[member: name] = fill
        }
      }
      for member in result.members {
        guard let schema = properties[member.name] ?? self.value else { continue }
        let next = schema.defaulted(member.value)
        if next != member.value { result[member: member.name] = next }
      }
      return result
    case .array(let elements):
      guard let item else { return value }
      return .array(elements.map(item.defaulted))
    case .null, .bool, .integer, .double, .string: return value
    }
  }

  private var fill: JSONValue? { defaultValue?.canonical }

  /// The value without members that the schema does not know, and the paths of those, in order.
  func pruned(_ value: JSONValue, at path: String = "") -> (value: JSONValue, unknown: [String]) {
    // Most have no such members, and to look for one is cheaper than to name the others.
    if declaresAll(of: value) { return (value, []) }
    var unknown: [String] = []
    let result = prune(value, path, &unknown)
    return (result, unknown)
  }

  /// Whether the schema knows every member of a value.
  private func declaresAll(of value: JSONValue) -> Bool {
    switch value {
    case .object(let members):
      guard type == "object" || !properties.isEmpty || self.value != nil else { return true }
      return members.allSatisfy { member in
        guard let schema = properties[member.name] ?? self.value else { return keepsUnknown }
        return schema.declaresAll(of: member.value)
      }
    case .array(let elements):
      guard let item else { return true }
      return elements.allSatisfy(item.declaresAll)
    case .null, .bool, .integer, .double, .string: return true
    }
  }

  private func prune(_ value: JSONValue, _ path: String, _ unknown: inout [String]) -> JSONValue {
    switch value {
    case .object(let members):
      guard type == "object" || !properties.isEmpty || self.value != nil else { return value }
      var kept: [JSONMember] = []
      for member in members {
        let inner = path.isEmpty ? member.name : "\(path).\(member.name)"
        guard let schema = properties[member.name] ?? self.value else {
          if keepsUnknown { kept.append(member) } else { unknown.append(inner) }
          continue
        }
        kept.append(JSONMember(member.name, schema.prune(member.value, inner, &unknown)))
      }
      return .object(kept)
    case .array(let elements):
      guard let item else { return value }
      return .array(
        elements.enumerated().map { item.prune($1, "\(path)[\($0)]", &unknown) })
    case .null, .bool, .integer, .double, .string: return value
    }
  }
}
