import KubernetesFleet
package import WindlassCore
import WindlassWire

/// Runs the pods that are bound to one node as processes of this machine, where no kubelet exists.
///
/// The node is an object of the cluster like any other. When `run` is cancelled the node has gone
/// as a machine does that loses its power: nothing of its pods runs, and nobody says so.
package actor NodeAgent {
  private let node: NodeContext
  private var runners: [String: PodRunner] = [:]
  /// The last number that a pod got as its address.
  private var addresses: UInt32 = 0

  /// A node of the cluster behind the requests.
  package init(_ settings: NodeSettings, _ api: NodeAPI, clock: any RunClock) {
    node = NodeContext(settings: settings, api: api, clock: clock)
  }

  /// Pods that the agent cares for.
  package var podCount: Int { runners.count }

  /// Cares for the node's pods until the task is cancelled.
  package func run() async throws {
    let (changes, sink) = AsyncStream.makeStream(of: CacheChange.self)
    let pods = Informer(
      try node.api.client(node.clock),
      Selection(.pods, fields: "spec.nodeName=\(node.settings.name)"),
      handlers: [{ sink.yield($0) }])
    await withDiscardingTaskGroup { group in
      group.addTask { await pods.run() }
      group.addTask { await self.keepRegistered() }
      for await change in changes { await follow(change, &group) }
      group.cancelAll()
    }
  }

  private func follow(_ change: CacheChange, _ group: inout DiscardingTaskGroup) async {
    let pod = change.object.body
    let known = runners[pod.uid]
    switch change {
    case .removed:
      runners[pod.uid] = nil
      await known?.vanish()
    case .added, .updated, .resynced:
      if let known { return await known.update(pod) }
      let runner = PodRunner(pod, address: makeAddress(), node)
      runners[pod.uid] = runner
      group.addTask { await runner.run() }
    }
  }

  private func makeAddress() -> String {
    addresses += 1
    let (second, third) = node.settings.subnet
    let last = UInt8(1 + (addresses - 1) % 254)
    return "127.\(second).\(third &+ UInt8((addresses - 1) / 254 % 256)).\(last)"
  }

  // MARK: - The node's object

  /// Makes the node's object, and says now and then that the node is there.
  private func keepRegistered() async {
    let path = "/api/v1/nodes"
    while !Task.isCancelled {
      let name = node.settings.name
      let answer = await node.api.send("GET", "\(path)/\(name)")
      if answer?.status == 404 {
        _ = await node.api.send("POST", path, object)
      }
      if let answer, answer.isGood || answer.status == 404 {
        _ = await node.api.send(
          "PATCH", "\(path)/\(name)/status", ["status": status],
          type: "application/strategic-merge-patch+json")
      }
      let delay: Interval = answer == nil ? .seconds(1) : .seconds(10)
      await node.clock.sleep(until: node.clock.now() + delay)
    }
  }

  private var object: JSONValue {
    var labels = node.settings.labels
    labels["kubernetes.io/hostname"] = node.settings.name
    labels["kubernetes.io/os"] = "linux"
    return [
      "apiVersion": "v1", "kind": "Node",
      "metadata": [
        "name": .string(node.settings.name),
        "labels": .object(
          labels.sorted { $0.key < $1.key }.map { JSONMember($0.key, .string($0.value)) }),
      ],
    ]
  }

  private var status: JSONValue {
    let now = node.clock.now().json
    return [
      "addresses": [
        ["type": "InternalIP", "address": "127.0.0.1"],
        ["type": "Hostname", "address": .string(node.settings.name)],
      ],
      "conditions": [
        [
          "type": "Ready", "status": "True", "reason": "KubeletReady",
          "message": "kubelet is posting ready status", "lastHeartbeatTime": now,
        ]
      ],
      "nodeInfo": [
        "bootID": .string(node.settings.bootID), "machineID": .string(node.settings.name),
        "kubeletVersion": "v1.36.2", "operatingSystem": "linux", "architecture": "amd64",
      ],
    ]
  }
}
