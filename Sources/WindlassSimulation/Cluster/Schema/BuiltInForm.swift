import WindlassWire

extension FieldSchema {
  /// The value as a built-in kind stores it: empty members that are no pointers are dropped,
  /// structs that are never absent are there.
  func normalized(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      guard !properties.isEmpty || self.value != nil else { return value }
      var kept: [JSONMember] = []
      for member in members {
        guard let schema = properties[member.name] ?? self.value else {
          kept.append(member)
          continue
        }
        let inner = schema.normalized(member.value)
        // The values of a map are kept as they are.
        if self.value != nil || schema.isKept(inner) { kept.append(JSONMember(member.name, inner)) }
      }
      var result = JSONValue.object(kept)
      for (name, schema) in properties where schema.isEmbedded && result[name] == nil {
        result[member: name] = schema.empty
      }
      return result
    case .array(let elements): return .array(elements.map { item?.normalized($0) ?? $0 })
    case .null, .bool, .integer, .double, .string: return value
    }
  }

  /// What stands for a member that nobody has written yet, in a kind whose structs are never
  /// absent.
  var empty: JSONValue {
    switch type {
    case "string": return ""
    case "integer": return 0
    case "array": return .null
    default: break
    }
    var result: JSONValue = .object([])
    for (name, schema) in properties where schema.isEmbedded { result[member: name] = schema.empty }
    return result
  }

  private func isKept(_ value: JSONValue) -> Bool {
    if value == .null { return false }
    if isPointer || isEmbedded || type == nil { return true }
    switch value {
    case .string(let text): return !text.isEmpty
    case .integer(let number): return number != 0
    case .bool(let truth): return truth
    case .array(let elements): return !elements.isEmpty
    case .object(let members): return !members.isEmpty || self.value == nil
    case .null, .double: return true
    }
  }

  /// Why Go could not decode a value into this type, in the words of its decoder.
  func decodingFault(in value: JSONValue, at path: String) -> String? {
    switch value {
    case .null: return nil
    case .object(let members):
      if let type, type != "object" { return mismatch("object", path) }
      for member in members {
        let isMap = properties[member.name] == nil
        guard let schema = properties[member.name] ?? self.value else { continue }
        let inner = isMap ? path : "\(path).\(member.name)"
        if let fault = schema.decodingFault(in: member.value, at: inner) { return fault }
      }
    case .array(let elements):
      if let type, type != "array" { return mismatch("array", path) }
      for element in elements {
        if let fault = item?.decodingFault(in: element, at: path) { return fault }
      }
    case .bool: if let type, type != "boolean" { return mismatch("bool", path) }
    case .integer, .double:
      if let type, type != "integer", type != "number" { return mismatch("number", path) }
    case .string(let text):
      if let type, type != "string" { return mismatch("string", path) }
      if format == "microtime" { return microtimeFault(text) }
    }
    return nil
  }

  private func mismatch(_ found: String, _ path: String) -> String {
    let word =
      switch type {
      case "integer": "int32"
      case "boolean": "bool"
      case let other?: other
      case nil: "value"
      }
    return "json: cannot unmarshal \(found) into Go struct field \(path) of type \(word)"
  }

  /// A time must have exactly six digits behind the point.
  private func microtimeFault(_ text: String) -> String? {
    let layout = "2006-01-02T15:04:05.000000Z07:00"
    let parts: [(shape: String, name: String)] = [
      ("dddd-dd-dd", "2006"), ("T", "T"), ("dd:dd:dd", "15"), (".dddddd", ".000000"),
    ]
    var rest = text[...]
    for part in parts {
      let piece = rest.prefix(part.shape.count)
      let fits =
        piece.count == part.shape.count
        && zip(piece, part.shape).allSatisfy { $1 == "d" ? $0.isNumber : $0 == $1 }
      guard fits else {
        return "parsing time \(quoted(text)) as \(quoted(layout)): cannot parse "
          + "\(quoted(String(rest))) as \(quoted(part.name))"
      }
      rest = rest.dropFirst(part.shape.count)
    }
    return nil
  }
}
