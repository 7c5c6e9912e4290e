import CSodium
import WindlassCore

/// A minisign signature file, taken apart; nothing in it is verified yet.
///
/// Four lines, each with its line end: the untrusted comment, the signature, the trusted comment,
/// and the signature over signature and trusted comment. Any other form is refused, because every
/// bit but the untrusted comment's text has to count.
struct SignatureFile: Hashable, Sendable {
  static let signatureSize = Int(crypto_sign_BYTES)

  let key: KeyID
  /// Over the BLAKE2b-512 of the document.
  let signature: ArraySlice<UInt8>
  /// As bytes: they are text only once they are verified.
  let trustedComment: ArraySlice<UInt8>
  /// Over `signature` and `trustedComment`.
  let globalSignature: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) throws(SignatureRefusal) {
    guard bytes.count <= Bounds.signatureSizeMax else {
      throw .malformed("it has \(bytes.count) bytes, more than \(Bounds.signatureSizeMax)")
    }
    let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    guard lines.count == 5, lines[4].isEmpty else {
      throw .malformed("it must have four lines, each with a line end")
    }
    guard lines[0].starts(with: CommentLine.untrusted.utf8) else {
      throw .malformed("its first line is no untrusted comment")
    }
    guard lines[2].starts(with: CommentLine.trusted.utf8) else {
      throw .malformed("its third line is no trusted comment")
    }
    let prefix = Algorithm.size + KeyID.size
    guard let body = Base64.bytes(lines[1], count: prefix + SignatureFile.signatureSize) else {
      throw .malformed("its second line is no signature in base 64")
    }
    guard let global = Base64.bytes(lines[3], count: SignatureFile.signatureSize) else {
      throw .malformed("its fourth line is no signature in base 64")
    }
    try SignatureFile.check(algorithm: Array(body.prefix(Algorithm.size)))
    key = KeyID(bytes: Array(body[Algorithm.size..<prefix]))
    signature = body[prefix...]
    trustedComment = lines[2].dropFirst(CommentLine.trusted.utf8.count)
    globalSignature = global[...]
  }

  private static func check(algorithm: [UInt8]) throws(SignatureRefusal) {
    switch algorithm {
    case Algorithm.hashed: return
    case Algorithm.key: throw .legacyAlgorithm
    default: throw .unknownAlgorithm
    }
  }

  /// The trusted comment, if the key signed it together with this signature.
  func trustedComment(signedBy key: PublicKey) -> String? {
    guard self.key == key.id,
      key.verifies(globalSignature, over: Array(signature + trustedComment))
    else { return nil }
    return String(decoding: trustedComment, as: UTF8.self)
  }
}
