package import WindlassCore
package import WindlassWire

/// A value of a document that knows its own schema, so that the two can't part.
package protocol DocumentValue: Sendable {
  /// The structural OpenAPI schema, without description and limits.
  static var schema: JSONValue { get }

  /// Reads the value that stands at a path such as `spec.source`.
  static func read(_ value: JSONValue, at path: String) throws(ObjectError) -> Self
}

extension DocumentValue {
  static func wrongType(_ path: String, _ wanted: String) -> ObjectError {
    ObjectError(path, "has the wrong type", allowed: "Allowed: \(wanted).")
  }
}

extension String: DocumentValue {
  package static var schema: JSONValue { ["type": "string"] }

  package static func read(_ value: JSONValue, at path: String) throws(ObjectError) -> String {
    guard let text = value.string else { throw wrongType(path, "text") }
    return text
  }
}

extension Int64: DocumentValue {
  package static var schema: JSONValue { ["type": "integer", "format": "int64"] }

  package static func read(_ value: JSONValue, at path: String) throws(ObjectError) -> Int64 {
    guard let number = value.integer else { throw wrongType(path, "a whole number") }
    return number
  }
}

extension Bool: DocumentValue {
  package static var schema: JSONValue { ["type": "boolean"] }

  package static func read(_ value: JSONValue, at path: String) throws(ObjectError) -> Bool {
    guard let truth = value.bool else { throw wrongType(path, "true or false") }
    return truth
  }
}

extension Interval: DocumentValue {
  /// A number and a unit, as the daemon's own files have it.
  package static var schema: JSONValue {
    ["type": "string", "maxLength": 15, "pattern": "^[0-9]{1,12}(ms|s|m|h|d)$"]
  }

  package static func read(_ value: JSONValue, at path: String) throws(ObjectError) -> Interval {
    guard let interval = value.string.flatMap({ Interval($0) }) else {
      throw wrongType(path, "a whole number with a unit (ms, s, m, h or d), such as 10s")
    }
    return interval
  }
}

extension Array: DocumentValue where Element: DocumentValue {
  package static var schema: JSONValue { ["type": "array", "items": Element.schema] }

  package static func read(_ value: JSONValue, at path: String) throws(ObjectError) -> [Element] {
    guard let elements = value.array else { throw wrongType(path, "a list") }
    var read: [Element] = []
    for (index, element) in elements.enumerated() {
      read.append(try Element.read(element, at: "\(path)[\(index)]"))
    }
    return read
  }
}

extension Dictionary: DocumentValue where Key == String, Value: DocumentValue {
  package static var schema: JSONValue {
    ["type": "object", "additionalProperties": Value.schema]
  }

  package static func read(
    _ value: JSONValue, at path: String
  ) throws(ObjectError) -> [String: Value] {
    guard let members = value.object else { throw wrongType(path, "a mapping") }
    var read: [String: Value] = [:]
    for member in members {
      read[member.name] = try Value.read(member.value, at: "\(path).\(member.name)")
    }
    return read
  }
}

/// One of several words.
package protocol DocumentChoice: DocumentValue, RawRepresentable, CaseIterable
where RawValue == String {}

extension DocumentChoice {
  package static var schema: JSONValue {
    ["type": "string", "enum": .array(allCases.map { .string($0.rawValue) })]
  }

  package static func read(_ value: JSONValue, at path: String) throws(ObjectError) -> Self {
    guard let choice = value.string.flatMap(Self.init(rawValue:)) else {
      throw wrongType(path, allCases.map(\.rawValue).joined(separator: ", "))
    }
    return choice
  }
}
