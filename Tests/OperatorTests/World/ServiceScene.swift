import ReleaseFeeds
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// One service and its releases: what is in the cluster before an operator comes, and what its
/// publisher publishes.
///
/// Release 1.0.0 runs at schema 2 and works with 2 to 4. Release 1.1.0 brings 3 (expand), 4
/// (backfill) and 5 (contract), and works with 4 and 5.
struct ServiceScene: Sendable {
  static let namespace = "shop"
  static let name = "beacon"
  static let versions = ["1.0.0", "1.1.0"]
  static let schemaBefore = SchemaVersion(2)

  /// What keeps the service's pods.
  let kind: WorkloadKind
  /// Pods; a DaemonSet has one for each node.
  let replicas: Int
  /// Members of the wish besides, by paths with slashes.
  let changes: [(path: String, value: JSONValue)]
  /// Seconds after which a pod that is to go is killed.
  let grace: Int64
  private let key = SecretKey.generate()

  init(
    _ kind: WorkloadKind = .deployment, replicas: Int = 3,
    changes: [(path: String, value: JSONValue)] = [], grace: Int64 = 60
  ) {
    self.kind = kind
    self.replicas = replicas
    self.changes = changes
    self.grace = grace
  }

  /// The names of the cluster's nodes.
  var nodes: [String] {
    kind == .daemonSet ? (1...replicas).map { "node-\($0)" } : ["node-1"]
  }

  /// The image of a release.
  static func image(of version: String) -> String {
    let digit = versions.firstIndex(of: version).map { String($0 + 10, radix: 16) } ?? "0"
    return "registry.example/beacon@sha256:" + String(repeating: digit, count: 64)
  }

  /// The release of an image.
  static func version(of image: String) -> String? {
    versions.first { Self.image(of: $0) == image }
  }

  /// The schemas with which a release works.
  static func window(of version: String) -> SchemaWindow? {
    version == "1.0.0" ? SchemaWindow(min: 2, max: 4) : SchemaWindow(min: 4, max: 5)
  }

  // MARK: - In the cluster

  /// The Deployment, StatefulSet or DaemonSet, at release 1.0.0.
  var workload: KubernetesObject {
    let container: JSONValue = [
      "name": "server", "image": .string(Self.image(of: "1.0.0")),
      "env": [
        [
          "name": "BEACON_DB",
          "valueFrom": ["secretKeyRef": ["name": "beacon-db", "key": "url"]],
        ]
      ],
      "readinessProbe": ["httpGet": ["path": "/healthz", "port": 8_080]],
      "lifecycle": ["preStop": ["sleep": ["seconds": 10]]],
    ]
    var spec: JSONValue = [
      "selector": ["matchLabels": ["app": "beacon"]],
      "template": [
        "metadata": ["labels": ["app": "beacon"]],
        "spec": ["containers": [container], "terminationGracePeriodSeconds": .integer(grace)],
      ],
    ]
    if kind != .daemonSet { spec = spec.setting("replicas", to: .integer(Int64(replicas))) }
    if kind == .statefulSet { spec = spec.setting("serviceName", to: "beacon") }
    return KubernetesObject(
      ObjectReference(kind.type, Self.name, in: Self.namespace), [JSONMember("spec", spec)])
  }

  /// The ManagedService.
  var wish: KubernetesObject {
    let manifest: JSONValue = [
      "url": "http://manifests.invalid/beacon.json", "service": .string(Self.name),
      "publicKeys": [.string(key.publicKey.text)], "interval": "10s",
    ]
    let database: JSONValue = [
      "urlFrom": ["secretKeyRef": ["name": "beacon-db", "key": "url"]],
      "engine": "postgres", "inject": ["env": "BEACON_DB"],
    ]
    let fleet: JSONValue = ["name": "beacon", "container": "server", "port": 8_080, "adopt": true]
    var spec: JSONValue = [
      "source": ["manifest": manifest], "database": database,
      "backup": ["volumeClaim": "backups"],
      "proof": ["scratchURLFrom": ["secretKeyRef": ["name": "scratch", "key": "url"]]],
      "fleet": .object([JSONMember(kind.rawValue, fleet)]),
      "rollout": ["observe": "2s", "stability": "2s", "soak": "3s"],
    ]
    for change in changes {
      spec = spec.setting(change.path.split(separator: "/").map(String.init), to: change.value)
    }
    return KubernetesObject(
      ObjectReference(.managedServices, Self.name, in: Self.namespace),
      [JSONMember("spec", spec)])
  }

  // MARK: - What is published

  /// Manifest and signature by their paths, with the first releases.
  func published(_ count: Int, until expires: Timestamp) throws -> [String: [UInt8]] {
    let releases = [release("1.0.0", min: 2, max: 4), release("1.1.0", min: 4, max: 5)]
    let builder = ManifestBuilder(
      service: ServiceName(Self.name), serial: Int64(count), expires: expires,
      releases: Array(releases.prefix(count)))
    let signed = try builder.signed(by: key)
    return ["/beacon.json": signed.bytes, "/beacon.json.minisig": signed.signature]
  }

  private func release(_ version: String, min: Int64, max: Int64) -> JSONValue {
    let isFirst = version == "1.0.0"
    let archive: JSONValue = [
      "url": .string("http://manifests.invalid/\(version).tar.gz"),
      "sha256": .string(String(repeating: isFirst ? "1" : "2", count: 64)), "size": 4_096,
    ]
    let migrations: JSONValue =
      isFirst
      ? ["archive": archive, "expand": [1, 2]]
      : ["archive": archive, "expand": [3], "backfill": [4], "contract": [5]]
    return [
      "version": .string(version), "published": "2026-01-01T00:00:00Z",
      "artifact": ["image": .string(Self.image(of: version))],
      "schema": ["postgres": ["min": .integer(min), "max": .integer(max)]],
      "migrations": ["postgres": migrations],
      "probes": [["name": "flags", "path": "/flags", "safe": true]],
    ]
  }
}
