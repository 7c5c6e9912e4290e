import Foundation
import KubernetesFleet
import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire
import Yams

@testable import windlass

/// The role for people who decide is what the plug-in needs.
struct DeciderRightsTests {
  private static let role = "windlass-decider"
  private static let rights = "rbac.authorization.k8s.io"

  /// The role's rules, as `deploy/` has them.
  private func rules() throws -> JSONValue {
    let file = (0..<4).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent()
    }
    .appending(path: "deploy/kustomize/base/people.yaml")
    let documents = try Yams.load_all(yaml: String(contentsOf: file, encoding: .utf8))
      .compactMap { $0 as? [String: Any] }
    let role = try #require(
      documents.first { ($0["metadata"] as? [String: Any])?["name"] as? String == Self.role })
    let rules = try #require(role["rules"] as? [[String: Any]])
    return .array(
      rules.map { rule in
        .object(
          rule.sorted { $0.key < $1.key }.map { name, value in
            JSONMember(name, .array((value as? [String] ?? []).map { .string($0) }))
          })
      })
  }

  /// A world in which `ann` has the role in `shop`, by the token `ann-token`.
  private func world(_ records: ServiceRecord...) async throws -> PluginWorld {
    let world = try await PluginWorld()
    let client = try world.reached().client
    _ = try await client.create(
      KubernetesObject([
        "apiVersion": .string("\(Self.rights)/v1"), "kind": "ClusterRole",
        "metadata": ["name": .string(Self.role)], "rules": try rules(),
      ]),
      as: KubernetesFleet.ResourceType(
        group: Self.rights, plural: "clusterroles", kind: "ClusterRole", isNamespaced: false))
    _ = try await client.create(
      KubernetesObject([
        "apiVersion": .string("\(Self.rights)/v1"), "kind": "RoleBinding",
        "metadata": ["name": "deciders", "namespace": "shop"],
        "roleRef": [
          "apiGroup": .string(Self.rights), "kind": "ClusterRole", "name": .string(Self.role),
        ],
        "subjects": [["apiGroup": .string(Self.rights), "kind": "User", "name": "ann"]],
      ]),
      as: KubernetesFleet.ResourceType(
        group: Self.rights, plural: "rolebindings", kind: "RoleBinding"))
    await world.host.change { server in
      server.addUser("ann", token: "ann-token")
      server.addUser("bob", token: "bob-token")
    }
    try await world.office.open(records, offer: PluginStates.offer)
    await world.host.change { $0.usedRights = [] }
    return world
  }

  @Test func `whoever has it can do all that the plug-in does, and it has nothing else`()
    async throws
  {
    var used: Set<String> = []
    let questions = [
      ["status"], ["status", "beacon"], ["plan", "beacon"], ["history", "beacon"],
    ]
    .map { (words: $0, record: PluginStates.rolling) }
    let decisions = PluginDecisionTests.cases.map { (words: $0.words, record: $0.record) }
    for (words, record) in questions + decisions {
      let world = try await world(PluginStates.rest, record)
      // A run that lost its label is read by its name.
      if words.count == 2, words[0] == "status" {
        try await world.change(
          ["metadata": ["labels": .object([JSONMember(StepLabel.service, .null)])]], .upgradeRuns,
          "beacon-r7")
      }
      let outcome = try await world.run(words, on: world.reached(as: "ann-token"))
      #expect([.done, .pending].contains(outcome.status), "\(words): \(outcome.text)")
      let rights = await world.host.change { $0.usedRights ?? [] }.filter { $0.user == "ann" }
      #expect(rights.filter { !$0.isGranted } == [], "\(words)")
      used.formUnion(rights.map { "\($0.verb) \($0.resource).\($0.group)" })
    }
    let granted = try (rules().array ?? []).flatMap { rule -> [String] in
      let texts = { (name: String) in (rule[name]?.array ?? []).compactMap(\.string) }
      return texts("verbs").flatMap { verb in
        texts("apiGroups").flatMap { group in
          texts("resources").map { "\(verb) \($0).\(group)" }
        }
      }
    }
    #expect(used.sorted() == granted.sorted())
  }

  @Test func `whoever has it not is told the right and the role`() async throws {
    let world = try await world(PluginStates.rest)
    let outcome = try await world.run(
      ["status", "beacon"], on: world.reached(as: "bob-token"))
    #expect(outcome.status == .failed)
    #expect(outcome.text.contains("the user lacks the right to get managedservices.windlass.dev"))
    #expect(outcome.text.contains("windlass-decider in shop"), "\(outcome.text)")
  }
}
