import Glibc
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What a person asks the cluster, and writes into it.
extension ClusterStage {
  /// The ManagedService as it is now.
  func service() async throws -> KubernetesObject {
    try #require(
      try await client.get(ObjectReference(.managedServices, "beacon", in: "shop")))
  }

  /// The run that was opened last.
  func run() async throws -> KubernetesObject? {
    let runs = try await client.list(Selection(.upgradeRuns, in: "shop")).objects
    return runs.max { $0.openedAt < $1.openedAt }
  }

  /// The releases of the pods that are ready, by their images.
  func servingVersions() async throws -> [String] {
    let pods = try await client.list(Selection(.pods, in: "shop", labels: "app=beacon")).objects
    return pods.compactMap { pod in
      let conditions = pod.body.value(at: "/status/conditions")?.array ?? []
      guard !pod.isDeleting,
        conditions.contains(where: { $0["type"] == "Ready" && $0["status"] == "True" })
      else { return nil }
      let image = pod.body.value(at: "/spec/containers/0/image")?.string
      return ["1.0.0", "1.1.0"].first { Self.image(of: $0) == image }
    }.sorted()
  }

  /// Names of the pods of a release that are there, ready or not.
  func pods(of version: String) async throws -> [String] {
    let pods = try await client.list(Selection(.pods, in: "shop", labels: "app=beacon")).objects
    return pods.filter {
      $0.body.value(at: "/spec/containers/0/image")?.string == Self.image(of: version)
    }.map(\.name)
  }

  /// The reasons of the Events that were told of the service.
  func eventReasons() async throws -> Set<String> {
    let events = try await client.list(Selection(.events, in: "shop")).objects
    return Set(events.compactMap { $0.body["reason"]?.string })
  }

  /// Names of reports on the volume of backups.
  var reports: [String] { directory.names(in: "node/claims/shop/beacon-backups/beacon/reports") }

  /// Changes a field of an object as `kubectl patch --type merge` does.
  func patch(
    _ type: KubernetesFleet.ResourceType, _ name: String, _ change: JSONValue
  ) async throws {
    _ = try await client.patch(ObjectReference(type, name, in: "shop"), .merge(change))
  }

  /// Writes a decision on the service.
  func decide(_ id: String, _ order: DecisionOrder) async throws {
    let annotations = JSONValue.object([
      JSONMember(DecisionOrder.prefix + id, .string(order.text))
    ])
    try await patch(.managedServices, "beacon", ["metadata": ["annotations": annotations]])
  }

  /// Waits until what was decided under that id is told, and its annotation is gone; returns what
  /// became of it.
  func answer(_ id: String, _ program: Program) async throws -> String {
    let told = try await reaches("an answer to \(id)", program) { service in
      !service.annotations.keys.contains(DecisionOrder.prefix + id)
        && service.decisions.contains { $0["id"]?.string == id }
    }
    return told.decisions.first { $0["id"]?.string == id }?["outcome"]?.string ?? ""
  }

  /// Lets a run that waits for its approval go on, after it was paused meanwhile: neither the
  /// approval alone nor an annotation lets it.
  func approveAfterPause(_ program: Program) async throws {
    try await reaches("the wait for an approval", program) { $0.progress == "Approve" }
    try await waits("the run's own word of it") {
      try await run()?.condition("Approved")?["reason"] == "Waiting"
    }
    let waiting = try #require(try await run())
    try await patch(.managedServices, "beacon", ["spec": ["policy": ["paused": true]]])
    try await reaches("the pause", program) { $0.progress == "Paused" }
    try await patch(.upgradeRuns, waiting.name, ["spec": ["approvedBy": "ann"]])
    try await waits("the approval") { try await run()?.holds("Approved") == true }
    try await decide("resume-1", DecisionOrder(choice: .resume, by: "ann"))
    #expect(try await answer("resume-1", program) == "Refused")
    let service = try await service()
    #expect(service.progress == "Paused" && service.body.value(at: "/status/schemaVersion") == 2)
    let old = Array(repeating: "1.0.0", count: Self.replicas)
    #expect(try await servingVersions() == old)
    try await patch(.managedServices, "beacon", ["spec": ["policy": ["paused": false]]])
  }

  /// Lets the next operator lead at once, after one that was killed.
  func giveUpLease() async throws {
    try await patch(
      .leases, "windlass-operator", ["spec": ["holderIdentity": "", "leaseDurationSeconds": 1]])
  }

  /// Waits until the ManagedService is as wanted while an operator runs, and returns it.
  @discardableResult
  func reaches(
    _ what: String, _ program: Program, sourceLocation: SourceLocation = #_sourceLocation,
    _ isReached: (KubernetesObject) -> Bool
  ) async throws -> KubernetesObject {
    var last: KubernetesObject?
    do {
      try await waits(what, sourceLocation: sourceLocation) {
        let found = try await service()
        last = found
        if isReached(found) { return true }
        try #require(program.isRunning, "the operator ended", sourceLocation: sourceLocation)
        return false
      }
    } catch {
      let status = last?.body["status"]?.setting("journal", to: nil).text ?? ""
      Issue.record(
        "\(what): \(status)\n\(program.errors.suffix(12_000))", sourceLocation: sourceLocation)
      throw error
    }
    return try #require(last)
  }

  /// Waits until a condition holds, for seven minutes at most.
  func waits(
    _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(420)
    while try await !condition() {
      try #require(
        ContinuousClock.now < deadline, "waited in vain for \(what)",
        sourceLocation: sourceLocation)
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}

extension KubernetesObject {
  /// When it was made, as text that sorts.
  fileprivate var openedAt: String { metadata["creationTimestamp"]?.string ?? "" }

  /// A condition of the object's status.
  func condition(_ type: String) -> JSONValue? {
    body.value(at: "/status/conditions")?.array?.first { $0["type"]?.string == type }
  }

  /// Whether a condition is true.
  func holds(_ type: String) -> Bool { condition(type)?["status"] == "True" }

  /// The phase of the run that is open, or why it stands.
  var progress: String? { condition("Progressing")?["reason"]?.string }

  /// The release that the status calls deployed.
  var deployedVersion: String? { body.value(at: "/status/deployedVersion")?.string }

  /// The answers to decisions.
  var decisions: [JSONValue] { body.value(at: "/status/decisions")?.array ?? [] }
}
