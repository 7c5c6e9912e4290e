import WindlassWire

/// A release of Beacon as its manifest presents it.
struct DemoRelease: Sendable {
  /// The schema versions that the server works with.
  struct Window: Sendable {
    var min: Int64
    var max: Int64
  }

  var version: String
  var notes: String
  var window: Window
  var upgradeFrom: String?
  var expand: [Int64] = []
  var backfill: [Int64] = []
  var contract: [Int64] = []

  /// The highest migration of its own; nil for a release without any.
  var lastMigration: Int64? { (expand + backfill + contract).max() }

  /// The release as an element of a manifest.
  ///
  /// - Parameter migrations: the archive for each engine; the steps are the same on all of them.
  func document(
    published: String, artifact: DemoArchive, migrations: [(DemoEngine, DemoArchive)]
  ) -> JSONValue {
    let window: JSONValue = ["min": .integer(window.min), "max": .integer(window.max)]
    var members: [JSONMember] = [
      JSONMember("version", .string(version)), JSONMember("channel", "stable"),
      JSONMember("published", .string(published)), JSONMember("notes", .string(notes)),
      JSONMember("artifact", ["archive": artifact.document]),
      JSONMember(
        "schema", .object(DemoEngine.allCases.map { JSONMember($0.rawValue, window) })),
    ]
    if let upgradeFrom { members.append(JSONMember("upgradeFrom", .string(upgradeFrom))) }
    if !migrations.isEmpty {
      let list = { (versions: [Int64]) in JSONValue.array(versions.map { .integer($0) }) }
      let engines = migrations.map { engine, archive in
        JSONMember(
          engine.rawValue,
          [
            "archive": archive.document, "expand": list(expand), "backfill": list(backfill),
            "contract": list(contract),
          ])
      }
      members.append(JSONMember("migrations", .object(engines)))
    }
    members.append(JSONMember("probes", DemoRelease.probes))
    return .object(members)
  }

  /// What every release must answer; the last one reads back what the one before it wrote.
  static let probes: JSONValue = [
    [
      "name": "list-flags", "method": "GET", "path": "/api/v1/flags", "safe": true,
      "expect": ["status": 200],
    ],
    [
      "name": "evaluate", "method": "POST", "path": "/api/v1/evaluate", "safe": true,
      "body": [
        "requestID": "probe", "flagKey": "welcome-banner", "entityID": "user-1",
        "context": ["country": "AT"],
      ],
      "expect": ["status": 200, "values": ["/requestID": "probe", "/variantKey": "sunrise"]],
    ],
    [
      "name": "read-flag", "method": "GET", "path": "/api/v1/flags/welcome-banner", "safe": true,
      "expect": ["status": 200, "values": ["/rolloutPercent": 100]],
    ],
    [
      "name": "change-flag", "method": "POST", "path": "/api/v1/flags", "safe": false,
      "body": [
        "key": "probe-{unique}", "name": "Made by a probe", "isEnabled": true, "rolloutPercent": 25,
      ],
      "expect": ["status": 200, "values": ["/rolloutPercent": 25]],
      "capture": ["flag": "/key"],
    ],
    [
      "name": "read-changed-flag", "method": "GET", "path": "/api/v1/flags/{flag}", "safe": false,
      "expect": ["status": 200, "values": ["/key": "{flag}", "/rolloutPercent": 25]],
    ],
  ]
}

/// An archive that is published: where, and pinned by its digest.
struct DemoArchive: Sendable {
  var url: String
  var digest: String
  var size: Int64

  /// The archive as a manifest points to it.
  var document: JSONValue {
    ["url": .string(url), "sha256": .string(digest), "size": .integer(size)]
  }
}
