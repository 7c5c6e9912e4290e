import DeployedCluster
import Testing
import WindlassWire

@testable import KubernetesFleet

/// What rights may be like that `deploy/` gives to anybody. `OperatorRightsTests` look at what the
/// operator needs.
struct RightsTests {
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
