package import WindlassCore
package import WindlassWire

/// Writes manifests, for those who publish releases.
package struct ManifestBuilder: Hashable, Sendable {
  /// The document so far; fields that this program does not know stay in it.
  package private(set) var document: JSONValue

  /// Starts a manifest; `releases` have the form that the manifest gives them.
  package init(
    service: ServiceName, serial: Int64 = 1, expires: Timestamp, releases: [JSONValue] = []
  ) {
    document = [
      "apiVersion": .string(ManifestFields.apiVersion), "kind": .string(ManifestFields.kind),
      "service": .string(service.text), "serial": .integer(serial),
      "expires": .string(expires.rfc3339), "releases": .array(releases),
    ]
  }

  /// Takes up a manifest that exists; its rules are checked when it is written.
  package init(editing bytes: [UInt8]) throws(ManifestError) {
    document = try ManifestContent.json(bytes)
    let (content, releases) = try ManifestContent.header(of: ManifestNode(document))
    _ = try releases.elements(max: Bounds.releasesMax)
    serial = content.serial
    expires = content.expires
  }

  /// The manifest's number; readers refuse one that is lower than before.
  package var serial: Int64 {
    get { document["serial"]?.integer ?? 0 }
    set { document.set("serial", to: .integer(newValue)) }
  }

  /// From then on nobody starts a run on this manifest's word.
  package var expires: Timestamp {
    get {
      document["expires"]?.string.flatMap(Timestamp.init(rfc3339:)) ?? Timestamp(milliseconds: 0)
    }
    set { document.set("expires", to: .string(newValue.rfc3339)) }
  }

  /// The releases, in the form that the manifest gives them.
  package var releases: [JSONValue] {
    get { document["releases"]?.array ?? [] }
    set { document.set("releases", to: .array(newValue)) }
  }

  /// Raises the serial by one and moves the expiry, as every version that is published needs.
  package mutating func renew(until expires: Timestamp) {
    // Beyond the last serial the document breaks a rule, which writing it will say.
    serial += 1
    self.expires = expires
  }

  /// The bytes to publish, once every rule holds.
  package func bytes() throws(ManifestError) -> [UInt8] {
    let bytes = document.prettyBytes + [0x0A]
    _ = try ManifestContent(bytes)
    return bytes
  }

  /// The bytes to publish, and the file to publish beside them.
  package func signed(by key: SecretKey) throws -> SignedManifest {
    try SignedManifest(signing: bytes(), by: key)
  }
}

/// A manifest and its signature, as they are published.
package struct SignedManifest: Hashable, Sendable {
  /// What belongs into the manifest's file.
  package let bytes: [UInt8]
  /// What belongs into the file of the manifest's name with `.minisig` behind it.
  package let signature: [UInt8]
  /// What the signature says besides: the service and the serial.
  package let trustedComment: String
  /// The manifest's number.
  package let serial: Int64

  /// Signs a manifest whose every rule holds; its service and serial are the trusted comment.
  package init(signing bytes: [UInt8], by key: SecretKey) throws {
    let content = try ManifestContent(bytes)
    self.bytes = bytes
    trustedComment = "service:\(content.service) serial:\(content.serial)"
    serial = content.serial
    signature = try key.sign(bytes, trustedComment: trustedComment)
  }

  /// Whether the same key has signed this serial of the service before, for other bytes: readers
  /// that trusted those would raise an alarm at these.
  ///
  /// - Parameter earlier: the signature file that was published so far.
  package func contradicts(_ earlier: [UInt8], of key: PublicKey) -> Bool {
    // What is no signature by this key contradicts nothing.
    guard let file = try? SignatureFile(earlier), let keys = try? TrustedKeys([key]),
      file.trustedComment(signedBy: key) == trustedComment
    else { return false }
    return (try? VerifiedDocument.verify(bytes, signature: earlier, by: keys)) == nil
  }
}

extension JSONValue {
  /// Replaces the member of that name, or adds it at the end; nothing when this is no object.
  fileprivate mutating func set(_ name: String, to value: JSONValue) {
    guard var members = object else { return }
    if let index = members.firstIndex(where: { $0.name == name }) {
      members[index].value = value
    } else {
      members.append(JSONMember(name, value))
    }
    self = .object(members)
  }
}
