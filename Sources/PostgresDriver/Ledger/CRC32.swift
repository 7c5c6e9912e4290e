/// The checksum of zlib and PNG.
enum CRC32 {
  /// The checksum of the bytes: polynomial `0xEDB88320` reflected, all bits set before and turned
  /// over after.
  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(UInt32.max) { checksum, byte in
      (0..<8).reduce(checksum ^ UInt32(byte)) { value, _ in
        value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1
      }
    }
  }
}
