import WindlassWire

@testable import KubernetesFleet

/// How a person writes a wish.
enum WishHand: String, CaseIterable, Sendable {
  /// As `kubectl patch --type merge`.
  case patch
  /// As `kubectl edit` and `kubectl replace`.
  case replace
  /// As `kubectl apply --server-side --force-conflicts`.
  case apply

  /// Has a wish stand on the object, and returns the object.
  func write(
    _ spec: JSONValue, on reference: ObjectReference, by client: KubernetesClient
  ) async throws(APIError) -> KubernetesObject {
    while true {
      guard let live = try await client.get(reference) else {
        throw APIError(.notFound, request: "GET \(reference)", detail: "it is not there")
      }
      do throws(APIError) {
        return try await write(spec, over: live, reference, client)
      } catch {
        // The operator writes its own parts meanwhile.
        guard error.code == .conflict else { throw error }
      }
    }
  }

  private func write(
    _ spec: JSONValue, over live: KubernetesObject, _ reference: ObjectReference,
    _ client: KubernetesClient
  ) async throws(APIError) -> KubernetesObject {
    let before = live.body["spec"] ?? .object([])
    let change = Self.difference(from: before, to: spec)
    switch self {
    case .replace:
      return try await client.replace(
        KubernetesObject(live.body.setting("spec", to: spec)), as: .managedServices)
    // What is to go can't be said by an apply of fields that a patch has written.
    case .apply where !Self.removes(change):
      return try await client.apply(
        KubernetesObject(reference, [JSONMember("spec", spec)]), as: .managedServices,
        ownership: .taken)
    case .patch, .apply:
      return try await client.patch(reference, .merge(["spec": change]))
    }
  }

  /// The merge patch that makes one value of another.
  static func difference(from old: JSONValue, to new: JSONValue) -> JSONValue {
    guard let before = old.object, let after = new.object else { return new }
    var members = before.filter { new[$0.name] == nil }.map { JSONMember($0.name, .null) }
    for member in after where old[member.name] != member.value {
      let former = old[member.name] ?? .object([])
      members.append(
        JSONMember(member.name, difference(from: former, to: member.value)))
    }
    return .object(members)
  }

  private static func removes(_ change: JSONValue) -> Bool {
    change.isNull || (change.object ?? []).contains { removes($0.value) }
  }
}
