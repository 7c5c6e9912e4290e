import DeployedCluster
import Testing
import WindlassWire

@testable import KubernetesFleet

/// Where the operator tells how it is, in all documents that speak of it.
struct StatusPortTests {
  private let base: [DeployedDocument]
  private let container: JSONValue

  init() throws {
    base = try ["kustomize/base", "kustomize/operator"].flatMap {
      try DeployedDocument.all(in: $0)
    }
    let deployment = base.first { $0.kind == "Deployment" }?.object.body
    container = try #require(deployment?.value(at: "/spec/template/spec/containers/0"))
  }

  private func body(_ kind: String) throws -> JSONValue {
    try #require(base.first { $0.kind == kind }?.object.body, "no \(kind)")
  }

  @Test func `the port that is listened on is the one that is named, served and let in`() throws {
    let words = (container["args"]?.array ?? []).compactMap(\.string)
    let listen = try #require(words.first { $0.hasPrefix("--listen=:") })
    let port = try #require(Int64(listen.dropFirst("--listen=:".count)))
    let named = try #require(container["ports"]?.array?.first)
    #expect(named["containerPort"]?.integer == port)
    let name = try #require(named["name"]?.string)
    let service = try body("Service")
    #expect(service.value(at: "/spec/ports/0/name")?.string == name)
    #expect(service.value(at: "/spec/ports/0/port")?.integer == port)
    #expect(service.value(at: "/spec/ports/0/targetPort")?.string == name)
    let policy = try body("NetworkPolicy")
    #expect(policy.value(at: "/spec/ingress/0/ports/0/port")?.integer == port)
    #expect(policy.value(at: "/spec/ingress")?.array?.count == 1)
    let asking = (policy.value(at: "/spec/ingress/0/from")?.array ?? []).compactMap {
      $0.value(at: "/namespaceSelector/matchLabels")?.object?.first?.name
    }
    #expect(asking == ["windlass.dev/scrapes", "windlass.dev/asks-gate"])
  }

  @Test func `each probe asks what there is to be asked`() throws {
    let name = try #require(container.value(at: "/ports/0/name")?.string)
    for (probe, path) in [
      ("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz"),
    ] {
      let asked = try #require(container[probe]?["httpGet"], "no \(probe)")
      #expect(asked["path"]?.string == path)
      #expect(asked["port"]?.string == name)
    }
  }

  @Test func `the Service and its monitor select what there is`() throws {
    let monitor = try #require(
      try DeployedDocument.all(in: "kustomize/components/service-monitor")
        .first { $0.kind == "ServiceMonitor" }
    ).object
    let service = try body("Service")
    let labels = try #require(service.value(at: "/metadata/labels")?.object)
    for member in monitor.body.value(at: "/spec/selector/matchLabels")?.object ?? [] {
      #expect(labels.contains(member))
    }
    #expect(monitor.namespace == service.value(at: "/metadata/namespace")?.string)
    let endpoint = try #require(monitor.body.value(at: "/spec/endpoints")?.array?.first)
    #expect(endpoint["port"] == service.value(at: "/spec/ports/0/name"))
    #expect(endpoint["path"] == "/metrics")
    #expect(endpoint["honorLabels"] == true)
    let deployment = try body("Deployment")
    #expect(
      service.value(at: "/spec/selector")
        == deployment.value(at: "/spec/template/metadata/labels"))
  }
}
