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
    var string = string
    put("\"")
    string.withUTF8 { text in
      // What stands for itself is copied as a whole, up to the next that does not.
      var start = 0
      var index = 0
      while index < text.count {
        let byte = text[index]
        if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
          index += 1
          continue
        }
        let width = escapedWidth(text, at: index)
        if width > 0 {
          bytes.append(contentsOf: text[start..<index])
          putEscape(of: text[index..<index + width])
          start = index + width
        }
        index += max(1, width)
      }
      bytes.append(contentsOf: text[start..<index])
    }
    put("\"")
  }

  /// How many bytes at a place are one character that is written as an escape; 0 for none.
  private func escapedWidth(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Int {
    switch text[index] {
    case 0x00..<0x20, UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x7F: 1
    // Terminals and log readers act on these, so they never leave as themselves: U+0080 to U+009F,
    // U+2028 and U+2029.
    case 0xC2 where text[index + 1] < 0xA0: 2
    case 0xE2 where text[index + 1] == 0x80 && (text[index + 2] & 0xFE) == 0xA8: 3
    default: 0
    }
  }

  private mutating func putEscape(of character: Slice<UnsafeBufferPointer<UInt8>>) {
    bytes.append(UInt8(ascii: "\\"))
    switch character.first {
    case UInt8(ascii: "\"")?: bytes.append(UInt8(ascii: "\""))
    case UInt8(ascii: "\\")?: bytes.append(UInt8(ascii: "\\"))
    case 0x0A?: bytes.append(UInt8(ascii: "n"))
    case 0x0D?: bytes.append(UInt8(ascii: "r"))
    case 0x09?: bytes.append(UInt8(ascii: "t"))
    default:
      let scalar = String(decoding: character, as: UTF8.self).unicodeScalars.first
      let digits = String(scalar?.value ?? 0, radix: 16)
      put("u" + String(repeating: "0", count: 4 - digits.count) + digits)
    }
  }

  private mutating func breakLine(_ indentation: Int) {
    guard isPretty else { return }
    bytes.append(0x0A)
    bytes.append(contentsOf: repeatElement(0x20, count: indentation * 2))
  }

  private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
}
