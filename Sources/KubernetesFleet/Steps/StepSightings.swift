import Synchronization

/// How the pods of steps were seen last.
final class StepSightings: Sendable {
  private struct State {
    var pods: [String: PodSighting] = [:]
    /// Uids in the order in which they came, so that the oldest can be forgotten.
    var known: [String] = []
  }
  private let state = Mutex(State())

  /// Notes what a watch tells of a pod, and returns it.
  @discardableResult
  func note(_ change: CacheChange) -> PodSighting {
    var sighting = PodSighting(change.object)
    if case .removed = change { sighting.isGone = true }
    note(sighting)
    return sighting
  }

  /// Notes all pods of an order as the authority listed them: others of it that were known before
  /// it was asked are gone. One that a watch told of meanwhile may be younger than the list.
  func note(_ listed: [PodSighting], knownBefore: [PodSighting]) {
    for sighting in listed { note(sighting) }
    let uids = Set(listed.map(\.uid))
    state.withLock { state in
      for pod in knownBefore where !uids.contains(pod.uid) { state.pods[pod.uid]?.isGone = true }
    }
  }

  /// The pods that carried out an order, those that are gone as well, in the order of their uids.
  func pods(of order: String) -> [PodSighting] { pods { $0.order == order } }

  /// Pods of some kind, those that are gone as well, in the order of their uids.
  func pods(where isMeant: (PodSighting) -> Bool) -> [PodSighting] {
    state.withLock { state in
      state.pods.values.filter(isMeant).sorted { $0.uid < $1.uid }
    }
  }

  /// Notes that a pod is dead although nobody saw its end: its node is, or a person said so.
  func bury(where isMeant: (PodSighting) -> Bool) {
    state.withLock { state in
      for (uid, pod) in state.pods where isMeant(pod) { state.pods[uid]?.hasEnded = true }
    }
  }

  /// Notes the boot of a pod's node.
  func note(boot: String, of uid: String) {
    state.withLock { state in
      if state.pods[uid]?.boot == nil { state.pods[uid]?.boot = boot }
    }
  }

  private func note(_ sighting: PodSighting) {
    state.withLock { state in
      if let old = state.pods[sighting.uid] {
        state.pods[sighting.uid] = old.followed(by: sighting)
        return
      }
      state.pods[sighting.uid] = sighting
      state.known.append(sighting.uid)
      guard state.known.count > StepBounds.podsRememberedMax else { return }
      // The oldest that is known to be dead; one in doubt is never forgotten.
      let place = state.known.firstIndex { state.pods[$0]?.isDead ?? true }
      if let place { state.pods[state.known.remove(at: place)] = nil }
    }
  }
}
