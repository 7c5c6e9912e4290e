import KubernetesFleet
import ReleaseFeeds
import WindlassCore
import WindlassWire

/// Remembers what was trusted of a service's manifests in a ConfigMap that the service owns.
///
/// A pod's disk goes with the pod, and with it would go the floor below which a serial is an
/// attack.
/// Whoever may write ConfigMaps of the namespace may lower that floor; he may as well make Jobs
/// there.
actor ClusterTrustStore: TrustStore {
  /// Bytes of a state that are kept: an object has room for about a mebibyte.
  private static let sizeMax = 700_000
  private static let stateKey = "state.json"
  private static let digestKey = "sha256"
  private static let attemptsMax = 3

  private let client: KubernetesClient
  private let owner: StepOwner
  private let place: ObjectReference
  /// The digest of the text that was read or written last; nil when there was none.
  private var known: Digest?

  init(_ service: ManagedService, by client: KubernetesClient) {
    self.client = client
    owner = service.owner
    // The uid: a service that was deleted and made anew is another one.
    place = ObjectReference(
      .configMaps, "windlass-trust-\(service.uid)", in: service.namespace)
  }

  func load() async throws(TrustStoreError) -> TrustState {
    guard let found = try await read() else { return .empty }
    let text = found.body["data"]?[Self.stateKey]?.string ?? ""
    let digest = StepDigest.of(text)
    guard found.body["data"]?[Self.digestKey]?.string == digest.text,
      // Any failure to read means the same: it is not what was written.
      let json = try? JSONValue.parse(
        Array(text.utf8), limits: JSONLimits(sizeMax: Bounds.trustStateSizeMax)),
      let state = TrustState(json)
    else {
      throw TrustStoreError(
        .corrupt,
        "The record of trusted manifests in \(place) was changed or damaged, so that an attack with"
          + " an old manifest could not be noticed. Restore the object; or, if you are sure of the"
          + " manifest that is published now, delete it.")
    }
    known = digest
    return state
  }

  func save(_ state: TrustState) async throws(TrustStoreError) {
    var state = state
    // The document itself can be fetched again; what it taught can't.
    if state.json.bytes.count > Self.sizeMax { state.latest = nil }
    let text = state.json.text
    let digest = StepDigest.of(text)
    var last: APIError?
    for _ in 0..<Self.attemptsMax {
      let found = try await read()
      let stored = found?.body["data"]?[Self.stateKey]?.string
      if stored == text {
        known = digest
        return
      }
      guard stored.map({ StepDigest.of($0) }) == known else {
        throw unwritable("somebody else has written it meanwhile; start the operator again")
      }
      do throws(APIError) {
        try await write(text, over: found)
        known = digest
        return
      } catch {
        // Read again: it may have been written all the same, or the object changed in between.
        guard error.mayHaveHappened || error.code == .conflict || error.code == .alreadyExists
        else { throw unwritable("\(error)") }
        last = error
      }
    }
    throw unwritable(last.map { "\($0)" } ?? "no attempt succeeded")
  }

  private func write(_ text: String, over found: KubernetesObject?) async throws(APIError) {
    let data: JSONValue = [
      Self.stateKey: .string(text), Self.digestKey: .string(StepDigest.of(text).text),
    ]
    guard let found else {
      let metadata: JSONValue = [
        "name": .string(place.name), "namespace": .string(place.namespace ?? ""),
        "labels": ["app.kubernetes.io/managed-by": "windlass"],
        "ownerReferences": [owner.reference],
      ]
      let object = KubernetesObject([
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data,
      ])
      _ = try await client.create(object, as: .configMaps)
      return
    }
    _ = try await client.patch(place, .merge(["data": data]), if: found.unchanged)
  }

  private func read() async throws(TrustStoreError) -> KubernetesObject? {
    do throws(APIError) {
      return try await client.get(place)
    } catch {
      throw TrustStoreError(
        .unreadable,
        "The record of trusted manifests can't be read: \(error) Nothing is trusted until it can.")
    }
  }

  private func unwritable(_ reason: String) -> TrustStoreError {
    TrustStoreError(
      .unwritable,
      "The record of trusted manifests in \(place) can't be saved: \(reason). The new manifest is"
        + " not used until it can.")
  }
}
