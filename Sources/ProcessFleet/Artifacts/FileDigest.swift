import CSodium
import Glibc
import WindlassCore

/// A SHA-256 of bytes that come piece by piece.
struct FileDigest {
  private var state = crypto_hash_sha256_state()

  /// Begins with nothing.
  init() { crypto_hash_sha256_init(&state) }

  /// Adds bytes at the end.
  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    crypto_hash_sha256_update(
      &state, bytes.bindMemory(to: UInt8.self).baseAddress, UInt64(bytes.count))
  }

  /// The digest of everything so far; nothing may be added afterwards.
  mutating func finish() -> Digest {
    var bytes = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
    crypto_hash_sha256_final(&state, &bytes)
    return Digest(
      bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
  }

  /// Reads a file from its beginning and leaves it there, so that it can be executed or unpacked
  /// through the descriptor that was verified.
  static func digest(
    of file: Descriptor, _ path: String
  ) throws(SystemError) -> (digest: Digest, size: Int64) {
    var digest = FileDigest()
    var size: Int64 = 0
    var buffer = [UInt8](repeating: 0, count: 262_144)
    guard lseek(file.number, 0, SEEK_SET) == 0 else { throw SystemError("lseek", path) }
    while true {
      let count = read(file.number, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemError("read", path) }
      if count == 0 { break }
      size += Int64(count)
      buffer.withUnsafeBytes { digest.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
    guard lseek(file.number, 0, SEEK_SET) == 0 else { throw SystemError("lseek", path) }
    return (digest.finish(), size)
  }
}
