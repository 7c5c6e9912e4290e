import CSodium
import Glibc
import WindlassCore

/// A SHA-256 as its bytes, for many that are compared and not shown.
struct SHA256Sum: Hashable, Sendable {
  private var words: (first: UInt64, second: UInt64, third: UInt64, fourth: UInt64) = (0, 0, 0, 0)

  /// The sum of bytes.
  init(of bytes: UnsafeRawBufferPointer) {
    withUnsafeMutablePointer(to: &words) { words in
      let sum = UnsafeMutableRawPointer(words).assumingMemoryBound(to: UInt8.self)
      // The function needs no `sodium_init`; it always returns 0, and reads nothing of no bytes.
      _ = crypto_hash_sha256(
        sum, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
    }
  }

  /// Reads a digest; nil for one that is not 64 lower-case hexadecimal digits.
  init?(_ digest: Digest) {
    var text = digest.text
    let isRead = text.withUTF8 { digits in
      guard digits.count == 64 else { return false }
      var foreign: UInt8 = 0
      withUnsafeMutableBytes(of: &words) { bytes in
        for index in 0..<32 {
          let (high, low) = (Self.value(digits[2 * index]), Self.value(digits[2 * index + 1]))
          foreign |= high | low
          bytes[index] = high << 4 | low & 15
        }
      }
      return foreign < 16
    }
    guard isRead else { return nil }
  }

  /// The digit's value, without a branch for a long row of them; 16 or more for any other sign.
  private static func value(_ digit: UInt8) -> UInt8 {
    let (number, letter) = (digit &- 0x30, digit &- 0x61)
    return number < 10 ? number : letter < 6 ? letter &+ 10 : 0xFF
  }

  static func == (left: SHA256Sum, right: SHA256Sum) -> Bool { left.words == right.words }

  func hash(into hasher: inout Hasher) {
    // Any part of it is as good as all.
    hasher.combine(words.first)
  }
}

/// Makes the checksums of a directory's files with three calls to the kernel for each.
///
/// It says nothing of why a file can't be read, or is none: whoever gets no sum, or another one
/// than they look for, reads the file in the way that tells.
struct FileSums: ~Copyable {
  private let directory: Int32
  private let room: UnsafeMutableRawBufferPointer

  /// A larger file is left to whoever reads in pieces.
  private static let sizeMax = 65_536

  init(at path: String) {
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    room = .allocate(byteCount: Self.sizeMax, alignment: 16)
  }

  deinit {
    if directory >= 0 { close(directory) }
    room.deallocate()
  }

  /// The sum of a file's bytes; nil where this way does not give it.
  func sum(of name: String) -> SHA256Sum? {
    guard directory >= 0 else { return nil }
    let descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let count = read(descriptor, room.baseAddress, room.count)
    // Less than was asked for of an ordinary file is its end; nothing at all comes from other
    // things too, such as a pipe.
    guard count > 0, count < room.count else { return nil }
    return SHA256Sum(of: UnsafeRawBufferPointer(rebasing: room[..<count]))
  }
}
