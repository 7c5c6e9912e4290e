import WindlassWire

/// A change of one object by which a person says what he wants, as a patch.
package struct PersonsChange: Hashable, Sendable {
  /// Which object is changed.
  package enum Target: Hashable, Sendable {
    case service
    /// The UpgradeRun of that name.
    case run(String)
  }

  package let target: Target
  private let value: JSONValue

  /// Writes `spec.approvedBy` of a run.
  package static func approval(of run: String, by name: String) -> PersonsChange {
    PersonsChange(target: .run(run), value: ["spec": ["approvedBy": .string(name)]])
  }

  /// Sets `spec.policy.paused`, writes a decision, or both at once.
  ///
  /// - Parameters:
  ///   - paused: False takes the field away, which is the same as saying no.
  ///   - order: With the id that nobody used before.
  package static func service(
    paused: Bool? = nil, _ order: (id: String, order: DecisionOrder)? = nil
  ) -> PersonsChange {
    var members: [JSONMember] = []
    if let order {
      let name = DecisionOrder.prefix + order.id
      let annotation = JSONValue.object([JSONMember(name, .string(order.order.text))])
      members.append(JSONMember("metadata", ["annotations": annotation]))
    }
    if let paused {
      members.append(
        JSONMember("spec", ["policy": ["paused": paused ? .bool(true) : .null]]))
    }
    return PersonsChange(target: .service, value: .object(members))
  }

  /// Makes the change, if the object is the one that was read and nobody has changed it since.
  ///
  /// - Parameter object: The object of `target` as it was read.
  /// - Throws: `conflict` where it has changed; `mayHaveHappened` where no answer came.
  package func make(
    on object: KubernetesObject, by client: KubernetesClient
  ) async throws(APIError) {
    let type: ResourceType = target == .service ? .managedServices : .upgradeRuns
    let reference = ObjectReference(type, object.name, in: object.namespace)
    _ = try await client.patch(reference, .merge(value), if: object.unchanged)
  }
}
