import CSodium
package import WindlassCore

/// The few functions of libsodium that feeds need, with Swift's types.
package enum Sodium {
  /// libsodium wants this once before anything else; the call is safe from any thread.
  private static let isInitialised = sodium_init() >= 0

  /// Stops the program when libsodium finds no source of randomness: nothing could be trusted.
  static func initialise() {
    precondition(isInitialised, "libsodium could not be initialised")
  }

  /// The SHA-256 of the bytes.
  package static func sha256(_ bytes: [UInt8]) -> Digest {
    initialise()
    var hash = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
    crypto_hash_sha256(&hash, bytes, UInt64(bytes.count))
    return Digest(hexadecimal(hash))
  }

  /// BLAKE2b of the bytes, without a key, of `size` bytes.
  static func blake2b(_ bytes: [UInt8], size: Int) -> [UInt8] {
    initialise()
    var hash = [UInt8](repeating: 0, count: size)
    crypto_generichash(&hash, size, bytes, UInt64(bytes.count), nil, 0)
    return hash
  }

  /// That many bytes nobody can guess.
  static func random(_ count: Int) -> [UInt8] {
    initialise()
    var bytes = [UInt8](repeating: 0, count: count)
    randombytes_buf(&bytes, count)
    return bytes
  }

  /// Overwrites the bytes so that no copy of a secret stays behind in them.
  static func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { sodium_memzero($0.baseAddress, $0.count) }
  }

  /// The bytes in hexadecimal, lower case.
  static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// Computes a SHA-256 over pieces.
package struct StreamedSHA256 {
  private var state = crypto_hash_sha256_state()

  /// Begins with no bytes.
  package init() {
    Sodium.initialise()
    crypto_hash_sha256_init(&state)
  }

  /// Adds the next bytes.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    crypto_hash_sha256_update(
      &state, start.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
  }

  /// The digest of all bytes so far; the hash is used up.
  package consuming func finish() -> Digest {
    var hash = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
    crypto_hash_sha256_final(&state, &hash)
    return Digest(Sodium.hexadecimal(hash))
  }
}
