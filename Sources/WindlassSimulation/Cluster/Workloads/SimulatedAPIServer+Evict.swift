import WindlassCore
import WindlassWire

/// Evictions: deletions of pods that ask their budget first.
extension SimulatedAPIServer {
  /// How long the server takes from granting an eviction to deleting the pod.
  private static let evictionDelay = Interval.milliseconds(50)

  /// Evicts a pod if its budget allows it.
  mutating func evict(_ call: Call) throws(APIFailure) -> APIResponse {
    var read = call
    read.type.schema = .anything
    read.type.kind = "Eviction"
    read.type.group = "policy"
    let sent = try decode(&read)
    guard let pod = store.objects[call.key] else { throw call.type.notFound(call.name ?? "") }
    let isDryRun = call.isDryRun || sent.at("deleteOptions", "dryRun") != nil
    if let uid = sent.at("deleteOptions", "preconditions", "uid")?.string, uid != pod.uid {
      throw call.type.conflict(call.name ?? "")
    }
    let phase = pod.at("status", "phase")?.string ?? ""
    let isFree = pod.isTerminating || ["Succeeded", "Failed", "Pending"].contains(phase)
    if !isFree { try useBudget(of: pod, isDryRun) }
    if !isDryRun {
      markEvicted(pod, call)
      agenda.plan(
        .deleteEvicted(
          call.key, uid: pod.uid,
          graceSeconds: sent.at("deleteOptions", "gracePeriodSeconds")?.integer),
        at: now + Self.evictionDelay)
    }
    var answer = APIResponse.json(
      [
        "apiVersion": "v1", "code": 201, "kind": "Status", "metadata": .object([]),
        "status": "Success",
      ], status: 201)
    answer.delay = isDryRun ? 0 : Self.evictionDelay.milliseconds
    return answer
  }

  /// Takes one eviction from the budget of a pod.
  private mutating func useBudget(
    of pod: JSONValue, _ isDryRun: Bool
  ) throws(APIFailure) {
    let budgets = store.objects(of: "poddisruptionbudgets.policy", namespace: pod.namespace)
      .filter { DisruptionTurn.selects($0.object, pod) }
    guard budgets.count < 2 else {
      throw APIFailure(
        code: 500, reason: "InternalError",
        message: "Internal error occurred: This pod has more than one PodDisruptionBudget, which "
          + "the eviction subresource does not support.",
        details: [
          "causes": [
            [
              "message": .string(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource "
                  + "does not support.")
            ]
          ]
        ])
    }
    guard let (key, budget) = budgets.first.map({ ($0.key, $0.object) }) else { return }
    let status = budget["status"] ?? .object([])
    if status.count("observedGeneration") < budget.count("metadata", "generation") {
      throw refusal("The disruption budget \(key.name) is still being processed by the server.", 10)
    }
    // A pod that is not healthy does not count, as long as enough others are.
    let wanted = status.count("desiredHealthy")
    if !pod.isReady, status.count("currentHealthy") >= wanted, wanted > 0 { return }
    guard status.count("disruptionsAllowed") > 0 else {
      throw refusal(
        "The disruption budget \(key.name) needs \(wanted) healthy pods and has "
          + "\(status.count("currentHealthy")) currently", nil)
    }
    guard !isDryRun else { return }
    var object = budget
    var used = status
    used[member: "disruptionsAllowed"] = .integer(status.count("disruptionsAllowed") - 1)
    used.set(.string(now.rfc3339), at: ["disruptedPods", pod.name])
    used.setDisruptionCondition(at: now)
    object[member: "status"] = used
    controllerWrite(object, over: budget, key, by: "kube-apiserver", subresource: "status")
    if let type = type("poddisruptionbudgets", in: "policy", "v1"),
      let stored = store.objects[key]
    {
      noticeChange(of: stored, from: budget, type)
    }
  }

  private func refusal(_ cause: String, _ seconds: Int64?) -> APIFailure {
    var details: JSONValue = [
      "causes": [["message": .string(cause), "reason": "DisruptionBudget"]]
    ]
    var headers: [HTTPHeader] = []
    if let seconds {
      details[member: "retryAfterSeconds"] = .integer(seconds)
      headers = [HTTPHeader("Retry-After", String(seconds))]
    }
    return APIFailure(
      code: 429, reason: "TooManyRequests",
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: details, headers: headers)
  }

  /// Says in a pod's status why it will go.
  private mutating func markEvicted(_ pod: JSONValue, _ call: Call) {
    guard !pod.isTerminating, pod.condition("DisruptionTarget") == nil else { return }
    var marked = pod
    let condition: JSONValue = [
      "lastProbeTime": .null, "lastTransitionTime": .string(now.rfc3339),
      "message": "Eviction API: evicting", "reason": "EvictionByEvictionAPI", "status": "True",
      "type": "DisruptionTarget",
    ]
    marked.set(
      .array((pod.at("status", "conditions")?.elements ?? []) + [condition]),
      at: ["status", "conditions"])
    let stored = store.put(marked, at: call.key, time: now)
    noticeChange(of: stored, from: pod, call.type)
  }

  /// Deletes a pod whose eviction was granted.
  mutating func deleteEvicted(_ key: ObjectKey, _ uid: String, _ graceSeconds: Int64?) {
    guard let pod = store.objects[key], pod.uid == uid, let type = type("pods", in: "", "v1") else {
      return
    }
    var options = DeleteOptions()
    options.graceSeconds = graceSeconds
    _ = remove(pod, key, type, options)
  }
}
