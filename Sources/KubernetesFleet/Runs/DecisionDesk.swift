package import WindlassCore
import WindlassWire

/// Removes annotations of decisions that were answered.
package enum DecisionDesk {
  /// Takes answered decisions off a ManagedService, if it is still the one that was read.
  ///
  /// - Throws: the server's failure; the annotations are then found answered at the next look.
  package static func clear(
    _ answered: [String], from service: KubernetesObject, by client: KubernetesClient
  ) async throws(StepFailure) {
    guard !answered.isEmpty else { return }
    let gone = answered.map { JSONMember(DecisionOrder.prefix + $0, .null) }
    let change: JSONValue = ["metadata": ["annotations": .object(gone)]]
    let reference = ObjectReference(.managedServices, service.name, in: service.namespace)
    _ = try await asking { () async throws(APIError) in
      try await client.patch(reference, .merge(change), if: service.same)
    }
  }
}
