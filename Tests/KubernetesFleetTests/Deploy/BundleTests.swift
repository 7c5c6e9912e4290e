import DeployedCluster
import Testing
import WindlassWire

@testable import KubernetesFleet

/// The bundle for the Operator Lifecycle Manager says what `deploy/kustomize` says.
struct BundleTests {
  private let bundle: JSONValue
  private let base: [DeployedDocument]

  init() throws {
    let found = try DeployedDocument.all(in: "olm").first { $0.kind == "ClusterServiceVersion" }
    bundle = try #require(found).object.body
    base = try ["kustomize/base", "kustomize/operator"].flatMap {
      try DeployedDocument.all(in: $0)
    }
  }

  private func rules(_ role: String) -> [JSONValue] {
    base.first { $0.object.name == role && $0.kind.hasSuffix("Role") }?
      .object.body["rules"]?.array ?? []
  }

  private func rules(at path: String) -> [JSONValue] {
    let entries = bundle.value(at: "/spec/install/spec/\(path)")?.array ?? []
    #expect(entries.count == 1)
    #expect(entries.first?["serviceAccountName"] == "windlass-operator")
    return entries.first?["rules"]?.array ?? []
  }

  @Test func `its rights are the operator's`() {
    #expect(!rules("windlass-operator").isEmpty)
    #expect(rules(at: "clusterPermissions") == rules("windlass-operator") + rules("windlass-nodes"))
    #expect(rules(at: "permissions") == rules("windlass-leader"))
  }

  @Test func `its pod is the operator's`() throws {
    let deployment = try #require(base.first { $0.kind == "Deployment" }).object
    let made = try #require(bundle.value(at: "/spec/install/spec/deployments")?.array?.first)
    #expect(made["name"]?.string == deployment.name)
    let path = ["template", "spec", "containers"]
    var spec = try #require(deployment.body["spec"])
    var container = try #require(spec.value(behind: path)?.array?.first)
    container = container.setting(
      "args", to: .array((container["args"]?.array ?? []) + ["--all-namespaces"]))
    spec = spec.setting(path, to: [container])
    #expect(made["spec"] == spec)
    #expect(bundle.value(at: "/metadata/annotations/containerImage") == container["image"])
  }

  @Test func `it owns the definitions`() throws {
    let owned = bundle.value(at: "/spec/customresourcedefinitions/owned")?.array ?? []
    #expect(
      owned.compactMap { $0["name"]?.string }.sorted()
        == ResourceDefinition.all.map(\.name).sorted())
    let examples = try #require(bundle.value(at: "/metadata/annotations/alm-examples")?.string)
    let list = try JSONValue.parse(Array(examples.utf8)).array ?? []
    #expect(!list.isEmpty)
    for example in list {
      _ = try ManagedService(KubernetesObject(example))
    }
  }
}
