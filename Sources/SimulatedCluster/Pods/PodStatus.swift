package import WindlassCore
package import WindlassWire

/// The status of a pod as its node agent tells it, from what is known of its containers.
package struct PodStatus: Sendable {
  package var containers: [ContainerRecord]
  /// `Always`, `OnFailure` or `Never`.
  package var restartPolicy: String
  package var address: String
  package var started: Timestamp
  package var generation: Int64
  /// Whether the pod is being ended, so that nothing is begun any more.
  package var isStopping = false

  private var times: [String: (state: String, since: Timestamp)] = [:]

  /// The status of a pod whose containers were not begun.
  package init(_ pod: JSONValue, address: String, at now: Timestamp) {
    let initial = pod.list("spec", "initContainers").map { container in
      let isSidecar = container["restartPolicy"]?.string == "Always"
      return ContainerRecord(
        container, isSidecar ? .sidecar : .initial, waiting: "PodInitializing")
    }
    let reason = initial.isEmpty ? "ContainerCreating" : "PodInitializing"
    containers =
      initial
      + pod.list("spec", "containers").map { ContainerRecord($0, .main, waiting: reason) }
    let policy = pod.text("spec", "restartPolicy")
    restartPolicy = policy.isEmpty ? "Always" : policy
    self.address = address
    started = now
    generation = pod.at("metadata", "generation")?.integer ?? 1
  }

  /// Takes over what another run of the node told of the pod; what ran then is lost.
  package mutating func recall(_ status: JSONValue?, at now: Timestamp) {
    guard let status else { return }
    if let start = status["startTime"]?.string.flatMap(Timestamp.init(rfc3339:)) {
      started = start
    }
    let told = status.list("initContainerStatuses") + status.list("containerStatuses")
    for index in containers.indices {
      guard let entry = told.first(where: { $0.text("name") == containers[index].name }) else {
        continue
      }
      containers[index].recall(entry, at: now)
    }
  }

  // MARK: - What follows from the containers

  private func of(_ role: ContainerRecord.Role) -> [ContainerRecord] {
    containers.filter { $0.role == role }
  }

  /// Whether a container that ended so is begun again.
  package func restarts(_ container: ContainerRecord, code: Int) -> Bool {
    guard !isStopping else { return false }
    switch container.role {
    case .sidecar: return !areMainContainersDone
    case .initial: return code != 0 && restartPolicy != "Never"
    case .main: return restartPolicy == "Always" || (restartPolicy == "OnFailure" && code != 0)
    }
  }

  /// Whether the main containers have ended for good.
  package var areMainContainersDone: Bool {
    isInitFailed
      || of(.main).allSatisfy { container in
        container.termination.map { isStopping || !restartsMain(code: $0.code) } ?? false
      }
  }

  private func restartsMain(code: Int) -> Bool {
    restartPolicy == "Always" || (restartPolicy == "OnFailure" && code != 0)
  }

  /// Whether an initial container has failed for good.
  package var isInitFailed: Bool {
    restartPolicy == "Never" && of(.initial).contains { ($0.termination?.code ?? 0) != 0 }
  }

  /// Whether all initial containers have ended well and all sidecars have started.
  package var isInitialized: Bool {
    of(.initial).allSatisfy { $0.termination?.code == 0 }
      && of(.sidecar).allSatisfy { $0.isStarted || $0.termination != nil }
  }

  /// `Pending`, `Running`, `Succeeded` or `Failed`.
  package var phase: String {
    let main = of(.main)
    if isInitFailed { return "Failed" }
    // A pod that is ended before it ran has failed.
    if isStopping, containers.allSatisfy({ $0.runningSince == nil }) {
      return main.allSatisfy { $0.termination?.code == 0 } ? "Succeeded" : "Failed"
    }
    if areMainContainersDone {
      guard of(.sidecar).allSatisfy({ $0.runningSince == nil }) else { return "Running" }
      return main.allSatisfy { $0.termination?.code == 0 } ? "Succeeded" : "Failed"
    }
    return main.contains { $0.containerID != nil } ? "Running" : "Pending"
  }

  private var unready: [String] {
    containers.filter { $0.role != .initial && !$0.isReady }.map(\.name)
  }

  /// Whether requests may be sent to the pod.
  package var isReady: Bool { phase == "Running" && isInitialized && unready.isEmpty }

  // MARK: - The document

  /// The status; times of conditions stay as long as the conditions do.
  package mutating func json(at now: Timestamp) -> JSONValue {
    let phase = self.phase
    let unfinished = of(.initial).filter { $0.termination?.code != 0 }.map(\.name)
    let conditions = [
      condition(
        "Initialized", isInitialized || phase == "Succeeded",
        ("ContainersNotInitialized", "containers with incomplete status: \(list(unfinished))"),
        now),
      condition("ContainersReady", isReady, readiness(phase), now),
      condition("Ready", isReady, readiness(phase), now),
    ]
    var members = [
      JSONMember("observedGeneration", .integer(generation)),
      JSONMember("phase", .string(phase)), JSONMember("conditions", .array(conditions)),
      JSONMember("hostIP", "127.0.0.1"), JSONMember("podIP", .string(address)),
      JSONMember("podIPs", [["ip": .string(address)]]), JSONMember("startTime", started.json),
      JSONMember("qosClass", "BestEffort"),
      JSONMember("containerStatuses", .array(of(.main).map(\.json))),
    ]
    let initial = containers.filter { $0.role != .main }
    if !initial.isEmpty {
      members.append(JSONMember("initContainerStatuses", .array(initial.map(\.json))))
    }
    return .object(members)
  }

  /// The status as it would be told now.
  package func peek(at now: Timestamp) -> JSONValue {
    var copy = self
    return copy.json(at: now)
  }

  private func readiness(_ phase: String) -> (String, String?) {
    switch phase {
    case "Succeeded": ("PodCompleted", nil)
    case "Failed": ("PodFailed", nil)
    default: ("ContainersNotReady", "containers with unready status: \(list(unready))")
    }
  }

  private func list(_ names: [String]) -> String { "[\(names.joined(separator: " "))]" }

  private mutating func condition(
    _ type: String, _ isTrue: Bool, _ fault: (reason: String, message: String?), _ now: Timestamp
  ) -> JSONValue {
    let state = isTrue ? "True" : "False"
    if times[type]?.state != state { times[type] = (state, now) }
    var members = [
      JSONMember("type", .string(type)), JSONMember("status", .string(state)),
      JSONMember("lastProbeTime", .null),
      JSONMember("lastTransitionTime", (times[type]?.since ?? now).json),
    ]
    if !isTrue {
      members.append(JSONMember("reason", .string(fault.reason)))
      if let message = fault.message { members.append(JSONMember("message", .string(message))) }
    }
    return .object(members)
  }
}
