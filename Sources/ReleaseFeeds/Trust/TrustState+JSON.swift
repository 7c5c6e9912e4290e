import WindlassCore
package import WindlassWire

extension TrustState {
  private static let format = "windlass.dev/trust/v1"

  /// The state as a document.
  package var json: JSONValue {
    .object([
      JSONMember("apiVersion", .string(TrustState.format)),
      JSONMember("fingerprintScheme", .integer(ManifestRelease.fingerprintScheme)),
      JSONMember("keys", .array(records.map(\.json))),
      JSONMember("latest", latest?.json ?? .null),
    ])
  }

  /// Reads what `json` gave; nil for anything else.
  package init?(_ json: JSONValue) {
    guard json["apiVersion"]?.string == TrustState.format, let keys = json["keys"]?.array else {
      return nil
    }
    let isScheme = json["fingerprintScheme"]?.integer == ManifestRelease.fingerprintScheme
    var records: [Record] = []
    for key in keys {
      guard var record = Record(key) else { return nil }
      // Fingerprints made by another rule than today's would raise false alarms.
      if !isScheme { record.published = [:] }
      records.append(record)
    }
    self.init(records: records, latest: nil)
    guard let latest = json["latest"] else { return nil }
    guard latest.isNull || RememberedDocument(latest) != nil else { return nil }
    self.latest = RememberedDocument(latest)
  }
}

extension TrustState.Record {
  fileprivate var json: JSONValue {
    let releases: [JSONValue] = published.sorted { $0.key < $1.key }.map {
      ["version": .string($0.key.description), "fingerprint": .string($0.value.text)]
    }
    return [
      "key": .string(key), "serial": .integer(serial), "digest": .string(digest.text),
      "published": .array(releases),
    ]
  }

  fileprivate init?(_ json: JSONValue) {
    guard let key = json["key"]?.string, let serial = json["serial"]?.integer,
      (1..<Bounds.serialLimit).contains(serial), let digest = json["digest"]?.string,
      Digest(digest).isWellFormed, let releases = json["published"]?.array
    else { return nil }
    self.init(key: key, serial: serial, digest: Digest(digest), published: [:])
    for release in releases {
      guard let text = release["version"]?.string, let version = Version(text),
        let fingerprint = release["fingerprint"]?.string, Digest(fingerprint).isWellFormed
      else { return nil }
      published[version] = Digest(fingerprint)
    }
  }
}

extension RememberedDocument {
  fileprivate var json: JSONValue {
    ["document": .string(Base64.text(bytes)), "signature": .string(Base64.text(signature))]
  }

  fileprivate init?(_ json: JSONValue) {
    guard let document = json["document"]?.string.flatMap({ Base64.bytes($0) }),
      let signature = json["signature"]?.string.flatMap({ Base64.bytes($0) })
    else { return nil }
    self.init(bytes: document, signature: signature)
  }
}
