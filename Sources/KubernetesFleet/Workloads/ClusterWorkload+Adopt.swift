package import WindlassCore
import WindlassWire

/// The one time that Windlass takes fields of others over, which a person allows with `adopt:
/// true`.
///
/// It happens in two steps, because server-side apply takes a field away from its manager only when
/// it changes it: adoption, while no run is open, records whose the fields are; the first order
/// that changes such a field takes it, and records that. What was taken once, or was somebody's who
/// is not on record, is never taken again: a later write of another manager is a person's edit.
extension ClusterWorkload {
  /// Records whose the fields are that orders will write; nothing else of the workload changes.
  ///
  /// - Returns: The managers by field; what was recorded the first time, when it was before.
  package func adopt() async throws(StepFailure) -> [String: [String]] {
    for _ in 0..<3 {
      let live = try await workload()
      if let known = adoption(of: live) { return known }
      let owners = FieldOwners(live)
      var found: [String: [String]] = [:]
      for field in place.fields {
        let managers = owners.managers(of: field, besides: client.fieldManager)
        if !managers.isEmpty { found[field.path] = managers }
      }
      let patch: JSONValue = [
        "metadata": [
          "annotations": .object([
            JSONMember(WorkloadAnnotation.adopted, .string(found.annotation))
          ])
        ]
      ]
      do throws(APIError) {
        _ = try await client.patch(place.reference, .merge(patch), if: live.unchanged)
        return found
      } catch {
        guard error.code == .conflict || error.mayHaveHappened else { throw StepFailure(error) }
      }
    }
    throw StepFailure(
      code: "WorkloadBusy", disposition: .retry,
      message: "\(place) changed each time that its adoption was to be recorded.")
  }

  /// The record of an adoption; nil when there was none.
  func adoption(of live: KubernetesObject) -> [String: [String]]? {
    guard let text = live.annotations[WorkloadAnnotation.adopted] else { return nil }
    // A record that nobody can read allows nothing.
    let value = try? JSONValue.parse(Array(text.utf8))
    return Dictionary(
      (value?.object ?? []).map { ($0.name, ($0.value.array ?? []).compactMap(\.string)) }
    ) { first, _ in first }
  }

  private func taken(from live: KubernetesObject) -> [String] {
    guard let text = live.annotations[WorkloadAnnotation.taken] else { return [] }
    // The same: it can only be shorter by somebody's hand, who may as well edit the record.
    let value = try? JSONValue.parse(Array(text.utf8))
    return (value?.array ?? []).compactMap(\.string)
  }

  /// The annotations that each order carries on.
  func carried(from live: KubernetesObject) -> [String: String] {
    let name = WorkloadAnnotation.taken
    return live.annotations[name].map { [name: $0] } ?? [:]
  }

  /// The document with which these fields may be taken; nil when they may not.
  func adopting(
    _ paths: [String], _ document: KubernetesObject, _ live: KubernetesObject
  ) -> KubernetesObject? {
    guard adopts, !paths.isEmpty, let record = adoption(of: live) else { return nil }
    let taken = taken(from: live)
    let owners = FieldOwners(live)
    for path in paths {
      guard let field = place.fields.first(where: { $0.path == path }), !taken.contains(path),
        let known = record[path],
        owners.managers(of: field, besides: client.fieldManager).allSatisfy(known.contains)
      else { return nil }
    }
    let all = JSONValue.array((taken + paths).sorted().map { .string($0) })
    return KubernetesObject(
      document.body.setting(
        ["metadata", "annotations", WorkloadAnnotation.taken], to: .string(all.text)))
  }
}

extension [String: [String]] {
  /// The record as an annotation's text.
  fileprivate var annotation: String {
    JSONValue.object(
      sorted { $0.key < $1.key }
        .map { JSONMember($0.key, .array($0.value.map { .string($0) })) }
    ).text
  }
}
