import Testing
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// The rights that `deploy/` gives to the operator are those that it needs.
struct RightsTests {
  @Test func `the operator needs each right that it is given, and no other`() async throws {
    var seen = try await RightsDrive.steps()
    seen.formUnion(try await RightsDrive.leading())
    seen.formUnion(try await RightsDrive.notices())
    seen.formUnion(try await RightsDrive.desk())
    for kind in WorkloadKind.allCases {
      seen.formUnion(try await RightsDrive.workload(kind))
    }
    let refused = seen.filter { !$0.isGranted }.map(Right.init)
    let used = Set(seen.filter(\.isGranted).map(Right.init))
    let granted = Right.granted(by: try Installation().documents)
    #expect(!used.isEmpty)
    #expect(
      refused.sorted() == [], "deploy/kustomize/base/rights.yaml lacks what the operator does")
    #expect(
      granted.subtracting(used).sorted() == Self.ofTheCommand,
      "deploy/kustomize/base/rights.yaml allows what nothing does; take it out")
    #expect(used.subtracting(granted).sorted() == [])
  }

  /// What only the command `windlass operator` asks for, which is not driven here: it follows
  /// wishes, and records what it trusts in a ConfigMap; and the oldest of many runs are deleted.
  private static let ofTheCommand: [Right] = {
    let own: [(resource: String, verbs: [String])] = [
      ("managedservices", ["list", "watch"]), ("upgraderuns", ["delete"]),
    ]
    let trust = Right(
      verb: "patch", group: "", resource: "configmaps", namespace: Installation.namespace)
    let rights = own.flatMap { resource, verbs in
      verbs.map {
        Right(
          verb: $0, group: "windlass.dev", resource: resource, namespace: Installation.namespace)
      }
    }
    return (rights + [trust]).sorted()
  }()

  @Test func `no rule has a wildcard, and none is about Secrets or others' rights`() throws {
    let roles = try DeployedDocument.all().filter { $0.kind.hasSuffix("Role") }
    #expect(roles.count >= 5)
    for role in roles {
      for rule in role.object.body["rules"]?.array ?? [] {
        for right in Right.rights(of: rule, in: "") {
          #expect(!"\(right)".contains("*"), "\(role)")
          #expect(!["secrets", "serviceaccounts/token", "pods/exec"].contains(right.resource))
          #expect(!["escalate", "bind", "impersonate"].contains(right.verb), "\(role)")
          #expect(right.group != "rbac.authorization.k8s.io", "\(role)")
        }
      }
    }
  }
}
