import Synchronization

/// Remembers pods whose end was seen, also between two readings.
package protocol SeenEnds: Sendable {
  /// Each in the state in which it ended.
  func ended() async -> [KubernetesObject]
}

/// Follows what an informer tells of pods and keeps those whose end it saw.
///
/// A rolling update removes its old pods between two readings, and a pod whose end nobody saw may
/// be alive. A node tells the end of each before the pod goes, so that who watches sees it; what
/// went while nobody watched stays in doubt.
package final class PodWitness: SeenEnds {
  private struct Ends {
    var latest: [String: KubernetesObject] = [:]
    /// Uids, the oldest first.
    var order: [String] = []
  }

  /// How many are remembered.
  private static let endsMax = 4_096
  private let ends = Mutex(Ends())

  /// A witness that has seen nothing.
  package init() {}

  /// Takes in one change; for the handlers of an `Informer` of pods.
  package func note(_ change: CacheChange) {
    let pod = change.object
    // A removal that is only inferred shows the last state that was known, which says nothing.
    guard Pod(object: pod, container: "").isEnded else { return }
    ends.withLock { ends in
      if ends.latest.updateValue(pod, forKey: pod.uid) == nil { ends.order.append(pod.uid) }
      guard ends.order.count > Self.endsMax else { return }
      ends.latest[ends.order.removeFirst()] = nil
    }
  }

  package func ended() async -> [KubernetesObject] {
    ends.withLock { ends in ends.order.compactMap { ends.latest[$0] } }
  }
}
