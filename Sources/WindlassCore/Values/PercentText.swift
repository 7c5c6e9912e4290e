/// Text of a URL, in which `%` and two hexadecimal digits stand for a byte (RFC 3986, 2.1).
public enum PercentText {
  /// Why a text can't be decoded.
  public enum Flaw: Error {
    /// A `%` is not followed by two hexadecimal digits.
    case escape
    /// What it stands for is not UTF-8, or has a zero byte, at which a path would end.
    case bytes
  }

  /// The text that is meant.
  public static func decoded(_ text: Substring) throws(Flaw) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit)
      else { throw .escape }
      bytes.append(high << 4 | low)
    }
    guard !bytes.contains(0), let decoded = String(validating: bytes, as: UTF8.self) else {
      throw .bytes
    }
    return decoded
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
