import WindlassWire

/// Values that an API server has to refuse, made from what the definition says about each field.
struct AdmissionValues {
  /// The usual wish.
  let base: JSONValue

  /// What is wrong with a value of this field alone, and what is to be told of it.
  func values(of field: WishField) -> [WishValue] {
    let stage = WishStage.wish(for: field.path, from: base)
    var made = [wrong(field, "wrong type", Self.ofWrongType(field.schema), stage)]
    switch field.schema["type"]?.string {
    case "string": made += texts(field, stage)
    case "integer": made += numbers(field, stage)
    case "array": made += lists(field, stage)
    case "object": made += sections(field, stage)
    default: break
    }
    return made
  }

  private func wrong(
    _ field: WishField, _ kind: String, _ value: JSONValue, _ stage: JSONValue, at tail: String = ""
  ) -> WishValue {
    WishValue(
      path: field.path, kind: kind, spec: field.setting(value, in: stage),
      reaction: .refused(field: field.shown + tail))
  }

  private static func ofWrongType(_ schema: JSONValue) -> JSONValue {
    schema["type"] == "string" || schema["type"] == "boolean" ? 7 : "seven"
  }

  // MARK: - By type

  private func texts(_ field: WishField, _ stage: JSONValue) -> [WishValue] {
    let schema = field.schema
    var made: [WishValue] = []
    if schema["enum"] != nil {
      made.append(wrong(field, "unknown word", "no-such-word", stage))
    }
    let shortest = Int(schema["minLength"]?.integer ?? 0)
    if shortest > 0 {
      let text = String(repeating: "a", count: shortest - 1)
      made.append(wrong(field, shortest == 1 ? "empty" : "too short", .string(text), stage))
    }
    if let longest = schema["maxLength"]?.integer {
      let text = String(repeating: "a", count: Int(longest) + 1)
      made.append(wrong(field, "too long", .string(text), stage))
    }
    for text in Self.misfits(schema) {
      made.append(wrong(field, "pattern broken", .string(text), stage))
    }
    return made
  }

  /// Texts of the right length that do not match the pattern.
  private static func misfits(_ schema: JSONValue) -> [String] {
    guard let pattern = schema["pattern"]?.string, let expression = try? Regex(pattern) else {
      return []
    }
    let range =
      Int(schema["minLength"]?.integer ?? 0)...Int(schema["maxLength"]?.integer ?? Int64.max)
    let marks = String(repeating: "!", count: max(1, range.lowerBound))
    let candidates = [marks, "no value", "-", "ftp://x/", "10 apples", "ünïcode", "~2/x y"]
    return Array(
      candidates.filter { text in
        range.contains(text.unicodeScalars.count) && text.firstMatch(of: expression) == nil
      }.prefix(3))
  }

  private func numbers(_ field: WishField, _ stage: JSONValue) -> [WishValue] {
    var made = [wrong(field, "no whole number", 1.5, stage)]
    if let least = field.schema["minimum"]?.integer {
      made.append(wrong(field, "too small", .integer(least - 1), stage))
    }
    if let most = field.schema["maximum"]?.integer, most < Int64.max {
      made.append(wrong(field, "too large", .integer(most + 1), stage))
    }
    return made
  }

  private func lists(_ field: WishField, _ stage: JSONValue) -> [WishValue] {
    var made: [WishValue] = []
    let element = field.value(in: stage)?.array?.first ?? "x"
    if let least = field.schema["minItems"]?.integer, least > 0 {
      made.append(wrong(field, "too few", [], stage))
    }
    let keys = (field.schema["x-kubernetes-list-map-keys"]?.array ?? []).compactMap(\.string)
    if let most = field.schema["maxItems"]?.integer {
      let elements = (0...most).map { number in
        keys.reduce(element) { Self.numbered($0, $1, number) }
      }
      made.append(wrong(field, "too many", .array(elements), stage))
    }
    if !keys.isEmpty {
      made.append(wrong(field, "listed twice", [element, element], stage, at: "[1]"))
    }
    return made
  }

  /// An element with a key of its own.
  private static func numbered(_ element: JSONValue, _ key: String, _ number: Int64) -> JSONValue {
    let members = (element.object ?? []).filter { $0.name != key }
    return .object(members + [JSONMember(key, .string("key-\(number)"))])
  }

  private func sections(_ field: WishField, _ stage: JSONValue) -> [WishValue] {
    if let most = field.schema["maxProperties"]?.integer {
      let entries = (0...most).map { JSONMember("K\($0)", "v") }
      return [wrong(field, "too many", .object(entries), stage)]
    }
    let members = field.value(in: stage)?.object ?? []
    var made = (field.schema["required"]?.array ?? []).compactMap(\.string).map { name in
      wrong(
        field, "\(name) missing", .object(members.filter { $0.name != name }), stage,
        at: ".\(name)")
    }
    made.append(
      WishValue(
        path: field.path, kind: "unknown member",
        spec: field.setting(.object(members + [JSONMember("noSuchField", 1)]), in: stage),
        reaction: .unknown(field: "\(field.shown).noSuchField")))
    return made
  }
}
