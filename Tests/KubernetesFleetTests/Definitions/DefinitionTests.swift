import Foundation
import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// The definitions of custom resources, and what a server makes of them.
struct DefinitionTests {
  /// The folder of the repository.
  private static var root: URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
  }

  @Test(arguments: ResourceDefinition.all.map(\.name))
  func `the file in deploy is the one that the types give`(name: String) throws {
    let definition = try #require(ResourceDefinition.all.first { $0.name == name })
    let file = Self.root.appending(path: "deploy/crds/\(name).yaml")
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(text == (try definition.yaml()), "run `make crds`")
  }

  @Test func `deploy holds no definition that no type gives`() throws {
    let folder = Self.root.appending(path: "deploy/crds")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    // `Kustomization` lists the others for overlays.
    #expect(
      files.sorted()
        == (["Kustomization"] + ResourceDefinition.all.map { "\($0.name).yaml" }).sorted())
  }

  @Test(arguments: ResourceDefinition.all.map(\.name))
  func `every schema is structural, described, and bounded where a rule reads it`(
    name: String
  ) throws {
    let definition = try #require(ResourceDefinition.all.first { $0.name == name })
    for (path, schema) in fields(definition.spec, "spec") + fields(definition.status, "status") {
      #expect(schema["type"] != nil, "\(path)")
      #expect(schema["description"]?.string?.isEmpty == false, "\(path)")
      if schema["type"] == "array" {
        #expect(schema["maxItems"] != nil, "\(path)")
        #expect(schema["items"] != nil, "\(path)")
      }
      if let keys = schema["x-kubernetes-list-map-keys"]?.array?.compactMap(\.string) {
        let required = schema.value(at: "/items/required")?.array?.compactMap(\.string) ?? []
        #expect(Set(keys).isSubset(of: required), "\(path)")
      }
      for rule in schema["x-kubernetes-validations"]?.array ?? [] {
        // What stands behind it may change; a message that is missing shows the expression.
        #expect(rule["message"]?.string?.isEmpty == false, "\(path)")
        if let field = rule["fieldPath"]?.string { #expect(field.hasPrefix("."), "\(path)") }
      }
    }
  }

  /// Every field under a schema, with its path.
  private func fields(_ schema: JSONValue, _ path: String) -> [(String, JSONValue)] {
    (schema["properties"]?.object ?? []).flatMap { member -> [(String, JSONValue)] in
      let place = "\(path).\(member.name)"
      let inner = member.value["items"] ?? member.value
      return [(place, member.value)] + fields(inner, place)
    }
  }

  @Test func `a definition's defaults are those of the type that reads it`() throws {
    let least = Documents.service().body["spec"] ?? .null
    let read = try ManagedServiceSpec.read(least, at: "spec")
    let filled = Documents.defaulted(least, ManagedServiceSpec.schema)
    let whole = try ManagedServiceSpec.read(filled, at: "spec")
    #expect(read == whole)
    #expect(read.backup.keep == 5)
    #expect(read.rollout.soak == .minutes(10))
    #expect(read.proof.isolation == .network)
    #expect(read.migrations.engine != nil)
  }

  @Test func `a value that no schema would pass is an error that names the field`() throws {
    for (path, value, field) in [
      ("database/lockBudget", "soon" as JSONValue, "spec.database.lockBudget"),
      ("backup/keep", "five", "spec.backup.keep"), ("proof/require", "hope", "spec.proof.require"),
      ("source/manifest/publicKeys", [1], "spec.source.manifest.publicKeys[0]"),
      ("fleet", "none", "spec.fleet"), ("policy/paused", 1, "spec.policy.paused"),
      ("source/manifest/url", .null, "spec.source.manifest.url"),
    ] {
      let steps = path.split(separator: "/").map(String.init)
      let spec = (Documents.service().body["spec"] ?? .null).setting(steps, to: value)
      let error = #expect(throws: ObjectError.self) {
        try ManagedServiceSpec.read(spec, at: "spec")
      }
      #expect(error?.field == field)
    }
  }
}

/// Documents of Windlass for tests.
enum Documents {
  static let key = "RWQ" + String(repeating: "a", count: 53)

  /// The smallest service on a Deployment.
  static func service(_ name: String = "beacon") -> KubernetesObject {
    KubernetesObject([
      "apiVersion": "windlass.dev/v1alpha1", "kind": "ManagedService",
      "metadata": ["name": .string(name), "namespace": "shop"],
      "spec": [
        "source": [
          "manifest": [
            "url": "https://releases.example/beacon.json", "service": "beacon",
            "publicKeys": [.string(key)],
          ]
        ],
        "database": [
          "urlFrom": ["secretKeyRef": ["name": "beacon-db", "key": "url"]], "engine": "postgres",
          "inject": ["env": "BEACON_DB"],
        ],
        "backup": ["volumeClaim": "beacon-backups"],
        "fleet": ["deployment": ["name": "beacon", "container": "server"]],
      ],
    ])
  }

  /// A run of that service.
  static func run(_ name: String = "beacon-1") -> KubernetesObject {
    KubernetesObject([
      "apiVersion": "windlass.dev/v1alpha1", "kind": "UpgradeRun",
      "metadata": ["name": .string(name), "namespace": "shop"],
      "spec": [
        "service": "beacon", "from": "1.0.0", "to": "1.1.0", "plan": "{}",
        "planDigest": .string("sha256:" + String(repeating: "0", count: 64)),
      ],
    ])
  }

  /// A value with all defaults of its schema written out, as a server does it.
  static func defaulted(_ value: JSONValue, _ schema: JSONValue) -> JSONValue {
    if let items = schema["items"], let elements = value.array {
      return .array(elements.map { defaulted($0, items) })
    }
    guard value.object != nil else { return value }
    var filled = value
    for member in schema["properties"]?.object ?? [] {
      guard let found = filled[member.name] ?? member.value["default"] else { continue }
      filled = filled.setting(member.name, to: defaulted(found, member.value))
    }
    return filled
  }
}
