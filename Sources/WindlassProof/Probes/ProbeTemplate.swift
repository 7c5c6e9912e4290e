import WindlassCore
package import WindlassWire

/// Values that earlier replies gave to later probes, by the name of their capture.
package typealias ProbeCaptures = [String: JSONValue]

/// Text with `{name}` in places where a captured value belongs.
///
/// A name is a letter or underscore followed by letters, digits, `_`, `-` or `.`; braces around
/// anything else, such as those of a JSON object, are text.
enum ProbeTemplate {
  /// A name without a value.
  struct MissingValue: Error, Hashable {
    var name: String
  }

  /// The path with every name replaced by its value, percent-encoded, so that no value can leave
  /// its path segment.
  static func expand(
    path: String, with values: ProbeCaptures
  ) throws(MissingValue) -> String {
    try expand(path, with: values) { percentEncoded($0.string ?? $0.text) }
  }

  /// The JSON text with every name replaced by its value.
  ///
  /// A string that is nothing but a name becomes the value with its own type, so that
  /// `{"id": "{id}"}` sends the number that a reply gave; inside a longer string the value stands
  /// as text.
  static func expand(
    json text: String, with values: ProbeCaptures
  ) throws(MissingValue) -> String {
    guard !names(in: text).isEmpty else { return text }
    // Text that is JSON only once its values are there, such as `{"id": {id}}`.
    guard let document = try? JSONValue.parse(Array(text.utf8)) else {
      return try expand(text, with: values) { value in
        value.string == nil ? value.text : String(value.text.dropFirst().dropLast())
      }
    }
    return try expand(document, with: values).text
  }

  private static func expand(
    _ document: JSONValue, with values: ProbeCaptures
  ) throws(MissingValue) -> JSONValue {
    switch document {
    case .null, .bool, .integer, .double: return document
    case .string(let text):
      if let name = name(at: text[...]), text.count == name.count + 2 {
        guard let value = values[name] else { throw MissingValue(name: name) }
        return value
      }
      return .string(try expand(text, with: values) { $0.string ?? $0.text })
    case .array(let elements):
      var expanded: [JSONValue] = []
      for element in elements { expanded.append(try expand(element, with: values)) }
      return .array(expanded)
    case .object(let members):
      var expanded: [JSONMember] = []
      for member in members {
        let name = try expand(member.name, with: values) { $0.string ?? $0.text }
        expanded.append(JSONMember(name, try expand(member.value, with: values)))
      }
      return .object(expanded)
    }
  }

  private static func expand(
    _ text: String, with values: ProbeCaptures, as write: (JSONValue) -> String
  ) throws(MissingValue) -> String {
    var result = ""
    var rest = text[...]
    while let open = rest.firstIndex(of: "{") {
      result += rest[..<open]
      rest = rest[open...]
      guard let name = name(at: rest) else {
        result.append("{")
        rest = rest.dropFirst()
        continue
      }
      guard let value = values[name] else { throw MissingValue(name: name) }
      result += write(value)
      rest = rest.dropFirst(name.count + 2)
    }
    return result + rest
  }

  /// The names that the text asks for, each once, in order.
  static func names(in text: String) -> [String] {
    var names: [String] = []
    var rest = text[...]
    while let open = rest.firstIndex(of: "{") {
      rest = rest[open...]
      if let name = name(at: rest), !names.contains(name) { names.append(name) }
      rest = rest.dropFirst()
    }
    return names
  }

  /// The name in the braces with which the text begins.
  private static func name(at text: Substring) -> String? {
    guard text.first == "{", let close = text.firstIndex(of: "}") else { return nil }
    let name = text[text.index(after: text.startIndex)..<close]
    guard let first = name.first, first.isASCII, first.isLetter || first == "_" else { return nil }
    let isName = name.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" || $0 == ".")
    }
    return isName ? String(name) : nil
  }

  private static func percentEncoded(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      let scalar = Unicode.Scalar(byte)
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_", "~":
        result.unicodeScalars.append(scalar)
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return result
  }
}
