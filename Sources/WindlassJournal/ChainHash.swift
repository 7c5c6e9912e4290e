import CSodium
import WindlassCore

/// A SHA-256 that stands for a record and everything before it.
struct ChainHash: Hashable, Sendable {
  /// Always 32.
  let bytes: [UInt8]

  /// Takes 32 bytes; nil for any other count.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == ChainHash.size else { return nil }
    self.bytes = bytes
  }

  private init(hashing input: [UInt8]) {
    var digest = [UInt8](repeating: 0, count: ChainHash.size)
    // The manual: the function always returns 0.
    crypto_hash_sha256(&digest, input, UInt64(input.count))
    bytes = digest
  }

  /// The number of bytes.
  static let size = 32

  /// What stands before the first record.
  static let genesis = ChainHash(hashing: Array("windlass journal 1".utf8))

  /// The hash of a record whose predecessor has the hash `previous`.
  ///
  /// Every field is preceded by its length, so that no two records have the same input.
  static func of(_ record: JournalRecord, previous: ChainHash) -> ChainHash {
    var input = previous.bytes
    input.reserveCapacity(256 + record.payload.utf8.count)
    append(record.sequence, to: &input)
    append(record.service.text, to: &input)
    append(record.run?.text, to: &input)
    append(record.kind.rawValue, to: &input)
    append(record.effect?.text, to: &input)
    append(UInt64(bitPattern: record.at.milliseconds), to: &input)
    append(record.payload, to: &input)
    return ChainHash(hashing: input)
  }

  /// The hash of several hashes in order.
  static func of(_ hashes: [ChainHash]) -> ChainHash {
    ChainHash(hashing: Array("windlass carried 1".utf8) + hashes.flatMap(\.bytes))
  }

  /// The bytes in lower-case hexadecimal.
  var text: String {
    let digits = Array("0123456789abcdef".utf8)
    let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }

  /// Reads 64 lower-case hexadecimal digits.
  init?(text: some StringProtocol) {
    let digits = Array(text.utf8)
    guard digits.count == 2 * ChainHash.size else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = ChainHash.value(digits[index]), let low = ChainHash.value(digits[index + 1])
      else { return nil }
      bytes.append(high << 4 | low)
    }
    self.bytes = bytes
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }

  private static func append(_ number: UInt64, to input: inout [UInt8]) {
    for shift in stride(from: 56, through: 0, by: -8) {
      input.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
    }
  }

  private static func append(_ text: String?, to input: inout [UInt8]) {
    guard let text else {
      input.append(0)
      return
    }
    input.append(1)
    append(UInt64(text.utf8.count), to: &input)
    input.append(contentsOf: text.utf8)
  }
}
