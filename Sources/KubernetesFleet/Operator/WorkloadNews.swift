import Synchronization
import WindlassCore
import WindlassWire

/// Tells of each workload when one of its pods changed, so that nobody has to look at a workload
/// at rest.
///
/// It is heard of a workload's own change when that leads to another pod; what it does not lead to
/// is found at the next look.
package final class WorkloadNews: Sendable {
  private struct Listeners: Sendable {
    var signals: [ObjectReference: Signal] = [:]
    /// Where labels alone tell whose a pod is.
    var selectors: [ObjectReference: PodSelector] = [:]
  }

  private let listeners = Mutex(Listeners())

  package init() {}

  /// Where it is told that a workload's pods changed.
  ///
  /// - Parameter selector: Tells its pods from others where its controller does not make them.
  package func signal(of place: WorkloadPlace, selecting selector: PodSelector? = nil) -> Signal {
    listeners.withLock { listeners in
      let signal = listeners.signals[place.reference] ?? Signal()
      listeners.signals[place.reference] = signal
      listeners.selectors[place.reference] = selector
      return signal
    }
  }

  /// Forgets workloads that no service is about any more.
  package func keep(only places: some Sequence<WorkloadPlace>) {
    let references = Set(places.map(\.reference))
    listeners.withLock { listeners in
      listeners.signals = listeners.signals.filter { references.contains($0.key) }
      listeners.selectors = listeners.selectors.filter { references.contains($0.key) }
    }
  }

  /// Takes in a change of a pod; for the handlers of an `Informer` of pods.
  package func note(_ change: CacheChange) {
    if case .resynced = change { return }
    let pod = change.object
    let workload = WorkloadNews.workload(of: pod)
    let signals = listeners.withLock { listeners in
      let selecting = listeners.selectors.filter { reference, selector in
        reference.namespace == pod.namespace && selector.selects(pod.labels)
      }
      return Set(selecting.keys).union([workload].compactMap { $0 }).compactMap {
        listeners.signals[$0]
      }
    }
    for signal in signals { signal.send() }
  }

  /// The workload whose controller made a pod, by itself or by a ReplicaSet of its.
  static func workload(of pod: KubernetesObject) -> ObjectReference? {
    let owners = pod.metadata["ownerReferences"]?.array ?? []
    guard let owner = owners.first(where: { $0["controller"] == true }),
      let name = owner["name"]?.string
    else { return nil }
    switch owner["kind"]?.string {
    case "ReplicaSet":
      // The hash that ends the name of a Deployment's set has no hyphen.
      let stem = name.split(separator: "-").dropLast().joined(separator: "-")
      return ObjectReference(.deployments, stem, in: pod.namespace)
    case "StatefulSet": return ObjectReference(.statefulSets, name, in: pod.namespace)
    case "DaemonSet": return ObjectReference(.daemonSets, name, in: pod.namespace)
    default: return nil
    }
  }
}
