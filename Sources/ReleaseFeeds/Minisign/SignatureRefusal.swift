/// Why bytes are not trusted; each way has a reason of its own.
package enum SignatureRefusal: Error, Hashable, Sendable {
  /// The document is larger than any manifest may be, in bytes.
  case documentTooLarge(size: Int)
  /// The signature file does not have its exact form; says what is wrong with it.
  case malformed(String)
  /// The old form, which signs the file and not its hash.
  case legacyAlgorithm
  /// Two letters that name no algorithm.
  case unknownAlgorithm
  /// Signed, but by a key that the service's configuration does not list.
  case unknownKey(KeyID)
  /// The signature was not made by the key over these bytes.
  case documentChanged(KeyID)
  /// The document is as signed, but the trusted comment, or the signature over it, is not.
  case trustedCommentChanged(KeyID)
}

extension SignatureRefusal {
  /// A stable CamelCase word; bounded, so it may label a metric.
  package var code: String {
    switch self {
    case .documentTooLarge: "ManifestTooLarge"
    case .malformed: "SignatureMalformed"
    case .legacyAlgorithm: "SignatureLegacy"
    case .unknownAlgorithm: "SignatureAlgorithmUnknown"
    case .unknownKey: "KeyUnknown"
    case .documentChanged: "SignatureMismatch"
    case .trustedCommentChanged: "TrustedCommentChanged"
    }
  }
}

extension SignatureRefusal: CustomStringConvertible {
  package var description: String {
    switch self {
    case .documentTooLarge(let size):
      "the document has \(size) bytes, more than a manifest may have"
    case .malformed(let reason):
      "the signature file is not one: \(reason); fetch it again, or sign the manifest again"
    case .legacyAlgorithm:
      "the signature has minisign's legacy form (Ed); sign again with a minisign that hashes"
        + " first (0.11 and later do, earlier ones with -H)"
    case .unknownAlgorithm:
      "the signature names an algorithm that is none of minisign's; sign the manifest again"
    case .unknownKey(let id):
      "the signature is by key \(id), which is not trusted here; if the publisher changed keys,"
        + " add the new public key to the service's configuration"
    case .documentChanged(let id):
      "the signature by key \(id) is not over these bytes: they were changed, cut short, or"
        + " belong to another signature"
    case .trustedCommentChanged(let id):
      "the trusted comment is not the one that key \(id) signed; fetch the signature again"
    }
  }
}
