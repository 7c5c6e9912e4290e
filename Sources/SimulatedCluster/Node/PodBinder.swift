import KubernetesFleet
package import WindlassCore
import WindlassWire

/// Puts pods that are on no node on one, as a scheduler does: the one that a pod names, or else the
/// one with the fewest pods.
package actor PodBinder {
  private let api: NodeAPI
  private let clock: any RunClock
  /// Names of the nodes with their labels.
  private let nodes: [(name: String, labels: [String: String])]
  private var loads: [String: Int] = [:]

  /// A binder for these nodes.
  package init(_ nodes: [NodeSettings], _ api: NodeAPI, clock: any RunClock) {
    self.nodes = nodes.map { node in
      var labels = node.labels
      labels["kubernetes.io/hostname"] = node.name
      return (node.name, labels)
    }
    self.api = api.speaking(as: "kube-scheduler")
    self.clock = clock
  }

  /// Binds pods until the task is cancelled.
  package func run() async throws {
    let (changes, sink) = AsyncStream.makeStream(of: CacheChange.self)
    let pods = Informer(
      try api.client(clock), Selection(.pods, fields: "spec.nodeName="), resync: .seconds(30),
      handlers: [{ sink.yield($0) }])
    await withDiscardingTaskGroup { group in
      group.addTask { await pods.run() }
      for await change in changes {
        switch change {
        case .added, .resynced: await bind(change.object.body)
        case .updated, .removed: break
        }
      }
      group.cancelAll()
    }
  }

  private func bind(_ pod: JSONValue) async {
    guard pod.text("spec", "nodeName").isEmpty, !pod.isBeingDeleted, let node = choose(pod)
    else { return }
    loads[node, default: 0] += 1
    let path = "/api/v1/namespaces/\(pod.namespace)/pods/\(pod.name)/binding"
    let body: JSONValue = [
      "apiVersion": "v1", "kind": "Binding",
      "metadata": ["name": .string(pod.name), "uid": .string(pod.uid)],
      "target": ["apiVersion": "v1", "kind": "Node", "name": .string(node)],
    ]
    for _ in 0..<5 {
      if let answer = await api.send("POST", path, body), answer.status < 500 { return }
      await clock.sleep(until: clock.now() + .milliseconds(300))
    }
  }

  private func choose(_ pod: JSONValue) -> String? {
    let affinity = pod.at(
      "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    let fields = affinity?.list("nodeSelectorTerms").first?.list("matchFields").first
    let named = fields?.texts("values")
    let wanted = pod.at("spec", "nodeSelector")?.object ?? []
    return nodes.filter { node in
      (named?.contains(node.name) ?? true)
        && wanted.allSatisfy { node.labels[$0.name] == $0.value.string }
    }.map(\.name).min { (loads[$0] ?? 0, $0) < (loads[$1] ?? 0, $1) }
  }
}
