import CSodium

/// The number that minisign gives a key pair; it tells which key to try and proves nothing.
package struct KeyID: Hashable, Sendable, CustomStringConvertible {
  static let size = 8
  /// As stored in files: the least significant byte first.
  let bytes: [UInt8]

  /// The number as the minisign program prints it, in hexadecimal without leading zeros.
  package var description: String {
    let number = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return String(number, radix: 16, uppercase: true)
  }
}

/// A minisign public key.
package struct PublicKey: Hashable, Sendable, CustomStringConvertible {
  static let size = Int(crypto_sign_PUBLICKEYBYTES)

  /// The key pair's number.
  package let id: KeyID
  /// The Ed25519 key itself.
  let bytes: [UInt8]

  init(id: KeyID, bytes: [UInt8]) {
    self.id = id
    self.bytes = bytes
  }

  /// Reads a public key as `minisign -G` prints it (`RW…`), or the whole text of its file.
  ///
  /// Blanks and line ends around it are dropped, as configuration files add them.
  package init(_ text: String) throws(KeyError) {
    let lines = text.split(whereSeparator: \.isNewline).map { line in
      line.trimmingBlanks()
    }.filter { !$0.isEmpty }
    guard let line = lines.last, lines.count <= 2 else {
      throw .malformed("a public key is one line (RW…), or a comment and that line")
    }
    if lines.count == 2, !lines[0].hasPrefix(CommentLine.untrusted) {
      throw .malformed("the first of two lines must be an untrusted comment")
    }
    let count = Algorithm.size + KeyID.size + PublicKey.size
    guard let bytes = Base64.bytes(Array(line.utf8), count: count) else {
      throw .malformed("a public key is 56 characters of base 64 that begin with RW")
    }
    guard Array(bytes.prefix(Algorithm.size)) == Algorithm.key else {
      throw .malformed("the key is of another algorithm than Ed25519")
    }
    id = KeyID(bytes: Array(bytes[Algorithm.size..<Algorithm.size + KeyID.size]))
    self.bytes = Array(bytes.suffix(PublicKey.size))
  }

  /// The key as one line, as configurations hold it.
  package var text: String { Base64.text(Algorithm.key + id.bytes + bytes) }

  /// The key as the file that `minisign -p` reads.
  package var file: String { "\(CommentLine.untrusted)minisign public key \(id)\n\(text)\n" }

  package var description: String { text }

  /// Whether this key made the signature over the bytes.
  func verifies(_ signature: ArraySlice<UInt8>, over bytes: [UInt8]) -> Bool {
    guard signature.count == Int(crypto_sign_BYTES) else { return false }
    return crypto_sign_verify_detached(
      Array(signature), bytes, UInt64(bytes.count), self.bytes) == 0
  }
}

/// Why a key can't be used; never holds key material.
package enum KeyError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The text is not a key; says what it should be.
  case malformed(String)
  /// A set of trusted keys without a key: everything would be refused, or worse.
  case noKeys
  /// More keys than a service may trust.
  case tooManyKeys(count: Int)
  /// Two different keys of one number; one of them was made to look like the other.
  case conflictingKeys(KeyID)
  /// The secret key file is encrypted and no password was given.
  case passwordMissing
  /// The password does not open the secret key.
  case passwordWrong
  /// The system did not give the memory that deriving a key from the password takes.
  case memoryMissing(size: UInt64)
  /// A comment that a signature file can't hold.
  case commentUnfit(String)

  package var description: String {
    switch self {
    case .malformed(let reason): "not a minisign key: \(reason)"
    case .noKeys: "no public key is trusted; name at least one"
    case .tooManyKeys(let count): "\(count) public keys are too many; drop those not in use"
    case .conflictingKeys(let id):
      "two different public keys have the number \(id); drop the one that is not the publisher's"
    case .passwordMissing: "the secret key is encrypted; give its password"
    case .passwordWrong: "the password does not open the secret key; give the right one"
    case .memoryMissing(let size):
      "deriving the key from its password takes \(size) bytes of memory, which are not there"
    case .commentUnfit(let reason): "the comment can't be written: \(reason)"
    }
  }
}

/// The two letters at the start of every key and signature.
enum Algorithm {
  static let size = 2
  /// Of keys, and of the legacy form of signatures.
  static let key = Array("Ed".utf8)
  /// Of signatures over the BLAKE2b-512 of a file.
  static let hashed = Array("ED".utf8)
}

/// How the comment lines of minisign's files begin.
enum CommentLine {
  static let untrusted = "untrusted comment: "
  static let trusted = "trusted comment: "
}

extension Substring {
  /// The text without blanks at both ends.
  func trimmingBlanks() -> Substring {
    var text = self
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
