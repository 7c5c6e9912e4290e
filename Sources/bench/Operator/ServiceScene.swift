package import KubernetesFleet
package import ReleaseFeeds
package import WindlassCore
import WindlassWire

/// Many services of one kind: their objects in a cluster, and what their publishers publish.
package struct ServiceScene: Sendable {
  /// The namespace of all.
  package static let namespace = "shop"

  /// The names of the services.
  package let names: [String]
  /// Where manifests are, such as `http://127.0.0.1:8080`.
  package let server: String
  /// How often manifests are polled.
  private let interval: String
  private let key: SecretKey

  /// That many services, whose manifests one key signs.
  package init(
    _ count: Int, server: String, interval: String = "1m", key: SecretKey = .generate()
  ) {
    names = (0..<count).map { "service-\(String($0 + 10_000).dropFirst())" }
    self.server = server
    self.interval = interval
    self.key = key
  }

  /// What has to be in the cluster for one service: what runs already, and the wish.
  package func objects(of name: String) -> (deployment: KubernetesObject, wish: KubernetesObject) {
    (deployment(name), wish(name))
  }

  private func wish(_ name: String) -> KubernetesObject {
    let manifest: JSONValue = [
      "url": .string("\(server)/\(name).json"), "service": .string(name),
      "publicKeys": [.string(key.publicKey.text)], "interval": .string(interval),
    ]
    let database: JSONValue = [
      "urlFrom": ["secretKeyRef": ["name": .string("\(name)-db"), "key": "url"]],
      "engine": "postgres", "inject": ["env": "DB"],
    ]
    let spec: JSONValue = [
      "source": ["manifest": manifest], "database": database,
      "backup": ["volumeClaim": "backups"],
      "fleet": [
        "deployment": [
          "name": .string(name), "container": "server", "port": 8080, "adopt": true,
        ]
      ],
      // A machine that is busy with other things is no controller that makes no progress.
      "rollout": [
        "observe": "0s", "stability": "1s", "soak": "1s", "progressDeadline": "1h",
      ],
    ]
    return KubernetesObject(
      ObjectReference(.managedServices, name, in: Self.namespace), [JSONMember("spec", spec)])
  }

  private func deployment(_ name: String) -> KubernetesObject {
    let container: JSONValue = [
      "name": "server", "image": .string(Self.image(0)),
      "readinessProbe": ["httpGet": ["path": "/readyz", "port": 8080]],
      "lifecycle": ["preStop": ["sleep": ["seconds": 10]]],
    ]
    let template: JSONValue = [
      "metadata": ["labels": ["app": .string(name)]],
      "spec": ["containers": [container], "terminationGracePeriodSeconds": 60],
    ]
    let spec: JSONValue = [
      "replicas": 2, "selector": ["matchLabels": ["app": .string(name)]], "template": template,
    ]
    return KubernetesObject(
      ObjectReference(.deployments, name, in: Self.namespace), [JSONMember("spec", spec)])
  }

  /// The image of a release, by its number.
  private static func image(_ release: Int) -> String {
    let digit = String(release + 1, radix: 16)
    return "registry.example/service@sha256:" + String(repeating: digit, count: 64)
  }

  /// What a service's publisher has published when there are that many releases, at most nine: by
  /// path, the manifest and its signature.
  package func published(
    _ name: String, releases: Int, until expires: Timestamp
  ) throws -> [String: [UInt8]] {
    let listed = (0..<releases).map { number -> JSONValue in
      [
        "version": .string("1.\(number).0"), "published": "2026-01-01T00:00:00Z",
        "artifact": ["image": .string(Self.image(number))],
        "schema": ["postgres": ["min": 1, "max": 1]],
      ]
    }
    let builder = ManifestBuilder(
      service: ServiceName(name), serial: Int64(releases), expires: expires, releases: listed)
    let signed = try builder.signed(by: key)
    return ["/\(name).json": signed.bytes, "/\(name).json.minisig": signed.signature]
  }
}
