import CSodium

/// Base 64 with padding (RFC 4648, section 4), read without leniency.
enum Base64 {
  /// The text of the bytes.
  static func text(_ bytes: [UInt8]) -> String {
    let variant = sodium_base64_VARIANT_ORIGINAL
    // The length that libsodium asks for includes the final zero byte.
    var text = [CChar](
      repeating: 0, count: sodium_base64_encoded_len(bytes.count, variant))
    sodium_bin2base64(&text, text.count, bytes, bytes.count, variant)
    return String(decoding: text.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The bytes of a text of any length; nil for any text but the one that `text` gives for them.
  static func bytes(_ text: String) -> [UInt8]? {
    let padding = text.utf8.suffix(2).count { $0 == UInt8(ascii: "=") }
    guard text.utf8.count % 4 == 0 else { return nil }
    return bytes(Array(text.utf8), count: text.utf8.count / 4 * 3 - padding)
  }

  /// Exactly `count` bytes; nil for any text but the one that `text` gives for them.
  static func bytes(_ text: some Collection<UInt8>, count: Int) -> [UInt8]? {
    let characters = text.map { CChar(bitPattern: $0) }
    guard count >= 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    var written = 0
    let result = sodium_base642bin(
      &bytes, count, characters, characters.count, nil, &written, nil,
      sodium_base64_VARIANT_ORIGINAL)
    // Two texts for the same bytes would leave bits of a file that nothing covers.
    guard result == 0, written == count, self.text(bytes).utf8.elementsEqual(text) else {
      return nil
    }
    return bytes
  }
}
