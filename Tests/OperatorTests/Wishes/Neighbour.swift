import ReleaseFeeds
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Another service of the same namespace, which nothing that is wished for the first one concerns.
struct Neighbour: Sendable {
  static let name = "other"
  static let secret = "other-db"

  private let key = SecretKey.generate()

  /// The Deployment that it is, at release 1.0.0.
  var workload: KubernetesObject {
    let container: JSONValue = [
      "name": "server", "image": .string(ServiceScene.image(of: "1.0.0")),
      "readinessProbe": ["httpGet": ["path": "/healthz", "port": 8_080]],
      "lifecycle": ["preStop": ["sleep": ["seconds": 10]]],
    ]
    let spec: JSONValue = [
      "replicas": 2, "selector": ["matchLabels": ["app": .string(Self.name)]],
      "template": [
        "metadata": ["labels": ["app": .string(Self.name)]],
        "spec": ["containers": [container], "terminationGracePeriodSeconds": 60],
      ],
    ]
    return KubernetesObject(
      ObjectReference(.deployments, Self.name, in: ServiceScene.namespace),
      [JSONMember("spec", spec)])
  }

  /// The ManagedService.
  var wish: KubernetesObject {
    let manifest: JSONValue = [
      "url": .string("http://manifests.invalid/\(Self.name).json"), "service": .string(Self.name),
      "publicKeys": [.string(key.publicKey.text)], "interval": "10m",
    ]
    let spec: JSONValue = [
      "source": ["manifest": manifest],
      "database": [
        "urlFrom": ["secretKeyRef": ["name": .string(Self.secret), "key": "url"]],
        "engine": "postgres", "inject": ["env": "OTHER_DB"],
      ],
      "backup": ["volumeClaim": "backups"],
      "fleet": [
        "deployment": [
          "name": .string(Self.name), "container": "server", "port": 8_080, "adopt": true,
        ]
      ],
    ]
    return KubernetesObject(
      ObjectReference(.managedServices, Self.name, in: ServiceScene.namespace),
      [JSONMember("spec", spec)])
  }

  /// Manifest and signature, by their paths.
  func published(until expires: Timestamp) throws -> [String: [UInt8]] {
    let release: JSONValue = [
      "version": "1.0.0", "published": "2026-01-01T00:00:00Z",
      "artifact": ["image": .string(ServiceScene.image(of: "1.0.0"))],
      "schema": ["postgres": ["min": 2, "max": 4]],
    ]
    let signed = try ManifestBuilder(
      service: ServiceName(Self.name), serial: 1, expires: expires, releases: [release]
    ).signed(by: key)
    return [
      "/\(Self.name).json": signed.bytes, "/\(Self.name).json.minisig": signed.signature,
    ]
  }
}
