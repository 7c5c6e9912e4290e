/// The tree that PostgreSQL's parser makes of a statement, laid flat: each entry is followed by all
/// that is below it.
///
/// Flat, because a tree of values would be walked and released by recursion, as deep as the
/// statement happens to be.
struct PostgresTree {
  /// One member of an object or of an array.
  struct Entry {
    /// The member's name; empty in an array.
    var name: String
    /// A text, a number or a truth value as written; nil for an object or an array.
    var value: String?
    /// The place behind the last entry below this one.
    var end: Int
  }

  private(set) var entries: [Entry] = []

  /// Reads what the parser writes; nil when it is anything else than JSON.
  init?(json: [UInt8]) {
    var reader = Reader(bytes: json)
    guard let entries = reader.read() else { return nil }
    self.entries = entries
  }

  /// The name of the only statement's node, such as `CopyStmt`; nil unless there is just one.
  var statement: Int? {
    guard let list = children(of: 0).first(where: { entries[$0].name == "stmts" }),
      children(of: list).count == 1, let only = children(of: list).first,
      let node = child("stmt", of: only)
    else { return nil }
    return children(of: node).first
  }

  /// The places of what stands directly below an entry.
  func children(of place: Int) -> [Int] {
    var found: [Int] = []
    var next = place + 1
    while next < entries[place].end {
      found.append(next)
      next = entries[next].end
    }
    return found
  }

  /// The place of the named member of an object.
  func child(_ name: String, of place: Int) -> Int? {
    children(of: place).first { entries[$0].name == name }
  }

  /// The text of the named member of an object.
  func text(_ name: String, of place: Int) -> String? {
    child(name, of: place).flatMap { entries[$0].value }
  }

  /// Whether the named member of an object is true; the parser leaves out what is false.
  func isTrue(_ name: String, of place: Int) -> Bool { text(name, of: place) == "true" }

  /// The places of all entries of that name below an entry, however deep.
  func all(_ name: String, below place: Int) -> [Int] {
    (place + 1..<max(place + 1, entries[place].end)).filter { entries[$0].name == name }
  }

  /// The texts of a list of strings, which is how the parser writes a qualified name.
  func strings(in place: Int) -> [String] {
    all("sval", below: place).compactMap { entries[$0].value }
  }
}

/// Reads JSON into flat entries, without recursion.
private struct Reader {
  let bytes: [UInt8]
  private var position = 0
  private var entries: [PostgresTree.Entry] = []
  /// The objects and arrays that are open.
  private var open: [Int] = []

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func read() -> [PostgresTree.Entry]? {
    var name = ""
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        position += 1
        open.append(entries.count)
        append(name, nil)
        name = ""
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        position += 1
        guard let place = open.popLast() else { return nil }
        entries[place].end = entries.count
        if open.isEmpty { return entries }
      case UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: "\n"): position += 1
      case UInt8(ascii: "\""):
        guard let text = string() else { return nil }
        if position < bytes.count, bytes[position] == UInt8(ascii: ":") {
          position += 1
          name = text
        } else {
          append(name, text)
          name = ""
        }
      default:
        let start = position
        while position < bytes.count, Self.isScalar(bytes[position]) { position += 1 }
        guard position > start else { return nil }
        append(name, String(decoding: bytes[start..<position], as: UTF8.self))
        name = ""
      }
      guard !open.isEmpty else { return nil }
    }
    return nil
  }

  private mutating func append(_ name: String, _ value: String?) {
    entries.append(PostgresTree.Entry(name: name, value: value, end: entries.count + 1))
  }

  private static func isScalar(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: true
    default: false
    }
  }

  /// Passes a text in quotes.
  private mutating func string() -> String? {
    position += 1
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        continue
      }
      guard position < bytes.count, let plain = escaped() else { return nil }
      text += plain
    }
    return nil
  }

  /// What the escape behind a backslash stands for.
  private mutating func escaped() -> [UInt8]? {
    let byte = bytes[position]
    position += 1
    switch byte {
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "u"):
      guard position + 4 <= bytes.count,
        let scalar = UInt32(
          String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16
        ).flatMap(Unicode.Scalar.init)
      else { return nil }
      position += 4
      return Array(String(scalar).utf8)
    default: return [byte]
    }
  }
}
