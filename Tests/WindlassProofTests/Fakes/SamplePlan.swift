import WindlassCore
import WindlassProof

/// A hop from 1.0.0 to 1.1.0 with one migration before the roll and one after.
enum SamplePlan {
  static func version(_ text: String) -> Version {
    // The tests write these versions themselves.
    Version(text)!
  }

  static let window = SchemaWindow(min: 1, max: 3)!

  static let archive = ArchiveReference(
    url: "https://releases.example/m.tar.gz", digest: Digest(String(repeating: "a", count: 64)),
    size: 4_096)

  static let create = Probe(
    name: "create", method: "POST", path: "/flags", body: #"{"key": "probe-{unique}"}"#,
    expectedStatus: 201, captures: ["flag": "/key"])
  static let read = Probe(
    name: "read", method: "GET", path: "/flags/{flag}", expectedValues: ["/key": #""{flag}""#])
  static let evaluate = Probe(
    name: "evaluate", method: "POST", path: "/api/v1/evaluate", body: #"{"flag": "welcome"}"#,
    isSafe: true)

  static let old = Release(
    version: version("1.0.0"), window: window, probes: [create, read, evaluate])
  static let new = Release(
    version: version("1.1.0"), window: window,
    migrations: [Migration(version: 2, phase: .expand), Migration(version: 3, phase: .contract)],
    migrationArchive: archive, probes: [create, read, evaluate])

  static let upgrade = plan(.upgrade)
  static let install = plan(.install)

  /// The sample's plan of that kind.
  static func plan(_ kind: RunKind) -> Plan {
    plan(kind, from: kind == .install ? nil : old, to: new)
  }

  static func plan(_ kind: RunKind, from source: Release?, to target: Release) -> Plan {
    Plan(
      service: "beacon", run: "run-1", kind: kind, source: source, target: target,
      migrations: target.migrations, schemaBefore: 1, rollout: RolloutPolicy(),
      manifest: Digest(String(repeating: "b", count: 64)))
  }
}
