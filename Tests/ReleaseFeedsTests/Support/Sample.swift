import ReleaseFeeds
import WindlassCore
import WindlassWire

/// Documents that tests change a little and then expect something of.
enum Sample {
  static let service: ServiceName = "beacon"
  static let now = Timestamp(milliseconds: 1_764_000_000_000)
  static let expires = now + .hours(24 * 30)

  /// A SHA-256 of the same two digits all over.
  static func digest(_ digits: String) -> String { String(repeating: digits, count: 32) }

  static func archive(_ name: String, digest digits: String = "ab") -> JSONValue {
    [
      "url": .string("https://releases.example/\(name).tar.gz"),
      "sha256": .string(digest(digits)), "size": 9_000_000,
    ]
  }

  /// The release of the format's documentation.
  static let release: JSONValue = [
    "version": "1.1.0", "channel": "stable", "published": "2025-11-20T10:00:00Z",
    "notes": "Flags can be **scheduled**.", "severity": "normal", "yanked": .null,
    "upgradeFrom": ">=1.0.0 <1.1.0", "requiredStop": false,
    "artifact": [
      "image": .string("registry.example/beacon@sha256:\(digest("0f"))"),
      "archive": archive("beacon-1.1.0"),
    ],
    "schema": ["sqlite": ["min": 3, "max": 5], "postgres": ["min": 4, "max": 6]],
    "migrations": [
      "sqlite": [
        "archive": archive("migrations-1.1.0", digest: "cd"), "expand": [3], "backfill": [4],
        "contract": [5],
      ]
    ],
    "queries": [
      "sqlite": [
        "url": "https://releases.example/queries.json", "sha256": .string(digest("ef")),
      ]
    ],
    "probes": [
      [
        "name": "evaluate", "method": "POST", "path": "/api/v1/evaluate", "body": [:],
        "expect": ["status": 200, "values": ["/enabled": true]],
        "capture": ["key": "/flag/key"], "safe": true,
      ]
    ],
  ]

  /// The release before it.
  static let earlier: JSONValue = [
    "version": "1.0.0", "published": "2025-10-01T00:00:00Z",
    "artifact": ["archive": archive("beacon-1.0.0", digest: "01")],
    "schema": ["sqlite": ["min": 2, "max": 4]],
    "migrations": [
      "sqlite": ["archive": archive("migrations-1.0.0", digest: "02"), "expand": [1, 2]]
    ],
  ]

  static func manifest(serial: Int64 = 42, releases: [JSONValue] = [earlier, release]) -> JSONValue
  {
    ManifestBuilder(service: service, serial: serial, expires: expires, releases: releases)
      .document
  }

  static func trusted(_ keys: SecretKey...) throws -> TrustedKeys {
    try TrustedKeys(keys.map(\.publicKey))
  }

  /// The document as a reader that trusts the key gets it; its rules need not hold.
  static func verified(_ document: JSONValue, by key: SecretKey) throws -> VerifiedDocument {
    let bytes = document.bytes
    let signature = try key.sign(bytes, trustedComment: "test")
    return try VerifiedDocument.verify(bytes, signature: signature, by: trusted(key))
  }

  /// What reading the document says; nil when it is accepted.
  static func refusal(of document: JSONValue) throws -> ManifestError? {
    let verified = try verified(document, by: .generate())
    do throws(ManifestError) {
      _ = try Manifest(verified)
      return nil
    } catch {
      return error
    }
  }
}

extension JSONValue {
  /// This document with another value at the pointer, added where there is none; nil removes it.
  func setting(_ pointer: String, to value: JSONValue?) -> JSONValue {
    setting(JSONPointer.tokens(pointer) ?? [], to: value) ?? .null
  }

  private func setting(_ tokens: [String], to value: JSONValue?) -> JSONValue? {
    guard let token = tokens.first else { return value }
    let rest = Array(tokens.dropFirst())
    switch self {
    case .array(var elements):
      guard let index = Int(token) else { return self }
      let element = (index < elements.count ? elements[index] : .null).setting(rest, to: value)
      elements.replaceSubrange(
        index..<min(index + 1, elements.count), with: element.map { [$0] } ?? [])
      return .array(elements)
    case .object(var members):
      let index = members.firstIndex { $0.name == token } ?? members.count
      let old = index < members.count ? members[index].value : .object([])
      let member = old.setting(rest, to: value).map { JSONMember(token, $0) }
      members.replaceSubrange(
        index..<min(index + 1, members.count), with: member.map { [$0] } ?? [])
      return .object(members)
    case .null, .bool, .integer, .double, .string: return self
    }
  }
}
