package import WindlassCore
import WindlassWire

extension ManifestRelease {
  /// Says which fields go into `fingerprint`, and how; it changes when they do.
  static let fingerprintScheme: Int64 = 1

  /// A digest over everything that a later manifest must not change in a published version: all
  /// but each window's upper end, `yanked`, `notes` and `severity`.
  package var fingerprint: Digest {
    var members: [JSONMember] = [
      JSONMember("version", .string(version.description)),
      JSONMember("channel", .string(channel)),
      JSONMember("published", .integer(published.milliseconds)),
      JSONMember("upgradeFrom", upgradeFrom.map { .string($0.description) } ?? .null),
      JSONMember("requiredStop", .bool(isRequiredStop)),
      JSONMember("archive", archive?.canonicalForm ?? .null),
      JSONMember("image", image.map { .string($0) } ?? .null),
    ]
    members.append(JSONMember("engines", .array(engines.map(\.canonicalForm))))
    members.append(JSONMember("probes", .array(probes.map(\.canonicalForm))))
    return Sodium.sha256(JSONValue.object(members).bytes)
  }
}

extension ArchiveReference {
  fileprivate var canonicalForm: JSONValue {
    .array([.string(url), .string(digest.text), .integer(size)])
  }
}

extension EngineSupport {
  fileprivate var canonicalForm: JSONValue {
    .array([
      .string(engine), .string(window.min.description),
      .array(migrations.map { [.string($0.version.description), .string($0.phase.rawValue)] }),
      migrationArchive?.canonicalForm ?? .null,
      queries.map { [.string($0.url), .string($0.digest.text)] } ?? .null,
    ])
  }
}

extension Probe {
  fileprivate var canonicalForm: JSONValue {
    .array([
      .string(name), .string(method), .string(path), body.map { .string($0) } ?? .null,
      .integer(Int64(expectedStatus)), JSONValue.sorted(expectedValues),
      JSONValue.sorted(captures), .bool(isSafe),
    ])
  }
}

extension JSONValue {
  /// The pairs in the order of their names, so that equal dictionaries give equal texts.
  fileprivate static func sorted(_ pairs: [String: String]) -> JSONValue {
    .array(pairs.sorted { $0.key < $1.key }.map { [.string($0.key), .string($0.value)] })
  }
}
