package import WindlassCore
import WindlassWire

extension ClusterWorkload {
  /// Writes the fence's number on the workload, so that it is another version than any that an
  /// earlier leader has read: what he sent and what is still on its way is refused when it arrives.
  ///
  /// The server knows nothing of epochs, and between two leaders nobody else may have written the
  /// object. One that is not there needs no bar.
  ///
  /// - Throws: What the server says; then nobody knows whether the bar is there.
  package func bar(under epoch: Epoch) async throws(StepFailure) {
    let client = client
    let place = place
    for _ in 0..<Self.attemptsMax {
      let found = try await asking { () async throws(APIError) in
        try await client.get(place.reference)
      }
      guard let live = found,
        live.labels[WorkloadLabel.epoch] != epoch.description
      else { return }
      let labels = [WorkloadLabel.epoch: epoch.description]
      let change: JSONValue = ["metadata": ["labels": JSONValue(texts: labels)]]
      do throws(APIError) {
        _ = try await client.patch(place.reference, .merge(change), if: live.unchanged)
        return
      } catch {
        guard error.code == .conflict || error.mayHaveHappened else { throw StepFailure(error) }
      }
    }
    throw StepFailure(
      code: "WorkloadBusy", disposition: .retry,
      message: "\(place) was changed by others each of \(Self.attemptsMax) times that the fence's "
        + "number was to be written on it. It is tried again.")
  }
}
