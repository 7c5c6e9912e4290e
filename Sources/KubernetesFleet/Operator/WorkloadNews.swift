import Synchronization
import WindlassCore
import WindlassWire

/// Tells of each workload when one of its pods changed, so that nobody has to look at a workload
/// at rest.
///
/// It is heard of a workload's own change when that leads to another pod; what it does not lead to
/// is found at the next look.
package final class WorkloadNews: Sendable {
  private let signals = Mutex<[ObjectReference: Signal]>([:])

  package init() {}

  /// Where it is told that a workload's pods changed.
  package func signal(of place: WorkloadPlace) -> Signal {
    signals.withLock { signals in
      let signal = signals[place.reference] ?? Signal()
      signals[place.reference] = signal
      return signal
    }
  }

  /// Forgets workloads that no service is about any more.
  package func keep(only places: some Sequence<WorkloadPlace>) {
    let references = Set(places.map(\.reference))
    signals.withLock { signals in signals = signals.filter { references.contains($0.key) } }
  }

  /// Takes in a change of a pod; for the handlers of an `Informer` of pods.
  package func note(_ change: CacheChange) {
    if case .resynced = change { return }
    guard let workload = WorkloadNews.workload(of: change.object) else { return }
    signals.withLock { $0[workload] }?.send()
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
