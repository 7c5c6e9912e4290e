package import WindlassCore

/// A pod that can be asked over the network of pods.
package struct ProbedPod: Hashable, Sendable {
  package var id: InstanceID
  package var name: String
  package var uid: String
  /// Its address in the network of pods.
  package var address: String

  package init(id: InstanceID, name: String, uid: String, address: String) {
    self.id = id
    self.name = name
    self.uid = uid
    self.address = address
  }
}

/// Reaches the network of pods, which the daemon itself is not in.
package protocol WaveProber: Sendable {
  /// Asks each pod at its own address for its version, and puts the probes to it.
  ///
  /// - Returns: One answer for each pod that could be reached.
  func probe(
    _ pods: [ProbedPod], with probes: [Probe]
  ) async throws(StepFailure) -> [ProbeAnswer]
}

extension WaveProber {
  /// Asks those pods of a wave that have an address and did not end.
  func probe(
    _ wave: [InstanceID], among pods: [Pod], with probes: [Probe]
  ) async throws(StepFailure) -> [ProbeAnswer] {
    let asked = pods.compactMap { pod -> ProbedPod? in
      guard wave.contains(pod.identity.instance), !pod.isEnded, let address = pod.address else {
        return nil
      }
      return ProbedPod(
        id: pod.identity.instance, name: pod.identity.name, uid: pod.identity.uid,
        address: address)
    }
    guard !asked.isEmpty else { return [] }
    let known = Set(asked.map(\.id))
    return try await probe(asked, with: probes).filter { known.contains($0.id) }
  }
}
