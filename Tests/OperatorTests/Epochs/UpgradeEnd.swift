import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// How an upgrade left its service, in words by their names; the same for all that did the same.
struct UpgradeEnd: Hashable, Sendable {
  var facts: [String: String]
  /// Moments in which a pod ran that does not work with the schema as it was.
  var breaches: [String]

  /// Looks at a world in which nothing happens any more.
  static func of(_ world: OperatorWorld) async throws -> UpgradeEnd {
    let counts = world.model.counts
    let workload = try await world.workload()
    let service = await world.service()
    let image = workload.body.value(at: "/spec/template/spec/containers/0/image")?.string ?? ""
    let conditions = (service?.body.value(at: "/status/conditions")?.array ?? []).map { one in
      ["type", "status", "reason"].map { one[$0]?.string ?? "" }.joined(separator: "=")
    }
    return UpgradeEnd(
      facts: [
        "deployed": service?.deployedVersion ?? "",
        "conditions": conditions.sorted().joined(separator: " "),
        "run": try await world.run()?.body.value(at: "/status/outcome")?.string ?? "",
        "template": ServiceScene.version(of: image) ?? image,
        "changes of the workload": "\(workload.generation)",
        "schema": world.model.schema.map { "\($0)" } ?? "",
        "migrations": text(counts.migrations), "backups": "\(counts.backups)",
        "commit points": "\(counts.commitPoints)", "pods": text(world.model.running),
        "pods started": text(counts.podsStarted), "pods stopped": text(counts.podsStopped),
      ], breaches: world.model.breaches)
  }

  /// How it differs from what it should be, a sentence each; none for a good one.
  func differences(from wanted: UpgradeEnd) -> [String] {
    breaches
      + Set(facts.keys).union(wanted.facts.keys).sorted().compactMap { name in
        let (mine, theirs) = (facts[name] ?? "none", wanted.facts[name] ?? "none")
        return mine == theirs ? nil : "\(name): \(mine) instead of \(theirs)"
      }
  }

  private static func text(_ counts: [some Hashable: Int]) -> String {
    counts.map { "\($0.key)×\($0.value)" }.sorted().joined(separator: " ")
  }
}
