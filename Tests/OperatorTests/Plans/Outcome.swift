import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What a course has come to, and what it took.
struct Outcome: Hashable, Sendable {
  /// What must be the same whatever goes wrong, as words by their names.
  var fixed: [String: String]
  /// What may be up to three times as much, by its name.
  var bounded: [String: Int]
  /// Moments in which something was not as it must always be.
  var breaches: [String]
  /// How long it took, by the world's time.
  var duration: Interval

  /// How it differs from what it should be, a sentence each; none for a good one.
  func differences(from reference: Outcome) -> [String] {
    var found = breaches
    for name in Set(fixed.keys).union(reference.fixed.keys).sorted() {
      let (mine, theirs) = (fixed[name] ?? "none", reference.fixed[name] ?? "none")
      if mine != theirs { found.append("\(name): \(mine) instead of \(theirs)") }
    }
    for name in bounded.keys.sorted() {
      let (mine, theirs) = (bounded[name] ?? 0, reference.bounded[name] ?? 0)
      if mine > 3 * theirs { found.append("\(name): \(mine), and \(theirs) without faults") }
    }
    return found
  }

  /// Looks at a world in which nothing happens any more.
  static func of(_ world: OperatorWorld, since start: Timestamp) async throws -> Outcome {
    let end = world.time.now()
    // What is told late is told by then.
    await world.pass(.seconds(90))
    let counts = world.model.counts
    let workload = try await world.workload()
    let service = await world.service()
    let image = workload.body.value(at: "/spec/template/spec/containers/0/image")?.string ?? ""
    let conditions = service?.body.value(at: "/status/conditions")?.array ?? []
    let words = conditions.map { condition in
      ["type", "status", "reason"].map { condition[$0]?.string ?? "" }.joined(separator: "=")
    }
    let duration = end - start
    var bounded = jobs(world)
    bounded["Lease writes in ten minutes"] = leaseRate(world, world.time.now() - start)
    bounded["Events"] = world.writes(of: "events.")
    bounded["status writes"] = world.writes(of: "managedservices.windlass.dev/status")
    bounded["run status writes"] = world.writes(of: "upgraderuns.windlass.dev/status")
    return Outcome(
      fixed: [
        "deployed": service?.deployedVersion ?? "",
        "conditions": words.sorted().joined(separator: " "),
        "quarantined": service?.body.value(at: "/status/quarantined/0/version")?.string ?? "",
        "run": try await world.run()?.body.value(at: "/status/outcome")?.string ?? "",
        "template": ServiceScene.version(of: image) ?? image,
        "workload writes": "\(workload.generation)",
        "schema": world.model.schema.map { "\($0)" } ?? "",
        "migrations": Self.text(counts.migrations), "backups": "\(counts.backups)",
        "commit points": "\(counts.commitPoints)", "pods": Self.text(world.model.running),
        "pods started": Self.text(counts.podsStarted),
        "pods stopped": Self.text(counts.podsStopped),
      ], bounded: bounded, breaches: world.model.breaches, duration: duration)
  }

  private static func text(_ counts: [some Hashable: Int]) -> String {
    counts.map { "\($0.key)×\($0.value)" }.sorted().joined(separator: " ")
  }

  /// Jobs that were made, altogether.
  private static func jobs(_ world: OperatorWorld) -> [String: Int] {
    [
      "Jobs": world.history.entries.count { entry in
        guard case .request(let request, let status) = entry.traffic else { return false }
        return request.verb == "create" && request.resource == "jobs.batch" && status == 201
      }
    ]
  }

  /// A Lease is renewed as long as there is a leader, so that what counts is how often.
  private static func leaseRate(_ world: OperatorWorld, _ duration: Interval) -> Int {
    let count = world.writes(of: "leases.")
    return Int(Int64(count) * 600_000 / max(1, duration.milliseconds))
  }
}

extension OperatorWorld {
  /// How often operators wrote to a resource whose name begins so.
  fileprivate func writes(of resource: String) -> Int {
    history.requests().count { $0.changes && $0.resource.hasPrefix(resource) }
  }
}
