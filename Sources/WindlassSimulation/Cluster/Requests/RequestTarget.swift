/// What a path and its query ask for.
struct RequestTarget: Hashable, Sendable {
  var segments: [String]
  var query: [(name: String, value: String)]

  static func == (left: Self, right: Self) -> Bool { left.segments == right.segments }

  func hash(into hasher: inout Hasher) { hasher.combine(segments) }

  /// Takes a path with a query apart; percent signs and plus signs are decoded.
  init(_ path: String) {
    let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    segments = parts[0].split(separator: "/").map { Self.decoded($0, plus: false) }
    query =
      parts.count < 2
      ? []
      : parts[1].split(separator: "&").map { pair in
        let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (
          Self.decoded(sides[0], plus: true),
          sides.count > 1 ? Self.decoded(sides[1], plus: true) : ""
        )
      }
  }

  /// The first value of a parameter.
  subscript(_ name: String) -> String? { query.first { $0.name == name }?.value }

  /// All values of a parameter.
  func all(_ name: String) -> [String] { query.filter { $0.name == name }.map(\.value) }

  /// Whether a parameter is set to something that Go reads as true.
  func flag(_ name: String) -> Bool {
    guard let value = self[name] else { return false }
    return !["0", "false", "False", "FALSE", "f", "F"].contains(value)
  }

  private static func decoded(_ text: some StringProtocol, plus: Bool) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(plus && byte == UInt8(ascii: "+") ? 0x20 : byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
