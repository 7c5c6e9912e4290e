import DeployedCluster
import Testing
import WindlassWire

@testable import KubernetesFleet

/// Whom the network policies of `deploy/kustomize/steps` let a step reach.
struct NetworkTests {
  /// A rule of a policy, in one line: whom, and on which ports.
  private static func text(_ rule: JSONValue) -> String {
    let peers = (rule["to"]?.array ?? []).map { peer -> String in
      if let space = peer.value(at: "/namespaceSelector/matchLabels")?.object?.first {
        return "namespace \(space.value.string ?? "")"
      }
      let labels = peer.value(at: "/podSelector/matchLabels")?.object ?? []
      return "pods" + labels.map { " \($0.name)" }.joined()
    }
    let ports = (rule["ports"]?.array ?? []).compactMap { $0["port"]?.integer }
    let unique = Set(ports).sorted().map(String.init).joined(separator: ",")
    return (peers.isEmpty ? "anyone" : peers.joined(separator: "+")) + ":" + unique
  }

  /// Whether a policy is about pods of these labels.
  private static func selects(_ policy: JSONValue, _ labels: [String: String]) -> Bool {
    let selector = policy.value(at: "/spec/podSelector") ?? .null
    let wanted = selector["matchLabels"]?.object ?? []
    guard wanted.allSatisfy({ labels[$0.name] == $0.value.string }) else { return false }
    return (selector["matchExpressions"]?.array ?? []).allSatisfy { expression in
      let values = (expression["values"]?.array ?? []).compactMap(\.string)
      let value = labels[expression["key"]?.string ?? ""] ?? ""
      return values.contains(value) == (expression["operator"] == "In")
    }
  }

  private static let names = "namespace kube-system:53"
  private static let databases = "3306,5432,26257"

  private static func wanted(_ kind: StepKind) -> Set<String> {
    if kind.rawValue == "visit" { return visitor }
    if kind.role != nil { return [names, "anyone:\(databases)"] }
    switch kind {
    case .prepare: return [names, "anyone:443"]
    case .probe: return [names, "pods:"]
    default: return [names]
    }
  }

  private static let visitor: Set<String> = [
    names, "pods windlass.dev/scratch-database:\(databases)",
  ]

  private func reached(_ kind: String) throws -> Set<String> {
    let policies = try DeployedDocument.all(in: "kustomize/steps")
      .filter { $0.kind == "NetworkPolicy" }.map(\.object.body)
    let labels = ["app.kubernetes.io/name": "windlass-step", StepLabel.step: kind]
    let found = policies.filter { Self.selects($0, labels) }
    // One of them closes both ways; the others only add.
    #expect(
      found.contains {
        $0.value(at: "/spec/policyTypes") == ["Ingress", "Egress"]
          && $0.value(at: "/spec/ingress") == nil && $0.value(at: "/spec/egress") == nil
      })
    return Set(
      found.flatMap { ($0.value(at: "/spec/egress")?.array ?? []).map(Self.text) })
  }

  @Test(arguments: StepKind.allCases)
  func `a step reaches what it needs, and nothing else`(kind: StepKind) throws {
    #expect(try reached(kind.rawValue) == Self.wanted(kind))
  }

  @Test func `a rehearsed server reaches scratch databases alone, and what is no step nothing`()
    throws
  {
    #expect(try reached("visit") == Self.visitor)
    #expect(try reached("anything") == [Self.names])
  }
}
