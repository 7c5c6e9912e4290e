import DeployedCluster
import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Every document below `deploy/` against the types that read it and a server that knows its kind.
struct DeploySchemaTests {
  /// What is no object of an API, or of one that no server here has.
  private static let others: Set<String> = [
    "Kustomization", "Component", "ReplacementTransformer", "ClusterServiceVersion",
  ]

  /// Documents that people apply with kubectl.
  private static func applied() throws -> [DeployedDocument] {
    try DeployedDocument.all().filter { document in
      !document.path.hasPrefix("helm/") && !others.contains(document.kind)
        && document.path != "examples/beacon.yaml" && document.path != "olm/annotations.yaml"
    }
  }

  @Test func `every document is taken by a server that refuses unknown fields`() async throws {
    let documents = try Self.applied()
    #expect(documents.count > 20)
    try await ClusterWorld.with(.inProcess) { world in
      let definitions = ResourceDefinition.all.map { KubernetesObject($0.json) }
      for definition in definitions + [ServiceMonitorDefinition.object] {
        _ = try await world.client.create(definition, as: .definitions)
      }
      for type in [KubernetesFleet.ResourceType.managedServices, ServiceMonitorDefinition.type] {
        #expect(await eventually { await Self.isServed(type, by: world.host) })
      }
      await world.host.change { $0.createNamespace("windlass") }
      for document in documents {
        let type = try #require(document.type, "\(document) is of a kind that no test knows")
        var object = document.object
        if type.isNamespaced, object.namespace == nil {
          object.body = object.body.setting(["metadata", "namespace"], to: "shop")
        }
        let answer = await Installation.send(
          "POST", type, object, to: world.host, query: "fieldValidation=Strict&dryRun=All")
        let isThere = type == .definitions || type == .namespaces
        #expect(
          answer.status == 201 || (isThere && answer.status == 409),
          "\(document): \(answer.text)")
      }
    }
  }

  private static func isServed(
    _ type: KubernetesFleet.ResourceType, by host: ClusterHost
  ) async -> Bool {
    let question = APIRequest(
      method: "GET", path: RequestPath(type, in: "shop")?.path ?? "",
      headers: [HTTPHeader("Authorization", "Bearer admin-token")])
    return await host.change { server in server.respond(to: question, at: server.now) }
      .status == 200
  }

  @Test func `a field that nobody knows is found, wherever it stands`() async throws {
    let deployment = try #require(
      try DeployedDocument.all(in: "kustomize/operator").first { $0.kind == "Deployment" })
    try await ClusterWorld.with(.inProcess) { world in
      await world.host.change { $0.createNamespace("windlass") }
      for path in [
        ["spec", "replica"], ["spec", "template", "spec", "securityContext", "runAsRoot"],
        ["spec", "template", "spec", "serviceaccount"],
      ] {
        var object = deployment.object
        object.body = object.body.setting(path, to: "x")
        let answer = await Installation.send(
          "POST", .deployments, object, to: world.host,
          query: "fieldValidation=Strict&dryRun=All")
        #expect(answer.status == 400, "\(path)")
        #expect(answer.text.contains(path.joined(separator: ".")), "\(answer.text)")
      }
    }
  }

  @Test func `every service is one that the operator takes on`() throws {
    let services = try Self.applied().filter { $0.kind == "ManagedService" }
    #expect(!services.isEmpty)
    for service in services {
      #expect(try ManagedService(service.object).namespace == "shop")
    }
  }

  @Test func `no document holds a secret`() throws {
    for document in try DeployedDocument.all() where document.kind == "Secret" {
      let texts =
        (document.object.body["stringData"]?.object ?? [])
        + (document.object.body["data"]?.object ?? [])
      #expect(!texts.isEmpty, "\(document)")
      for member in texts {
        #expect(member.value.string?.contains("REPLACE-ME") == true, "\(document)")
      }
    }
  }

  @Test func `every pod meets the restricted standard, but the services' own`() throws {
    let pods = try Self.applied().filter { $0.path.hasPrefix("kustomize/") }.compactMap {
      document in document.object.body.value(at: "/spec/template/spec").map { (document, $0) }
    }
    #expect(!pods.isEmpty)
    for (document, pod) in pods {
      #expect(pod.value(at: "/securityContext/runAsNonRoot") == true, "\(document)")
      #expect(
        pod.value(at: "/securityContext/seccompProfile/type") == "RuntimeDefault", "\(document)")
      for container in pod["containers"]?.array ?? [] {
        let security = container["securityContext"]
        #expect(security?["allowPrivilegeEscalation"] == false, "\(document)")
        #expect(security?["readOnlyRootFilesystem"] == true, "\(document)")
        #expect(security?["capabilities"]?["drop"] == ["ALL"], "\(document)")
        #expect(container["resources"]?["limits"]?["memory"] != nil, "\(document)")
        #expect(container["resources"]?["requests"]?["cpu"] != nil, "\(document)")
        #expect(container["image"]?.string?.contains("@sha256:") == true, "\(document)")
      }
    }
  }
}
