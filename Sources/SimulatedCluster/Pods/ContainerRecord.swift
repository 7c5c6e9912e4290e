package import WindlassCore
package import WindlassWire

/// What is known of one container of a pod.
package struct ContainerRecord: Sendable {
  /// When a container of a pod runs.
  package enum Role: Hashable, Sendable {
    /// Runs to its end before the next one begins.
    case initial
    /// Is begun among the initial ones and runs as long as the others.
    case sidecar
    case main
  }

  /// How it is.
  package enum State: Hashable, Sendable {
    case waiting(reason: String, message: String? = nil)
    case running(since: Timestamp)
    case ended(Termination)
  }

  /// How it ended.
  package struct Termination: Hashable, Sendable {
    package var code: Int
    package var reason: String
    package var message: String?
    /// Nil when it was never seen running.
    package var started: Timestamp?
    package var finished: Timestamp?
    package var containerID: String?

    package init(
      code: Int, reason: String, message: String? = nil, started: Timestamp? = nil,
      finished: Timestamp? = nil, containerID: String? = nil
    ) {
      self.code = code
      self.reason = reason
      self.message = message
      self.started = started
      self.finished = finished
      self.containerID = containerID
    }
  }

  /// The container as the pod describes it.
  package var spec: JSONValue
  package var role: Role
  package var state: State
  package var last: Termination?
  package var restarts: Int64 = 0
  package var isReady = false
  /// Whether it is past its start; only then the other probes count.
  package var isStarted = false
  package var containerID: String?

  /// A container that was not begun.
  package init(_ spec: JSONValue, _ role: Role, waiting reason: String) {
    self.spec = spec
    self.role = role
    state = .waiting(reason: reason)
  }

  package var name: String { spec.text("name") }

  /// Since when it runs; nil when it does not.
  var runningSince: Timestamp? {
    if case .running(let since) = state { return since }
    return nil
  }

  /// How it ended; nil while it runs or waits.
  var termination: Termination? {
    if case .ended(let termination) = state { return termination }
    return nil
  }

  /// Takes over what another run of the node told of the container.
  mutating func recall(_ told: JSONValue, at now: Timestamp) {
    restarts = told["restartCount"]?.integer ?? 0
    guard let id = told["containerID"]?.string else { return }
    containerID = id
    let time = { (value: JSONValue?) in value?.string.flatMap(Timestamp.init(rfc3339:)) }
    if let ended = told.at("state", "terminated") {
      state = .ended(
        Termination(
          code: Int(ended["exitCode"]?.integer ?? 0), reason: ended.text("reason"),
          message: ended["message"]?.string, started: time(ended["startedAt"]),
          finished: time(ended["finishedAt"]), containerID: id))
    } else if let running = told.at("state", "running") {
      state = .ended(
        Termination(
          code: 137, reason: "ContainerStatusUnknown",
          message: "The container could not be located when the node started",
          started: time(running["startedAt"]), finished: now, containerID: id))
    }
  }

  /// The container's part of the pod's status.
  var json: JSONValue {
    var members = [
      JSONMember("name", .string(name)), JSONMember("state", stateJSON),
      JSONMember(
        "lastState", last.map { ["terminated": Self.json($0)] } ?? .object([])),
      JSONMember("ready", .bool(isReady)), JSONMember("restartCount", .integer(restarts)),
      JSONMember("image", .string(spec.text("image"))),
      JSONMember(
        "imageID",
        .string(containerID == nil ? "" : ImageTable.identity(of: spec.text("image")))),
      JSONMember("started", .bool(isStarted && runningSince != nil)),
    ]
    if let containerID { members.append(JSONMember("containerID", .string(containerID))) }
    return .object(members)
  }

  private var stateJSON: JSONValue {
    switch state {
    case .waiting(let reason, let message):
      var members = [JSONMember("reason", .string(reason))]
      if let message { members.append(JSONMember("message", .string(message))) }
      return ["waiting": .object(members)]
    case .running(let since): return ["running": ["startedAt": since.json]]
    case .ended(let termination): return ["terminated": Self.json(termination)]
    }
  }

  private static func json(_ ended: Termination) -> JSONValue {
    var members = [
      JSONMember("exitCode", .integer(Int64(ended.code))),
      JSONMember("reason", .string(ended.reason)),
      JSONMember("startedAt", ended.started?.json ?? .null),
      JSONMember("finishedAt", ended.finished?.json ?? .null),
    ]
    if let message = ended.message, !message.isEmpty {
      members.append(JSONMember("message", .string(message)))
    }
    if let containerID = ended.containerID {
      members.append(JSONMember("containerID", .string(containerID)))
    }
    return .object(members)
  }
}
