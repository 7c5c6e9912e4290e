import CSodium
import FoundationEssentials
package import WindlassCore

/// SHA-256 of what steps are told.
package enum StepDigest {
  /// The digest of bytes.
  package static func of(_ bytes: [UInt8]) -> Digest {
    var hash = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
    // The manual: always 0.
    crypto_hash_sha256(&hash, bytes, UInt64(bytes.count))
    let digits = Array("0123456789abcdef")
    return Digest(String(hash.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }))
  }

  /// The digest of a text.
  package static func of(_ text: String) -> Digest { of(Array(text.utf8)) }
}

/// How values of steps are written: sorted, so that equal values are equal bytes.
enum StepCoding {
  static func bytes(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return Array(try encoder.encode(value))
    } catch {
      // Numbers, texts and lists of them: nothing that JSON has no form for.
      preconditionFailure("\(type(of: value)) has no JSON: \(error)")
    }
  }

  static func text(_ value: some Encodable) -> String {
    String(decoding: bytes(value), as: UTF8.self)
  }

  /// The value; nil for bytes that hold none.
  static func read<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) -> Value? {
    // What is wrong is told by the caller, who knows what it should have been.
    try? JSONDecoder().decode(type, from: Data(bytes))
  }
}
