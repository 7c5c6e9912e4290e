import WindlassWire

extension SimpleYAML {
  /// Reads a document; JSON is YAML too. Nil for what is none, or is more than simple.
  static func parse(_ text: String) -> JSONValue? {
    if let json = try? JSONValue.parse(Array(text.utf8), limits: .request) { return json }
    let lines = text.split(separator: "\n").map(String.init).filter { line in
      let content = line.trimmingSpaces
      return !content.isEmpty && !content.hasPrefix("#") && content != "---"
    }
    var reader = BlockReader(lines: lines)
    guard let value = reader.block(atLeast: 0), reader.isAtEnd else { return nil }
    return value
  }

  /// Reads blocks by their indentation.
  private struct BlockReader {
    var lines: [String]
    var position = 0

    var isAtEnd: Bool { position == lines.count }

    private func indentation(_ line: String) -> Int { line.prefix { $0 == " " }.count }

    mutating func block(atLeast least: Int) -> JSONValue? {
      guard !isAtEnd else { return nil }
      let depth = indentation(lines[position])
      guard depth >= least else { return nil }
      return lines[position].dropFirst(depth).hasPrefix("-") ? list(depth) : map(depth)
    }

    private mutating func map(_ depth: Int) -> JSONValue? {
      var members: [JSONMember] = []
      while !isAtEnd, indentation(lines[position]) == depth {
        let line = lines[position].dropFirst(depth)
        guard !line.hasPrefix("- "), let colon = colon(in: line) else { break }
        let name = String(line[..<colon]).trimmingSpaces.filter { $0 != "\"" && $0 != "'" }
        let rest = line[line.index(after: colon)...].trimmingSpaces
        position += 1
        if rest.isEmpty {
          let next = isAtEnd ? "" : lines[position]
          let isList = indentation(next) == depth && next.dropFirst(depth).hasPrefix("-")
          members.append(
            JSONMember(String(name), block(atLeast: isList ? depth : depth + 1) ?? .null))
        } else {
          var flow = FlowReader(rest)
          guard let value = flow.value(), flow.isAtEnd else { return nil }
          members.append(JSONMember(String(name), value))
        }
      }
      return members.isEmpty ? nil : .object(members)
    }

    private func colon(in line: Substring) -> String.Index? {
      line.indices.first { index in
        let next = line.index(after: index)
        return line[index] == ":" && (next == line.endIndex || line[next] == " ")
      }
    }

    private mutating func list(_ depth: Int) -> JSONValue? {
      var elements: [JSONValue] = []
      while !isAtEnd, indentation(lines[position]) == depth,
        lines[position].dropFirst(depth).hasPrefix("-")
      {
        let rest = lines[position].dropFirst(depth + 1)
        let content = rest.trimmingSpaces
        if content.isEmpty {
          position += 1
          elements.append(block(atLeast: depth + 1) ?? .null)
        } else if colon(in: content) != nil, !"{[\"'".contains(content.first ?? " ") {
          lines[position] = String(repeating: " ", count: depth + 1) + rest
          guard let inner = block(atLeast: depth + 1) else { return nil }
          elements.append(inner)
        } else {
          position += 1
          var flow = FlowReader(content)
          guard let value = flow.value(), flow.isAtEnd else { return nil }
          elements.append(value)
        }
      }
      return .array(elements)
    }
  }

  /// Reads flow style and scalars.
  private struct FlowReader {
    private var rest: Substring

    init(_ text: Substring) { rest = text }

    var isAtEnd: Bool { rest.trimmingSpaces.isEmpty || rest.trimmingSpaces.hasPrefix("#") }

    mutating func value() -> JSONValue? {
      rest = rest.trimmingSpaces
      guard let first = rest.first else { return nil }
      switch first {
      case "{":
        return collection("}") { reader in
          let name = reader.scalar(upTo: ":,}")
          guard reader.take(":"), let value = reader.value() else { return nil }
          return .object([JSONMember(name, value)])
        }.map { .object($0.flatMap(\.members)) }
      case "[": return collection("]") { $0.value() }.map(JSONValue.array)
      case "\"", "'":
        rest.removeFirst()
        guard let end = rest.firstIndex(of: first) else { return nil }
        defer { rest = rest[rest.index(after: end)...] }
        return .string(String(rest[..<end]))
      default:
        let isInner = depth > 0
        return Self.plain(scalar(upTo: isInner ? ",}]" : ""))
      }
    }

    private var depth = 0

    private mutating func collection(
      _ end: Character, _ read: (inout FlowReader) -> JSONValue?
    ) -> [JSONValue]? {
      rest.removeFirst()
      depth += 1
      defer { depth -= 1 }
      var items: [JSONValue] = []
      while true {
        rest = rest.trimmingSpaces
        if take(end) { return items }
        guard let item = read(&self) else { return nil }
        items.append(item)
        rest = rest.trimmingSpaces
        if take(",") { continue }
        return take(end) ? items : nil
      }
    }

    private mutating func scalar(upTo ends: String) -> String {
      let text = rest.prefix { !ends.contains($0) }
      rest = rest.dropFirst(text.count)
      return String(text.trimmingSpaces)
    }

    private mutating func take(_ character: Character) -> Bool {
      rest = rest.trimmingSpaces
      guard rest.first == character else { return false }
      rest.removeFirst()
      return true
    }

    private static func plain(_ text: String) -> JSONValue {
      switch text {
      case "null", "~", "": return .null
      case "true": return .bool(true)
      case "false": return .bool(false)
      default:
        if let number = Int64(text) { return .integer(number) }
        if let number = Double(text) { return .double(number) }
        return .string(text)
      }
    }
  }
}
