import WindlassWire

/// Where the next page of a list begins; opaque to clients.
struct ContinueToken: Hashable, Sendable {
  /// The version of the first page; -1 for whatever is there now.
  var version: Int64
  /// The key behind which the page begins: namespace and name.
  var start: String

  /// The token as a client gets it.
  var text: String {
    let json: JSONValue = [
      "v": "meta.k8s.io/v1", "rv": .integer(version), "start": .string(start + "\u{0}"),
    ]
    return Base64.encoded(json.bytes)
  }

  init(version: Int64, start: String) {
    self.version = version
    self.start = start
  }

  /// Reads a token that a client sends back.
  init(_ text: String) throws(APIFailure) {
    guard let bytes = Base64.decoded(text) else {
      let place = text.utf8.count - text.utf8.count % 4
      throw .badRequest(
        "invalid continue token: continue key is not valid: illegal base64 data at input byte "
          + "\(place)")
    }
    guard let json = try? JSONValue.parse(bytes), let version = json["rv"]?.integer,
      let start = json["start"]?.string
    else { throw .badRequest("invalid continue token: continue key is not valid") }
    self.version = version
    self.start = String(start.filter { $0 != "\u{0}" })
  }
}

/// Base64 of URLs, without padding.
enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  /// The form with `+`, `/` and padding, as documents have it.
  static func padded(_ bytes: [UInt8]) -> String {
    let text = String(encoded(bytes).map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
    return text + String(repeating: "=", count: (4 - text.count % 4) % 4)
  }

  static func encoded(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var number = group.reduce(0) { $0 << 8 | Int($1) }
      number <<= 8 * (3 - group.count)
      for index in 0...group.count {
        text.append(alphabet[number >> (18 - 6 * index) & 63])
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  static func decoded(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var number = 0
    var bits = 0
    guard text.utf8.count % 4 != 1 else { return nil }
    for byte in text.utf8 {
      guard let value = alphabet.firstIndex(of: byte) else { return nil }
      number = (number << 6 | value) & 0xFFFF
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: number >> bits))
      }
    }
    return bytes
  }
}
