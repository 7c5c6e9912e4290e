package import WindlassCore
import WindlassWire

/// What the operator itself writes on a ManagedService: that it is not driven and why, and the
/// finalizer that keeps the object until nothing is under way for it.
package struct ServiceNotice: Sendable {
  /// Holds a service until its run has ended or stands still.
  package static let finalizer = "windlass.dev/finish-run"
  private static let attemptsMax = 5

  private let client: KubernetesClient

  /// Notices by that client.
  package init(_ client: KubernetesClient) { self.client = client }

  // MARK: - Conditions

  /// Says that a service is not driven, and why; nothing is written when it stands there already.
  ///
  /// - Parameter seen: The object that was looked at; the generation that is spoken of is its own.
  package func tell(_ block: Block, of seen: KubernetesObject) async throws(APIError) {
    try await write("False", block, of: seen) { _ in true }
  }

  /// Whether an object says that something is amiss with its service, so that `begin` may have to
  /// take that back.
  package static func isToldAmiss(_ seen: KubernetesObject) -> Bool {
    (seen.body["status"]?["conditions"]?.array ?? [])
      .contains { $0["type"] == "Ready" && $0["status"] == "False" }
  }

  /// Whether an object said last that a run of its service is under way; the journal knows better.
  package static func isUnderWay(_ seen: KubernetesObject) -> Bool {
    (seen.body["status"]?["conditions"]?.array ?? [])
      .contains { $0["type"] == "Progressing" && $0["status"] == "True" }
  }

  /// Takes back what was said of a service that was not driven, and is now.
  package func begin(_ seen: KubernetesObject) async throws(APIError) {
    let now = Block(code: "Driven", message: "the service is taken up; nothing is known yet")
    try await write("Unknown", now, of: seen) { $0?["status"] == "False" }
  }

  private func write(
    _ status: JSONValue, _ block: Block, of seen: KubernetesObject,
    over isMeant: (JSONValue?) -> Bool
  ) async throws(APIError) {
    try await change(seen) { (live: KubernetesObject) async throws(APIError) in
      let old = live.body["status"]?["conditions"]?.array ?? []
      let before = old.first { $0["type"] == "Ready" }
      let isSame =
        before?["status"] == status && before?["reason"]?.string == block.code
        && before?["message"]?.string == block.message
        && before?["observedGeneration"]?.integer == seen.generation
      guard !isSame, isMeant(before) else { return }
      let since = before?["status"] == status ? before?["lastTransitionTime"]?.string : nil
      let condition: JSONValue = [
        "type": "Ready", "status": status, "reason": .string(block.code),
        "message": .string(String(block.message.prefix(4_096))),
        "observedGeneration": .integer(seen.generation),
        "lastTransitionTime": .string(since ?? client.clock.now().rfc3339),
      ]
      let conditions = old.filter { $0["type"] != "Ready" } + [condition]
      _ = try await client.patch(
        Self.reference(live),
        .merge([
          "status": [
            "conditions": .array(conditions), "observedGeneration": .integer(seen.generation),
          ]
        ]), if: live.unchanged, subresource: "status")
    }
  }

  // MARK: - The workload

  /// Has it on the object which workload the service was adopted with, where nothing says so yet.
  package func keep(
    _ workload: AdoptedWorkload, of seen: KubernetesObject
  ) async throws(APIError) {
    let name = AdoptedWorkload.annotation
    guard seen.annotations[name] == nil, !seen.isDeleting else { return }
    try await change(seen) { (live: KubernetesObject) async throws(APIError) in
      guard live.annotations[name] == nil, !live.isDeleting else { return }
      let annotations = JSONValue.object([JSONMember(name, .string(workload.text))])
      _ = try await client.patch(
        Self.reference(live), .merge(["metadata": ["annotations": annotations]]),
        if: live.unchanged)
    }
  }

  // MARK: - The finalizer

  /// Has the finalizer on the object, and on record which shard takes it up; on one that is being
  /// deleted no finalizer can be put any more.
  package func hold(_ seen: KubernetesObject, by shard: ServiceShard) async throws(APIError) {
    if seen.finalizers.contains(Self.finalizer), shard.isRecorded(on: seen) { return }
    try await change(seen) { (live: KubernetesObject) async throws(APIError) in
      guard !live.isDeleting else { return }
      var metadata: [JSONMember] = []
      if !live.finalizers.contains(Self.finalizer) {
        metadata.append(Self.finalizers(live.finalizers + [Self.finalizer]))
      }
      if !shard.isRecorded(on: live) {
        let record: JSONValue = shard.name.isEmpty ? .null : .string(shard.name)
        metadata.append(
          JSONMember("annotations", .object([JSONMember(ServiceShard.record, record)])))
      }
      try await write(metadata, on: live)
    }
  }

  /// Takes the finalizer off the object; one that is gone has none.
  package func release(_ seen: KubernetesObject) async throws(APIError) {
    try await change(seen) { (live: KubernetesObject) async throws(APIError) in
      guard live.finalizers.contains(Self.finalizer) else { return }
      try await write(
        [Self.finalizers(live.finalizers.filter { $0 != Self.finalizer })], on: live)
    }
  }

  private static func finalizers(_ names: [String]) -> JSONMember {
    JSONMember("finalizers", .array(names.map { .string($0) }))
  }

  private func write(
    _ metadata: [JSONMember], on live: KubernetesObject
  ) async throws(APIError) {
    guard !metadata.isEmpty else { return }
    _ = try await client.patch(
      Self.reference(live), .merge(["metadata": .object(metadata)]), if: live.unchanged)
  }

  private static func reference(_ object: KubernetesObject) -> ObjectReference {
    ObjectReference(.managedServices, object.name, in: object.namespace)
  }

  /// Changes the object as it is now, anew when it changed meanwhile; another one of the same name
  /// is left alone. Who may not read it goes by the copy that was seen, where that is not outdated.
  private func change(
    _ seen: KubernetesObject, _ body: (KubernetesObject) async throws(APIError) -> Void
  ) async throws(APIError) {
    var last: APIError?
    for attempt in 1...Self.attemptsMax {
      guard let live = try await current(seen), live.uid == seen.uid else { return }
      do throws(APIError) {
        return try await body(live)
      } catch {
        guard error.code == .conflict || error.mayHaveHappened else { throw error }
        last = error
        let delay = await client.delay(afterFailures: attempt, error)
        await client.clock.sleep(until: client.clock.now() + delay)
      }
    }
    if let last { throw last }
  }

  private func current(_ seen: KubernetesObject) async throws(APIError) -> KubernetesObject? {
    do throws(APIError) {
      return try await client.get(Self.reference(seen))
    } catch {
      guard error.code == .forbidden else { throw error }
      return seen
    }
  }
}
