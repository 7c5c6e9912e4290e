import WindlassCore
package import WindlassWire

/// Values that earlier replies gave to later probes, by the name of their capture.
package typealias ProbeCaptures = [String: JSONValue]

/// Text with `{name}` in places where a captured value belongs.
///
/// A name is a letter or underscore followed by letters, digits, `_`, `-` or `.`; braces around
/// anything else, such as those of a JSON object, are text.
enum ProbeTemplate {
  /// How a value is written where its name stands.
  enum Place {
    /// Percent-encoded, so that a value can't leave its path segment.
    case path
    /// A string without its quotes and with JSON's escapes, anything else as JSON text.
    case json
  }

  /// A name without a value.
  struct MissingValue: Error, Hashable {
    var name: String
  }

  /// The text with every name replaced by its value.
  static func expand(
    _ text: String, with values: ProbeCaptures, in place: Place
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
      result += written(value, in: place)
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

  private static func name(at text: Substring) -> String? {
    guard let close = text.firstIndex(of: "}") else { return nil }
    let name = text[text.index(after: text.startIndex)..<close]
    guard let first = name.first, first.isASCII, first.isLetter || first == "_" else { return nil }
    let isName = name.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" || $0 == ".")
    }
    return isName ? String(name) : nil
  }

  private static func written(_ value: JSONValue, in place: Place) -> String {
    switch place {
    case .path: percentEncoded(value.string ?? value.text)
    case .json: value.string == nil ? value.text : String(value.text.dropFirst().dropLast())
    }
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
