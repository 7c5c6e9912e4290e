import DeployedCluster
import Testing

/// A file of roles is made from the rights that were used.
struct RightsTextTests {
  private static let old = """
    rules:
    # Workloads.
    - apiGroups: [apps]
      resources: [deployments, daemonsets]
      verbs: [get, patch]
    - apiGroups: [""]
      resources: [pods]
      verbs: [list, watch]
    ---
    rules:
    - apiGroups: [coordination.k8s.io]
      resources: [leases]
      verbs: [create]
    - apiGroups: [coordination.k8s.io]
      resources: [leases]
      resourceNames: [one]
      verbs: [get, update]
    """

  private static func right(_ words: String) -> Right {
    let parts = words.split(separator: " ").map(String.init)
    let name = parts[1].split(separator: ".", maxSplits: 1).map(String.init)
    return Right(
      verb: parts[0], group: name.count > 1 ? name[1] : "", resource: name[0], namespace: "shop")
  }

  private static let same = [
    "get deployments.apps", "patch deployments.apps", "get daemonsets.apps",
    "patch daemonsets.apps", "list pods", "watch pods", "create leases.coordination.k8s.io",
    "get leases.coordination.k8s.io", "update leases.coordination.k8s.io",
  ]

  private static func renewed(_ words: [String]) -> RightsText {
    RightsText(renewing: old, from: Set(words.map(right)))
  }

  @Test func `what was used stays as it stands`() {
    let new = Self.renewed(Self.same)
    #expect(new.text == Self.old)
    #expect(new.unexplained == [])
  }

  @Test func `a verb that nothing used goes, of its resource alone`() {
    let new = Self.renewed(Self.same.filter { $0 != "patch daemonsets.apps" })
    #expect(
      new.text
        == Self.old.replacing(
          "  resources: [deployments, daemonsets]\n  verbs: [get, patch]",
          with: """
              resources: [deployments]
              verbs: [get, patch]
            - apiGroups: [apps]
              resources: [daemonsets]
              verbs: [get]
            """))
  }

  @Test func `a rule of which nothing was used goes`() {
    let new = Self.renewed(Self.same.filter { !$0.hasSuffix(" pods") })
    #expect(
      new.text
        == Self.old.replacing(
          "- apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [list, watch]\n", with: ""))
  }

  @Test func `a verb that is missing comes, in the last rule of its resource`() {
    let new = Self.renewed(Self.same + ["delete pods", "patch leases.coordination.k8s.io"])
    #expect(
      new.text
        == Self.old.replacing("[list, watch]", with: "[list, watch, delete]")
        .replacing("[get, update]", with: "[get, update, patch]"))
    #expect(new.unexplained == [])
  }

  @Test func `what no rule is about has to be explained by a person`() {
    let new = Self.renewed(Self.same + ["get secrets"])
    #expect(new.text == Self.old)
    #expect(new.unexplained == [Self.right("get secrets")])
  }
}
