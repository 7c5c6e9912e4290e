import WindlassCore
import WindlassWire

/// What the controller of StatefulSets does: it makes its pods one after the other, in the order of
/// their numbers, and replaces them from the last one down to the partition.
struct StatefulSetTurn {
  private let set: JSONValue
  private let view: ClusterView
  private let key: ObjectKey
  private let pods: [JSONValue]
  private let revisions: Revisions
  private var current: JSONValue = .null
  private var updated: JSONValue = .null
  private var status: JSONValue = .object([])
  private var turn = ControllerTurn()

  init(_ set: JSONValue, _ view: ClusterView) {
    self.set = set
    self.view = view
    key = ObjectKey(resource: "statefulsets.apps", namespace: set.namespace, name: set.name)
    pods = view.dependents(of: set, "pods")
    revisions = Revisions(
      of: set, kind: "StatefulSet", label: "controller.kubernetes.io/hash", view)
  }

  mutating func run() -> ControllerTurn {
    let newest = revisions.newest()
    if let write = newest.write { turn.writes.append(write) }
    updated = newest.revision
    current = revisions.named(set.at("status", "currentRevision")?.string) ?? updated
    count()
    if !set.isTerminating { adjust() }
    completeUpdate()
    if status != set["status"] {
      turn.writes.append(ControllerWrite(key: key, deed: .latestStatus(status)))
    }
    let used = Set(pods.compactMap(Self.revision(of:)) + [current.name, updated.name])
    turn.writes += revisions.surplus(besides: used)
    return turn
  }

  // MARK: - Status

  private mutating func count() {
    let number = { (pods: [JSONValue]) in Int64(pods.count) }
    let ready = pods.filter(Self.isRunningAndReady)
    let living = pods.filter { !$0.isTerminating }
    status[member: "observedGeneration"] = set.at("metadata", "generation")
    status[member: "currentRevision"] = .string(current.name)
    status[member: "updateRevision"] = .string(updated.name)
    status[member: "collisionCount"] = .integer(set.count("status", "collisionCount"))
    status[member: "replicas"] = .integer(number(pods))
    status[member: "readyReplicas"] = number(ready).orNothing
    status[member: "availableReplicas"] = .integer(number(ready.filter(isAvailable)))
    let of = { (revision: JSONValue) in living.filter { Self.revision(of: $0) == revision.name } }
    status[member: "currentReplicas"] = number(of(current)).orNothing
    status[member: "updatedReplicas"] = number(of(updated)).orNothing
    status[member: "conditions"] = set.at("status", "conditions")
  }

  /// What was the new revision is the current one when every pod is of it.
  private mutating func completeUpdate() {
    let all = status.count("replicas")
    guard set.at("spec", "updateStrategy", "type") == "RollingUpdate", all == replicas,
      status.count("updatedReplicas") == all, status.count("readyReplicas") == all
    else { return }
    status[member: "currentReplicas"] = status["updatedReplicas"]
    status[member: "currentRevision"] = status["updateRevision"]
  }

  // MARK: - Pods

  private var replicas: Int64 { self.set.at("spec", "replicas")?.integer ?? 1 }

  /// Whether one pod has to be ready before the next one is touched.
  private var isOrdered: Bool { self.set.at("spec", "podManagementPolicy") != "Parallel" }

  private var start: Int64 { self.set.count("spec", "ordinals", "start") }

  /// Pods below this number keep the current revision.
  private var partition: Int64 {
    self.set.count("spec", "updateStrategy", "rollingUpdate", "partition")
  }

  private func number(of pod: JSONValue) -> Int64? {
    pod.name.split(separator: "-").last.flatMap { Int64($0) }
  }

  private static func revision(of pod: JSONValue) -> String? {
    pod.at("metadata", "labels", "controller-revision-hash")?.string
  }

  private static func isRunningAndReady(_ pod: JSONValue) -> Bool {
    pod.at("status", "phase") == "Running" && pod.isReady
  }

  private func isAvailable(_ pod: JSONValue) -> Bool {
    Self.isRunningAndReady(pod)
      && pod.isAvailable(after: set.count("spec", "minReadySeconds"), at: view.now)
  }

  private mutating func adjust() {
    let wanted = start..<start + replicas
    for place in wanted {
      let pod = pods.first { number(of: $0) == place }
      guard tend(pod, place) else { return }
    }
    let surplus = pods.filter { !wanted.contains(number(of: $0) ?? -1) }
      .sorted { number(of: $0) ?? 0 > number(of: $1) ?? 0 }
    for pod in surplus {
      if !pod.isTerminating { delete(pod) }
      if isOrdered { return }
    }
    guard set.at("spec", "updateStrategy", "type") == "RollingUpdate" else { return }
    for place in wanted.reversed() where place >= start + partition {
      guard let pod = pods.first(where: { number(of: $0) == place }) else { return }
      if Self.revision(of: pod) != updated.name, !pod.isTerminating {
        delete(pod)
        if Self.revision(of: pod) == current.name {
          status[member: "currentReplicas"] = (status.count("currentReplicas") - 1).orNothing
        }
        return
      }
      guard Self.isRunningAndReady(pod), !pod.isTerminating, isAvailable(pod) else { return }
    }
  }

  /// Sees to the pod of one place; returns whether the next one may be seen to.
  private mutating func tend(_ pod: JSONValue?, _ place: Int64) -> Bool {
    guard let pod else {
      turn.writes.append(ControllerWrite(key: podKey(""), deed: .create(newPod(place))))
      return !isOrdered
    }
    if pod.hasEnded {
      if !pod.isTerminating { delete(pod) }
      return false
    }
    guard isOrdered else { return true }
    if !pod.isTerminating, pod.isReady, !isAvailable(pod), let since = pod.readySince {
      turn.lookAgain(at: since + .seconds(set.count("spec", "minReadySeconds")))
    }
    return !pod.isTerminating && isAvailable(pod)
  }

  private mutating func delete(_ pod: JSONValue) {
    turn.writes.append(ControllerWrite(key: podKey(pod.name), deed: .delete(uid: pod.uid)))
  }

  private func podKey(_ name: String) -> ObjectKey {
    ObjectKey(resource: "pods", namespace: set.namespace, name: name)
  }

  private func newPod(_ place: Int64) -> JSONValue {
    let isRolling = set.at("spec", "updateStrategy", "type") == "RollingUpdate"
    let keepsCurrent = isRolling && place < start + partition
    let revision = keepsCurrent ? current : updated
    var pod = revision.at("data", "spec", "template") ?? .object([])
    pod[member: "$patch"] = nil
    let name = "\(set.name)-\(place)"
    pod.set(.string(name), at: ["metadata", "name"])
    pod.set(.string("\(set.name)-"), at: ["metadata", "generateName"])
    pod.set(.array([set.ownership("StatefulSet")]), at: ["metadata", "ownerReferences"])
    let labels = [
      ("apps.kubernetes.io/pod-index", String(place)),
      ("controller-revision-hash", revision.name), ("statefulset.kubernetes.io/pod-name", name),
    ]
    for (label, value) in labels {
      pod.set(.string(value), at: ["metadata", "labels", label])
    }
    pod.set(.string(name), at: ["spec", "hostname"])
    pod.set(set.at("spec", "serviceName"), at: ["spec", "subdomain"])
    return pod
  }
}
