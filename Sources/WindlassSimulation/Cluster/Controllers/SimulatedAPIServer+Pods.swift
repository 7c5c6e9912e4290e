import WindlassCore
import WindlassWire

/// What the server does for pods. Running them is the work of a node agent, which is a client.
extension SimulatedAPIServer {
  /// Gives a new pod what admission gives each.
  func prepareNewPod(_ object: inout JSONValue) {
    let toleration = { (key: String) -> JSONValue in
      [
        "effect": "NoExecute", "key": .string("node.kubernetes.io/\(key)"), "operator": "Exists",
        "tolerationSeconds": 300,
      ]
    }
    var tolerations = object.at("spec", "tolerations")?.elements ?? []
    for added in ["not-ready", "unreachable"].map(toleration)
    where !tolerations.contains(where: { $0["key"] == added["key"] }) {
      tolerations.append(added)
    }
    object.set(.array(tolerations), at: ["spec", "tolerations"])
    object.set(0, at: ["spec", "priority"])
    object.set("PreemptLowerPriority", at: ["spec", "preemptionPolicy"])
    object[member: "status"] = ["phase": "Pending", "qosClass": "BestEffort"]
  }

  /// Puts a pod on a node.
  mutating func bind(_ call: Call) throws(APIFailure) -> APIResponse {
    guard var pod = store.objects[call.key] else { throw call.type.notFound(call.name ?? "") }
    var read = call
    read.type.schema = .anything
    read.type.kind = "Binding"
    let sent = try decode(&read)
    pod.set(sent.at("target", "name"), at: ["spec", "nodeName"])
    let scheduled: JSONValue = [
      "lastProbeTime": .null, "lastTransitionTime": .string(now.rfc3339), "status": "True",
      "type": "PodScheduled",
    ]
    pod.set(
      .array((pod.at("status", "conditions")?.elements ?? []) + [scheduled]),
      at: ["status", "conditions"])
    let old = store.objects[call.key] ?? pod
    let stored = store.put(pod, at: call.key, time: now)
    noticeChange(of: stored, from: old, call.type)
    return .json(
      ["apiVersion": "v1", "kind": "Status", "metadata": .object([]), "status": "Success"],
      status: 201)
  }

  /// Deletes a pod: one that runs is given its time, until its node agent says that it has ended.
  mutating func removePod(
    _ live: JSONValue, _ key: ObjectKey, _ type: ResourceType, _ options: DeleteOptions
  ) -> JSONValue? {
    let phase = live.at("status", "phase")?.string ?? ""
    let runs =
      live.at("spec", "nodeName") != nil && !["Succeeded", "Failed"].contains(phase)
    let own = live.at("spec", "terminationGracePeriodSeconds")?.integer ?? 30
    let seconds = runs ? options.graceSeconds ?? own : 0
    if live.isTerminating, seconds > 0 || !live.finalizers.isEmpty { return live }
    var object = live
    object.set(
      .string((now + .seconds(seconds)).rfc3339), at: ["metadata", "deletionTimestamp"])
    object.set(.integer(seconds), at: ["metadata", "deletionGracePeriodSeconds"])
    if !live.isTerminating, let generation = live.at("metadata", "generation")?.integer {
      object.set(.integer(generation + 1), at: ["metadata", "generation"])
    }
    guard !options.isDryRun else { return object }
    let stored = object == live ? live : store.put(object, at: key, time: now)
    noticeChange(of: stored, from: live, type)
    if seconds == 0, live.finalizers.isEmpty {
      agenda.plan(.removePod(key, uid: live.uid), at: now + Self.removalDelay)
    }
    return stored
  }

  /// How long the server takes from marking a pod as gone to removing it.
  private static let removalDelay = Interval.milliseconds(3)

  /// Removes a pod that was marked as gone.
  mutating func removeGonePod(_ key: ObjectKey, _ uid: String) {
    guard let pod = store.objects[key], pod.uid == uid, pod.finalizers.isEmpty,
      let type = type("pods", in: "", "v1")
    else { return }
    store.remove(key, time: now)
    noticeDeletion(of: pod, type)
  }

  /// The pods that an object controls.
  func pods(of owner: JSONValue) -> [(key: ObjectKey, object: JSONValue)] {
    store.dependents(of: owner.uid, "pods").filter { $0.object.isControlled(by: owner.uid) }
  }
}

extension JSONValue {
  /// Whether this pod has ended.
  var hasEnded: Bool { ["Succeeded", "Failed"].contains(at("status", "phase")?.string ?? "") }

  /// Whether the owner of that uid controls this object.
  func isControlled(by uid: String) -> Bool {
    (at("metadata", "ownerReferences")?.elements ?? []).contains {
      $0["controller"] == .bool(true) && $0["uid"]?.string == uid
    }
  }

  /// Whether this pod is ready.
  var isReady: Bool {
    (at("status", "conditions")?.elements ?? []).contains {
      $0["type"] == "Ready" && $0["status"] == "True"
    }
  }
}
