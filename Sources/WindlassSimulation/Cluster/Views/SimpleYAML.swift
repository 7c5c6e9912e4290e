import WindlassWire

/// The YAML that an API server writes, and the simple YAML that people send it: block maps and
/// lists, flow maps and lists on one line, plain and quoted texts.
enum SimpleYAML {
  /// A value as YAML.
  static func text(of value: JSONValue) -> String {
    var lines: [String] = []
    write(value, "", &lines)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func write(_ value: JSONValue, _ indentation: String, _ lines: inout [String]) {
    switch value {
    case .object(let members) where !members.isEmpty:
      for member in members {
        write("\(indentation)\(plainKey(member.name)):", member.value, indentation, &lines)
      }
    case .array(let elements) where !elements.isEmpty:
      for element in elements {
        var inner: [String] = []
        write(element, indentation + "  ", &inner)
        let first = inner[0].dropFirst(indentation.count + 2)
        let isNested = element.isHollow || (element.object == nil && element.array == nil)
        lines.append("\(indentation)- " + (isNested ? scalar(element) : String(first)))
        lines += inner.dropFirst()
      }
    default: lines.append(indentation + scalar(value))
    }
  }

  private static func write(
    _ head: String, _ value: JSONValue, _ indentation: String, _ lines: inout [String]
  ) {
    switch value {
    case .object(let members) where !members.isEmpty:
      lines.append(head)
      write(value, indentation + "  ", &lines)
    case .array(let elements) where !elements.isEmpty:
      lines.append(head)
      write(value, indentation, &lines)
    default: lines.append("\(head) \(scalar(value))")
    }
  }

  private static func plainKey(_ name: String) -> String { name == "." ? "." : name }

  private static func scalar(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): needsQuotes(text) ? quoted(text) : text
    case .object: "{}"
    case .array: "[]"
    default: value.text
    }
  }

  private static func needsQuotes(_ text: String) -> Bool {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", ""]
    if words.contains(text.lowercased()) || Double(text) != nil { return true }
    // A text like a date is quoted, so that it stays a text.
    let looksLikeDate = text.count >= 10 && text.prefix(10).allSatisfy { $0.isNumber || $0 == "-" }
    let special = text.first.map { "!&*-?|>@`\"'%#{}[],: ".contains($0) } ?? true
    return looksLikeDate || special || text.contains(": ") || text.contains(" #")
      || text.hasSuffix(":") || text.contains("\n")
  }
}
