import CSodium
import WindlassCore

/// A minisign secret key, in memory that is neither swapped out nor left behind.
// @unchecked: `memory` is written in `init` alone, before anyone else can see the object.
package final class SecretKey: @unchecked Sendable {
  /// Bytes of an Ed25519 secret key: the seed, and the public key again.
  static let size = Int(crypto_sign_SECRETKEYBYTES)

  /// What verifies this key's signatures.
  package let publicKey: PublicKey
  private let memory: UnsafeMutableRawPointer

  /// Takes the key's bytes; nil when they are no key pair.
  init?(id: KeyID, bytes: borrowing [UInt8]) {
    Sodium.initialise()
    guard bytes.count == SecretKey.size, let memory = sodium_malloc(SecretKey.size) else {
      return nil
    }
    let stored = memory.assumingMemoryBound(to: UInt8.self)
    var publicBytes = [UInt8](repeating: 0, count: PublicKey.size)
    // The pair is derived from the seed again: with a public half that does not belong to the
    // seed, signatures would give the seed away.
    crypto_sign_seed_keypair(&publicBytes, stored, bytes)
    guard sodium_memcmp(memory, bytes, SecretKey.size) == 0 else {
      sodium_free(memory)
      return nil
    }
    sodium_mprotect_readonly(memory)
    self.memory = memory
    publicKey = PublicKey(id: id, bytes: publicBytes)
  }

  deinit { sodium_free(memory) }

  /// Makes a new key pair with a random number.
  package static func generate() -> SecretKey {
    Sodium.initialise()
    var publicBytes = [UInt8](repeating: 0, count: PublicKey.size)
    var bytes = [UInt8](repeating: 0, count: size)
    defer { Sodium.wipe(&bytes) }
    crypto_sign_keypair(&publicBytes, &bytes)
    guard let key = SecretKey(id: KeyID(bytes: Sodium.random(KeyID.size)), bytes: bytes) else {
      preconditionFailure("libsodium made a key pair that is none, or has no memory left")
    }
    return key
  }

  /// Signs the document and returns the signature file.
  ///
  /// Both comments must be one line of printable ASCII (the minisign program refuses others); the
  /// trusted one is signed as well.
  package func sign(
    _ document: [UInt8], trustedComment: String,
    untrustedComment: String = "signature from windlass"
  ) throws(KeyError) -> [UInt8] {
    try SecretKey.check(comment: trustedComment)
    try SecretKey.check(comment: untrustedComment)
    let signature = sign(Sodium.blake2b(document, size: Minisign.hashSize))
    let global = sign(signature + Array(trustedComment.utf8))
    let body = Algorithm.hashed + publicKey.id.bytes + signature
    let file = """
      \(CommentLine.untrusted)\(untrustedComment)
      \(Base64.text(body))
      \(CommentLine.trusted)\(trustedComment)
      \(Base64.text(global))

      """
    return Array(file.utf8)
  }

  /// Lends the key's bytes; they must not be kept.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    body(UnsafeRawBufferPointer(start: memory, count: SecretKey.size))
  }

  private func sign(_ message: [UInt8]) -> [UInt8] {
    var signature = [UInt8](repeating: 0, count: SignatureFile.signatureSize)
    let key = memory.assumingMemoryBound(to: UInt8.self)
    crypto_sign_detached(&signature, nil, message, UInt64(message.count), key)
    return signature
  }

  private static func check(comment: String) throws(KeyError) {
    guard comment.utf8.count <= Bounds.signatureCommentMax else {
      throw .commentUnfit("it has more than \(Bounds.signatureCommentMax) bytes")
    }
    guard comment.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else {
      throw .commentUnfit("it must be one line of printable ASCII")
    }
  }
}
