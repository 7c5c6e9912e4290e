package import WindlassCore
package import WindlassWire

/// The wish that an open run was opened with, as its steps read it.
package enum PinnedWish {
  /// Looks the document of a run up; nil where no step of it was made yet, so that nothing was
  /// done by any wish.
  ///
  /// A wish that was edited since is not the run's (invariant T5).
  package static func find(
    for plan: Plan, of service: ServiceName, in namespace: String, by client: KubernetesClient
  ) async throws(StepFailure) -> JSONValue? {
    let labels =
      "\(StepLabel.service)=\(StepName.label(service.text)),"
      + "\(StepLabel.run)=\(StepName.label(plan.run.text))"
    let found = try await asking { () async throws(APIError) in
      try await client.list(Selection(.configMaps, in: namespace, labels: labels)).objects
    }
    for object in found {
      guard let document = document(of: object), document.service == service,
        document.plan == plan
      else { continue }
      return document.spec
    }
    return nil
  }

  private static func document(of object: KubernetesObject) -> StepDocument? {
    guard let text = object.body["data"]?[StepPaths.documentKey]?.string,
      let digest = object.annotations[StepLabel.planDigest]
    else { return nil }
    // What does not fit its digest is no step's document.
    return try? StepDocument(Array(text.utf8), digest: Digest(digest))
  }
}
