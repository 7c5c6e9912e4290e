import WindlassWire

/// A short text that tells one JSON value from another, whatever the order of its members: FNV-1a
/// of 64 bits. It guards against oversight, not against malice: who can change the value can as
/// well change what it is compared with.
struct Fingerprint: Hashable, Sendable {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  init(_ value: JSONValue) { add(value) }

  /// Sixteen hexadecimal digits.
  var text: String {
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private mutating func add(_ value: JSONValue) {
    switch value {
    case .object(let members):
      add("{")
      for member in members.sorted(by: { $0.name < $1.name }) {
        add(JSONValue.string(member.name).text)
        add(member.value)
      }
      add("}")
    case .array(let elements):
      add("[")
      for element in elements {
        add(element)
        add(",")
      }
      add("]")
    case .null, .bool, .integer, .double, .string: add(value.text)
    }
  }

  private mutating func add(_ text: String) {
    for byte in text.utf8 { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
  }
}
