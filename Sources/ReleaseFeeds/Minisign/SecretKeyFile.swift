import CSodium
package import WindlassCore

/// The layout of minisign's secret key files: fields of fixed size, in this order.
private enum Layout {
  static let algorithm = 0..<2
  static let derivation = 2..<4
  static let checksum = 4..<6
  static let salt = 6..<38
  static let operations = 38..<46
  static let memory = 46..<54
  /// Number, key and checksum; encrypted as a whole.
  static let box = 54..<158
  static let size = 158
  /// Inside `box`.
  static let boxID = 0..<8
  static let boxKey = 8..<72
  static let boxChecksum = 72..<104

  static let scrypt = Array("Sc".utf8)
  static let noDerivation: [UInt8] = [0, 0]
  static let blake2b = Array("B2".utf8)
}

/// What deriving a key from a password costs, and so what guessing the password costs.
package struct DerivationCost: Hashable, Sendable {
  /// libsodium's "opslimit".
  let operations: UInt64
  /// Bytes of memory, libsodium's "memlimit".
  let memory: UInt64

  /// About two seconds and 1 GiB, as the minisign program takes.
  package static let sensitive = DerivationCost(
    operations: UInt64(crypto_pwhash_scryptsalsa208sha256_opslimit_sensitive()),
    memory: UInt64(crypto_pwhash_scryptsalsa208sha256_memlimit_sensitive()))
  /// Some milliseconds and 16 MiB.
  package static let interactive = DerivationCost(
    operations: UInt64(crypto_pwhash_scryptsalsa208sha256_opslimit_interactive()),
    memory: UInt64(crypto_pwhash_scryptsalsa208sha256_memlimit_interactive()))
}

extension SecretKey {
  /// Reads the text of a secret key file, as `minisign -G` or `file` wrote it.
  package static func read(
    file: String, password: Secret? = nil
  ) throws(KeyError) -> SecretKey {
    let lines = file.split(whereSeparator: \.isNewline)
    guard lines.count == 2, lines[0].hasPrefix(CommentLine.untrusted),
      var bytes = Base64.bytes(Array(lines[1].utf8), count: Layout.size)
    else { throw .malformed("a secret key file is an untrusted comment and a line of base 64") }
    defer { Sodium.wipe(&bytes) }
    guard Array(bytes[Layout.algorithm]) == Algorithm.key,
      Array(bytes[Layout.checksum]) == Layout.blake2b
    else { throw .malformed("the secret key file is of a kind that is not known") }
    let isEncrypted = try SecretKey.isEncrypted(bytes)
    if isEncrypted {
      guard let password else { throw .passwordMissing }
      try SecretKey.toggleEncryption(of: &bytes, password: password)
    }
    var box = Array(bytes[Layout.box])
    defer { Sodium.wipe(&box) }
    try SecretKey.checkSum(of: box, isEncrypted: isEncrypted)
    var key = Array(box[Layout.boxKey])
    defer { Sodium.wipe(&key) }
    guard let pair = SecretKey(id: KeyID(bytes: Array(box[Layout.boxID])), bytes: key) else {
      throw .malformed("the secret key file holds no key pair")
    }
    return pair
  }

  /// The text of a secret key file; encrypted when there is a password. Without one it is as
  /// `minisign -G -W` makes it, and the file's mode is its only protection.
  package func file(
    password: Secret?, cost: DerivationCost = .sensitive
  ) throws(KeyError) -> String {
    var bytes = [UInt8](repeating: 0, count: Layout.size)
    defer { Sodium.wipe(&bytes) }
    bytes.replaceSubrange(Layout.algorithm, with: Algorithm.key)
    bytes.replaceSubrange(Layout.checksum, with: Layout.blake2b)
    let box = Layout.box.lowerBound
    bytes.replaceSubrange(box..<box + KeyID.size, with: publicKey.id.bytes)
    withBytes { key in
      for (offset, byte) in key.enumerated() {
        bytes[box + Layout.boxKey.lowerBound + offset] = byte
      }
    }
    if let password { try SecretKey.encrypt(&bytes, with: password, cost: cost) }
    let kind = password == nil ? "unencrypted" : "encrypted"
    return "\(CommentLine.untrusted)minisign \(kind) secret key\n\(Base64.text(bytes))\n"
  }

  private static func isEncrypted(_ bytes: [UInt8]) throws(KeyError) -> Bool {
    switch Array(bytes[Layout.derivation]) {
    case Layout.scrypt: return true
    case Layout.noDerivation: return false
    default: throw .malformed("the secret key file is encrypted in a way that is not known")
    }
  }

  /// Fills in checksum, salt and cost, and encrypts the box.
  ///
  /// Where the memory is not there, the key is derived for half as much, as the minisign program
  /// does; readers take the cost from the file.
  private static func encrypt(
    _ bytes: inout [UInt8], with password: Secret, cost: DerivationCost
  ) throws(KeyError) {
    let checksum = Layout.box.lowerBound + Layout.boxChecksum.lowerBound..<Layout.size
    bytes.replaceSubrange(checksum, with: sum(of: Array(bytes[Layout.box])))
    bytes.replaceSubrange(Layout.derivation, with: Layout.scrypt)
    bytes.replaceSubrange(Layout.salt, with: Sodium.random(Layout.salt.count))
    var cost = cost
    while true {
      bytes.replaceSubrange(Layout.operations, with: self.bytes(cost.operations))
      bytes.replaceSubrange(Layout.memory, with: self.bytes(cost.memory))
      do throws(KeyError) {
        return try toggleEncryption(of: &bytes, password: password)
      } catch {
        guard cost.memory > DerivationCost.interactive.memory else { throw error }
        cost = DerivationCost(operations: cost.operations / 2, memory: cost.memory / 2)
      }
    }
  }

  /// Encrypts the box, or decrypts it: the cipher is its own inverse.
  private static func toggleEncryption(
    of bytes: inout [UInt8], password: Secret
  ) throws(KeyError) {
    let cost = DerivationCost(
      operations: number(bytes[Layout.operations]), memory: number(bytes[Layout.memory]))
    guard cost.operations <= DerivationCost.sensitive.operations,
      cost.memory <= DerivationCost.sensitive.memory
    else { throw .malformed("the secret key file asks for more memory than any minisign takes") }
    var stream = [UInt8](repeating: 0, count: Layout.box.count)
    defer { Sodium.wipe(&stream) }
    var characters = password.reveal().utf8.map { CChar(bitPattern: $0) }
    defer { characters.withUnsafeMutableBytes { sodium_memzero($0.baseAddress, $0.count) } }
    let result = crypto_pwhash_scryptsalsa208sha256(
      &stream, UInt64(Layout.box.count), characters, UInt64(characters.count),
      Array(bytes[Layout.salt]), cost.operations, Int(cost.memory))
    guard result == 0 else { throw .memoryMissing(size: cost.memory) }
    for offset in stream.indices { bytes[Layout.box.lowerBound + offset] ^= stream[offset] }
  }

  private static func checkSum(of box: [UInt8], isEncrypted: Bool) throws(KeyError) {
    let stored = box[Layout.boxChecksum]
    // An unencrypted file has zeros here: the sum tells a right password from a wrong one.
    if !isEncrypted, stored.allSatisfy({ $0 == 0 }) { return }
    guard sum(of: box).elementsEqual(stored) else {
      throw isEncrypted
        ? .passwordWrong : .malformed("the secret key file was changed after it was written")
    }
  }

  private static func sum(of box: [UInt8]) -> [UInt8] {
    Sodium.blake2b(
      Algorithm.key + box[Layout.boxID] + box[Layout.boxKey], size: Layout.boxChecksum.count)
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private static func bytes(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }
}
