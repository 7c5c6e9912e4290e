package import WindlassCore

/// Bytes that a trusted key has signed.
///
/// The only way to one is `verify`, and a `Manifest` is made of nothing else: bytes that were not
/// verified can't be read as a manifest at all (invariant T1).
package struct VerifiedDocument: Hashable, Sendable {
  /// The document, exactly as signed.
  package let bytes: [UInt8]
  /// The SHA-256 of `bytes`.
  package let digest: Digest
  /// The key that signed.
  package let key: PublicKey
  /// Covered by the signature, and still text of somebody else: escape it before showing it.
  package let trustedComment: String

  private init(bytes: [UInt8], key: PublicKey, trustedComment: String) {
    self.bytes = bytes
    self.digest = Sodium.sha256(bytes)
    self.key = key
    self.trustedComment = trustedComment
  }

  /// Checks the signature file against the exact bytes.
  ///
  /// The key decides the algorithm, the message does not: Ed25519 over the BLAKE2b-512 of the
  /// document, and again over that signature with the trusted comment.
  package static func verify(
    _ bytes: [UInt8], signature: [UInt8], by keys: TrustedKeys
  ) throws(SignatureRefusal) -> VerifiedDocument {
    guard bytes.count <= Bounds.manifestSizeMax else {
      throw .documentTooLarge(size: bytes.count)
    }
    let file = try SignatureFile(signature)
    guard let key = keys.key(file.key) else { throw .unknownKey(file.key) }
    let hash = Sodium.blake2b(bytes, size: Minisign.hashSize)
    guard key.verifies(file.signature, over: hash) else { throw .documentChanged(key.id) }
    guard let comment = file.trustedComment(signedBy: key) else {
      throw .trustedCommentChanged(key.id)
    }
    return VerifiedDocument(bytes: bytes, key: key, trustedComment: comment)
  }
}

/// The sizes of minisign's format that belong to no one part of it.
enum Minisign {
  /// Bytes of the hash that is signed in place of a file (BLAKE2b-512).
  static let hashSize = 64
}
