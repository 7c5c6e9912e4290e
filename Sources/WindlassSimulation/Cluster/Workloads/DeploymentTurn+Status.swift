import WindlassCore
import WindlassWire

/// What a Deployment's status says, and when it is written.
extension DeploymentTurn {
  var numbers: DeploymentNumbers { DeploymentNumbers(deployment) }

  /// Says in the status whether the Deployment is paused, so that its clock does not run on.
  mutating func notePause() {
    guard numbers.deadline != nil else { return }
    let reason = deployment.condition("Progressing")?["reason"]
    guard reason != "ProgressDeadlineExceeded" else { return }
    let isPaused = deployment.at("spec", "paused") == .bool(true)
    guard isPaused != (reason == "DeploymentPaused") else { return }
    setCondition(
      "Progressing", "Unknown", isPaused ? "DeploymentPaused" : "DeploymentResumed",
      isPaused ? "Deployment is paused" : "Deployment is resumed")
    turn.writes.append(ControllerWrite(key: key, deed: .status(deployment)))
  }

  /// The status by the numbers of the ReplicaSets.
  func counted(_ newest: JSONValue?) -> JSONValue {
    let total = { (path: String...) in sets.reduce(Int64(0)) { $0 + ($1.at(path)?.integer ?? 0) } }
    let available = total("status", "availableReplicas")
    let old = deployment["status"] ?? .object([])
    var status: JSONValue = .object([])
    status[member: "observedGeneration"] = deployment.at("metadata", "generation")
    status[member: "replicas"] = total("status", "replicas").orNothing
    status[member: "updatedReplicas"] = (newest?.count("status", "replicas") ?? 0).orNothing
    status[member: "readyReplicas"] = total("status", "readyReplicas").orNothing
    status[member: "availableReplicas"] = available.orNothing
    status[member: "unavailableReplicas"] =
      max(0, total("spec", "replicas") - available).orNothing
    status[member: "terminatingReplicas"] = .integer(total("status", "terminatingReplicas"))
    status[member: "collisionCount"] = old["collisionCount"]
    status[member: "conditions"] = old["conditions"]
    let isEnough = available >= numbers.replicas - numbers.maxUnavailable
    status.setDeploymentCondition(
      "Available", isEnough ? "True" : "False",
      isEnough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
      isEnough
        ? "Deployment has minimum availability."
        : "Deployment does not have minimum availability.", at: view.now)
    return status
  }

  /// Writes a status unless it says what the last one said.
  mutating func writeStatus(_ status: JSONValue) {
    guard status != deployment["status"] else { return }
    var object = deployment
    object[member: "status"] = status
    turn.writes.append(ControllerWrite(key: key, deed: .status(object)))
  }

  /// Writes the status during a rollout, with how far it has come.
  mutating func writeRolloutStatus(_ newest: JSONValue?) {
    var status = counted(newest)
    let subject =
      newest.map { "ReplicaSet \"\($0.name)\"" } ?? "Deployment \"\(deployment.name)\""
    let current = deployment.condition("Progressing")
    let isDone =
      status.count("replicas") == status.count("updatedReplicas")
      && current?["reason"] == "NewReplicaSetAvailable"
    if let deadline = numbers.deadline, !isDone {
      if numbers.isComplete(status) {
        status.setDeploymentCondition(
          "Progressing", "True", "NewReplicaSetAvailable",
          "\(subject) has successfully progressed.", at: view.now)
      } else if hasProgressed(to: status) {
        status.setDeploymentCondition(
          "Progressing", "True", "ReplicaSetUpdated", "\(subject) is progressing.", at: view.now,
          isRenewed: true)
      } else if let end = timeout(current, deadline) {
        if end < view.now {
          status.setDeploymentCondition(
            "Progressing", "False", "ProgressDeadlineExceeded",
            "\(subject) has timed out progressing.", at: view.now)
        } else {
          turn.lookAgain(at: end + .seconds(1))
        }
      }
    }
    moveFailures(newest, &status)
    writeStatus(status)
  }

  /// Says in the Deployment's status why a set has too few pods.
  private func moveFailures(_ newest: JSONValue?, _ status: inout JSONValue) {
    let failed = (newest.map { [$0] } ?? []) + old(newest)
    let own = failed.compactMap { $0.condition("ReplicaFailure") }.first
    if let own {
      status.setDeploymentCondition(
        "ReplicaFailure", "True", own["reason"]?.string ?? "", own["message"]?.string ?? "",
        at: view.now)
    } else if let conditions = status["conditions"]?.elements {
      status[member: "conditions"] = .array(conditions.filter { $0["type"] != "ReplicaFailure" })
    }
  }

  private func hasProgressed(to status: JSONValue) -> Bool {
    let before = deployment["status"] ?? .object([])
    let olds = { (status: JSONValue) in
      status.count("replicas") - status.count("updatedReplicas")
    }
    return status.count("updatedReplicas") > before.count("updatedReplicas")
      || olds(status) < olds(before)
      || status.count("readyReplicas") > before.count("readyReplicas")
      || status.count("availableReplicas") > before.count("availableReplicas")
  }

  /// When a rollout without progress counts as stuck.
  private func timeout(_ current: JSONValue?, _ deadline: Int64) -> Timestamp? {
    guard let current, current["reason"] != "NewReplicaSetAvailable",
      current["reason"] != "ProgressDeadlineExceeded",
      let from = current["lastUpdateTime"]?.string.flatMap(Timestamp.init(rfc3339:))
    else { return nil }
    return from + .seconds(deadline)
  }

  /// Sets a condition of the Deployment itself.
  mutating func setCondition(
    _ type: String, _ status: String, _ reason: String, _ message: String
  ) {
    var object = deployment["status"] ?? .object([])
    object.setDeploymentCondition(type, status, reason, message, at: view.now)
    deployment[member: "status"] = object
  }
}

extension JSONValue {
  /// Sets a condition in a Deployment's status, unless it says the same; a changed one moves to
  /// the end. `isRenewed` notes that the same is true again.
  mutating func setDeploymentCondition(
    _ type: String, _ status: String, _ reason: String, _ message: String, at now: Timestamp,
    isRenewed: Bool = false
  ) {
    let conditions = self["conditions"]?.elements ?? []
    let current = conditions.first { $0["type"]?.string == type }
    let isSame = current?["status"]?.string == status
    guard isRenewed || !isSame || current?["reason"]?.string != reason else { return }
    let time = JSONValue.string(now.rfc3339)
    let condition: JSONValue = [
      "lastTransitionTime": (isSame ? current?["lastTransitionTime"] : nil) ?? time,
      "lastUpdateTime": time, "message": .string(message), "reason": .string(reason),
      "status": .string(status), "type": .string(type),
    ]
    self[member: "conditions"] = .array(
      conditions.filter { $0["type"]?.string != type } + [condition])
  }
}
