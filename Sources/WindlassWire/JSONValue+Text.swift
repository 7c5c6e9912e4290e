extension JSONValue {
  /// The document on one line, without spaces and without a line end.
  ///
  /// Members keep their order, so equal values give equal bytes. Control characters and line
  /// separators are written as escapes. A double that is no number has no JSON form and becomes
  /// `null`.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The bytes of `text`.
  public var bytes: [UInt8] {
    var writer = JSONWriter(isPretty: false)
    writer.write(self, indentation: 0)
    return writer.bytes
  }

  /// The document over several lines, indented by two spaces, without a last line end.
  public var prettyText: String { String(decoding: prettyBytes, as: UTF8.self) }

  /// The bytes of `prettyText`.
  public var prettyBytes: [UInt8] {
    var writer = JSONWriter(isPretty: true)
    writer.write(self, indentation: 0)
    return writer.bytes
  }
}

/// Collects the bytes of a document.
private struct JSONWriter {
  let isPretty: Bool
  var bytes: [UInt8] = []

  init(isPretty: Bool) { self.isPretty = isPretty }

  mutating func write(_ value: JSONValue, indentation: Int) {
    switch value {
    case .null: put("null")
    case .bool(let value): put(value ? "true" : "false")
    case .integer(let value): put(String(value))
    // The shortest text that reads back as the same double; it has a point or an exponent.
    case .double(let value): put(value.isFinite ? value.description : "null")
    case .string(let value): write(value)
    case .array(let elements):
      write(elements, between: ("[", "]"), indentation: indentation) { writer, element in
        writer.write(element, indentation: indentation + 1)
      }
    case .object(let members):
      write(members, between: ("{", "}"), indentation: indentation) { writer, member in
        writer.write(member.name)
        writer.put(writer.isPretty ? ": " : ":")
        writer.write(member.value, indentation: indentation + 1)
      }
    }
  }

  private mutating func write<Element>(
    _ elements: [Element], between marks: (open: String, close: String), indentation: Int,
    each: (inout JSONWriter, Element) -> Void
  ) {
    put(marks.open)
    for (index, element) in elements.enumerated() {
      if index > 0 { put(",") }
      breakLine(indentation + 1)
      each(&self, element)
    }
    if !elements.isEmpty { breakLine(indentation) }
    put(marks.close)
  }

  private mutating func write(_ string: String) {
    put("\"")
    if string.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }) {
      put(string)
      put("\"")
      return
    }
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": put("\\\"")
      case "\\": put("\\\\")
      case "\n": put("\\n")
      case "\r": put("\\r")
      case "\t": put("\\t")
      case "\u{20}"..."\u{7E}": bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      // Terminals and log readers act on these, so they never leave as themselves.
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        put("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
      default: bytes.append(contentsOf: String(scalar).utf8)
      }
    }
    put("\"")
  }

  private mutating func breakLine(_ indentation: Int) {
    guard isPretty else { return }
    bytes.append(0x0A)
    bytes.append(contentsOf: repeatElement(0x20, count: indentation * 2))
  }

  private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
}
