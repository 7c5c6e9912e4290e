import WindlassCore
import WindlassWire

/// What the controller of DaemonSets does: it keeps one pod on each node, and replaces those of an
/// old template as far as the strategy allows.
struct DaemonSetTurn {
  private let set: JSONValue
  private let view: ClusterView
  private let nodes: [String]
  /// The pods that count, by node.
  private var pods: [String: [JSONValue]] = [:]
  private let revisions: Revisions
  private var turn = ControllerTurn()

  init(_ set: JSONValue, _ view: ClusterView) {
    self.set = set
    self.view = view
    nodes = view.objects(of: "nodes", in: nil).map(\.object).filter { node in
      (set.at("spec", "template", "spec", "nodeSelector")?.members ?? []).allSatisfy {
        node.at("metadata", "labels", $0.name) == $0.value
      }
    }.map(\.name)
    revisions = Revisions(
      of: set, kind: "DaemonSet", label: "controller-revision-hash", view)
    // A pod that ended and is being removed makes room for the next one.
    for pod in view.dependents(of: set, "pods") where !(pod.hasEnded && pod.isTerminating) {
      pods[Self.node(of: pod), default: []].append(pod)
    }
  }

  mutating func run() -> ControllerTurn {
    guard !set.isTerminating else { return turn }
    let newest = revisions.newest()
    if let write = newest.write { turn.writes.append(write) }
    let hash = newest.revision.at("metadata", "labels", "controller-revision-hash")?.string ?? ""
    place(hash)
    let isRolling = set.at("spec", "updateStrategy", "type") == "RollingUpdate"
    if turn.writes.allSatisfy({ $0.key.resource != "pods" }), isRolling { replace(hash) }
    let used = Set(
      view.dependents(of: set, "pods").compactMap { pod in
        pod.at("metadata", "labels", "controller-revision-hash")?.string.map { "\(set.name)-\($0)" }
      })
    turn.writes += revisions.surplus(besides: used.union([newest.revision.name]))
    let status = status(hash)
    if status != set["status"] {
      turn.writes.append(
        ControllerWrite(
          key: ObjectKey(
            resource: "daemonsets.apps", namespace: set.namespace, name: set.name),
          deed: .latestStatus(status)))
    }
    return turn
  }

  /// The node on which a pod is, or for which it was made.
  static func node(of pod: JSONValue) -> String {
    if let name = pod.at("spec", "nodeName")?.string, !name.isEmpty { return name }
    let terms = pod.at(
      "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
      "nodeSelectorTerms")
    return terms?.elements.first?["matchFields"]?.elements.first?["values"]?.elements.first?.string
      ?? ""
  }

  /// Makes the pods that are missing, and deletes those that ended or have no node to be on.
  private mutating func place(_ hash: String) {
    for node in nodes {
      let own = pods[node] ?? []
      if own.isEmpty {
        turn.writes.append(ControllerWrite(key: podKey(""), deed: .create(newPod(node, hash))))
      }
      for pod in own where pod.hasEnded && !pod.isTerminating { delete(pod) }
    }
    for (node, own) in pods.sorted(by: { $0.key < $1.key }) where !nodes.contains(node) {
      for pod in own where !pod.isTerminating { delete(pod) }
    }
  }

  /// Deletes pods of old templates, as many as may be missing at a time.
  private mutating func replace(_ hash: String) {
    let limit = DeploymentNumbers.scaled(
      set.at("spec", "updateStrategy", "rollingUpdate", "maxUnavailable"),
      of: Int64(nodes.count), roundsUp: true)
    var missing: Int64 = 0
    var broken: [JSONValue] = []
    var candidates: [JSONValue] = []
    for node in nodes {
      let living = (pods[node] ?? []).filter { !$0.isTerminating }
      let old = living.filter { !isUpdated($0, hash) }
      if let pod = old.first, living.count == 1 {
        if isAvailable(pod) { candidates.append(pod) } else { broken.append(pod) }
      } else if living.count != 1 || !isAvailable(living[0]) {
        missing += 1
      }
    }
    let count = max(0, Int(limit - missing))
    for pod in broken + candidates.prefix(count) { delete(pod) }
  }

  private func isAvailable(_ pod: JSONValue) -> Bool {
    pod.isAvailable(after: set.count("spec", "minReadySeconds"), at: view.now)
  }

  private func isUpdated(_ pod: JSONValue, _ hash: String) -> Bool {
    pod.at("metadata", "labels", "controller-revision-hash")?.string == hash
  }

  private mutating func delete(_ pod: JSONValue) {
    turn.writes.append(ControllerWrite(key: podKey(pod.name), deed: .delete(uid: pod.uid)))
  }

  private func podKey(_ name: String) -> ObjectKey {
    ObjectKey(resource: "pods", namespace: set.namespace, name: name)
  }

  private func status(_ hash: String) -> JSONValue {
    var counts: [String: Int64] = [:]
    for node in nodes {
      guard let pod = (pods[node] ?? []).min(by: { $0.created < $1.created }) else { continue }
      counts["current", default: 0] += 1
      if pod.isReady { counts["ready", default: 0] += 1 }
      if isAvailable(pod) { counts["available", default: 0] += 1 }
      if isUpdated(pod, hash) { counts["updated", default: 0] += 1 }
    }
    let stray = pods.filter { !nodes.contains($0.key) }.count
    let desired = Int64(nodes.count)
    var status = set["status"] ?? .object([])
    status[member: "currentNumberScheduled"] = .integer(counts["current"] ?? 0)
    status[member: "desiredNumberScheduled"] = .integer(desired)
    status[member: "numberAvailable"] = (counts["available"] ?? 0).orNothing
    status[member: "numberMisscheduled"] = .integer(Int64(stray))
    status[member: "numberReady"] = .integer(counts["ready"] ?? 0)
    status[member: "numberUnavailable"] = (desired - (counts["available"] ?? 0)).orNothing
    status[member: "observedGeneration"] = set.at("metadata", "generation")
    status[member: "updatedNumberScheduled"] = (counts["updated"] ?? 0).orNothing
    return status
  }

  private func newPod(_ node: String, _ hash: String) -> JSONValue {
    var pod = set.at("spec", "template") ?? .object([])
    pod.set(.string("\(set.name)-"), at: ["metadata", "generateName"])
    pod.set(.array([set.ownership("DaemonSet")]), at: ["metadata", "ownerReferences"])
    pod.set(.string(hash), at: ["metadata", "labels", "controller-revision-hash"])
    pod.set(
      .string(set.annotation(Self.generation) ?? "1"),
      at: ["metadata", "labels", "pod-template-generation"])
    let terms: JSONValue = [
      ["matchFields": [["key": "metadata.name", "operator": "In", "values": [.string(node)]]]]
    ]
    pod.set(
      terms,
      at: [
        "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
      ])
    let tolerations = Self.tolerated.map { key, effect -> JSONValue in
      [
        "effect": .string(effect), "key": .string("node.kubernetes.io/\(key)"),
        "operator": "Exists",
      ]
    }
    let own = pod.at("spec", "tolerations")?.elements ?? []
    pod.set(.array(own + tolerations), at: ["spec", "tolerations"])
    return pod
  }

  /// What a pod of a DaemonSet puts up with on its node.
  private static let tolerated = [
    ("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"), ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
  ]

  /// The annotation that counts the templates that a DaemonSet has had.
  static let generation = "deprecated.daemonset.template.generation"
}
