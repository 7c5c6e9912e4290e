import WindlassCore
import WindlassWire

/// What the controller of ReplicaSets does: it makes and ends pods, and counts them.
struct ReplicaSetTurn {
  private let set: JSONValue
  private let view: ClusterView
  private let key: ObjectKey

  init(_ set: JSONValue, _ view: ClusterView) {
    self.set = set
    self.view = view
    key = ObjectKey(resource: "replicasets.apps", namespace: set.namespace, name: set.name)
  }

  func run() -> ControllerTurn {
    var turn = ControllerTurn()
    let pods = view.dependents(of: set, "pods")
    let active = pods.filter(\.isActivePod)
    if !set.isTerminating { turn.writes += adjustment(active) }
    let status = status(active, ending: pods.filter(\.isEndingPod).count)
    if status != set["status"] {
      turn.writes.append(ControllerWrite(key: key, deed: .latestStatus(status)))
    }
    let seconds = set.count("spec", "minReadySeconds")
    for pod in active where !pod.isAvailable(after: seconds, at: view.now) {
      if let since = pod.readySince { turn.lookAgain(at: since + .seconds(seconds)) }
    }
    return turn
  }

  /// The pods to make or to end.
  private func adjustment(_ active: [JSONValue]) -> [ControllerWrite] {
    let wanted = Int(set.at("spec", "replicas")?.integer ?? 1)
    if active.count < wanted {
      return (active.count..<wanted).map { _ in
        ControllerWrite(key: podKey(""), deed: .create(newPod))
      }
    }
    let related = view.objects(of: "replicasets.apps", in: set.namespace).map(\.object)
      .filter { $0.controller?["uid"] == set.controller?["uid"] || $0.uid == set.uid }
      .flatMap { view.dependents(of: $0, "pods") }
    return PodRanks(related, at: view.now).ordered(active).prefix(active.count - wanted).map {
      ControllerWrite(key: podKey($0.name), deed: .delete(uid: $0.uid))
    }
  }

  private func podKey(_ name: String) -> ObjectKey {
    ObjectKey(resource: "pods", namespace: set.namespace, name: name)
  }

  private var newPod: JSONValue {
    var pod = set.at("spec", "template") ?? .object([])
    pod.set(.string(set.name + "-"), at: ["metadata", "generateName"])
    pod.set(.array([set.ownership("ReplicaSet")]), at: ["metadata", "ownerReferences"])
    return pod
  }

  /// The condition that says why pods are missing.
  private func failure(_ count: Int) -> JSONValue? {
    guard let message = view.refusals[key], count < Int(set.count("spec", "replicas")) else {
      return nil
    }
    // The first message stays, though each pod that was refused had another name.
    if let old = set.condition("ReplicaFailure") { return [old] }
    return [
      [
        "lastTransitionTime": .string(view.now.rfc3339),
        "message": .string(message), "reason": "FailedCreate", "status": "True",
        "type": "ReplicaFailure",
      ]
    ]
  }

  private func status(_ active: [JSONValue], ending: Int) -> JSONValue {
    let labels = set.at("spec", "template", "metadata", "labels")?.members ?? []
    let seconds = set.count("spec", "minReadySeconds")
    let labelled = active.filter { pod in
      labels.allSatisfy { pod.at("metadata", "labels", $0.name) == $0.value }
    }
    let available = active.filter { $0.isAvailable(after: seconds, at: view.now) }
    var status = set["status"] ?? .object([])
    status[member: "replicas"] = .integer(Int64(active.count))
    status[member: "fullyLabeledReplicas"] = Int64(labelled.count).orNothing
    status[member: "readyReplicas"] = Int64(active.filter(\.isReady).count).orNothing
    status[member: "availableReplicas"] = Int64(available.count).orNothing
    status[member: "terminatingReplicas"] = .integer(Int64(ending))
    status[member: "observedGeneration"] = set.at("metadata", "generation")
    status[member: "conditions"] = failure(active.count)
    return status
  }
}

extension JSONValue {
  /// The reference by which another object belongs to this one, of a kind of workloads.
  func ownership(_ kind: String) -> JSONValue {
    [
      "apiVersion": "apps/v1", "kind": .string(kind), "name": .string(name), "uid": .string(uid),
      "controller": true, "blockOwnerDeletion": true,
    ]
  }
}
