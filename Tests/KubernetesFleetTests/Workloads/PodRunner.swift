import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// The node agents of a simulated cluster: they give pods a node, run them and let them end.
struct PodRunner: Sendable {
  private struct Care: Sendable {
    var since: Timestamp
    var isBound = false
    var isRunning = false
    var isEnded = false
  }

  private var cares: [String: Care] = [:]
  private var boundCount = 0
  /// Images whose servers never get ready.
  var broken: Set<String> = []
  /// Uids of pods whose process is to end once.
  var restarting: Set<String> = []
  /// Nodes whose agents say nothing.
  var silent: Set<String> = []

  static let namespace = "/api/v1/namespaces/shop"

  /// Sends a request as an administrator.
  @discardableResult
  static func send(
    _ method: String, _ path: String, _ body: JSONValue? = nil,
    to server: inout SimulatedAPIServer, at now: Timestamp
  ) -> JSONValue {
    let type = method == "PATCH" ? "application/merge-patch+json" : "application/json"
    let answer = server.respond(
      to: APIRequest(
        method: method, path: path,
        headers: [
          HTTPHeader("Authorization", "Bearer admin-token"), HTTPHeader("User-Agent", "agent"),
          HTTPHeader("Content-Type", type),
        ], body: body?.bytes ?? []), at: now)
    guard case .json(let value) = answer.body else { return .null }
    return value
  }

  /// All objects of a collection.
  static func list(
    _ path: String, _ server: inout SimulatedAPIServer, _ now: Timestamp
  ) -> [KubernetesObject] {
    (send("GET", path, to: &server, at: now)["items"]?.array ?? []).map { KubernetesObject($0) }
  }

  /// Does what is due.
  mutating func act(_ server: inout SimulatedAPIServer, _ now: Timestamp) {
    let nodes = Self.list("/api/v1/nodes", &server, now).map(\.name)
      .filter { !silent.contains($0) }
    for pod in Self.list("\(Self.namespace)/pods", &server, now) {
      var care = cares[pod.uid] ?? Care(since: now)
      attend(pod, &care, nodes, &server, now)
      cares[pod.uid] = care
    }
  }

  private mutating func attend(
    _ pod: KubernetesObject, _ care: inout Care, _ nodes: [String],
    _ server: inout SimulatedAPIServer, _ now: Timestamp
  ) {
    let path = "\(Self.namespace)/pods/\(pod.name)"
    guard let node = pod.body["spec"]?["nodeName"]?.string else {
      guard !pod.isDeleting, let node = choose(for: pod, nodes) else { return }
      Self.send(
        "POST", path + "/binding", ["target": ["name": .string(node)]], to: &server, at: now)
      care.isBound = true
      care.since = now
      return
    }
    guard nodes.contains(node) else { return }
    if pod.isDeleting {
      end(pod, &care, path, &server, now)
    } else if restarting.remove(pod.uid) != nil {
      write(running(pod, now, restarts: 1), of: pod, path, &server, now)
    } else if !care.isRunning, now >= care.since + .milliseconds(200) {
      care.isRunning = true
      write(running(pod, now, restarts: 0), of: pod, path, &server, now)
    }
  }

  /// The node that a pod is made for, or the next one.
  private mutating func choose(for pod: KubernetesObject, _ nodes: [String]) -> String? {
    let terms = pod.body.value(behind: [
      "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
      "nodeSelectorTerms",
    ])
    let wanted = terms?.array?.first?["matchFields"]?.array?.first?["values"]?.array?.first?.string
    if let wanted { return nodes.contains(wanted) ? wanted : nil }
    guard !nodes.isEmpty else { return nil }
    boundCount += 1
    return nodes[boundCount % nodes.count]
  }

  /// Says that all containers ended, and then that the pod may go.
  private func end(
    _ pod: KubernetesObject, _ care: inout Care, _ path: String,
    _ server: inout SimulatedAPIServer, _ now: Timestamp
  ) {
    if care.isEnded {
      Self.send("DELETE", path + "?gracePeriodSeconds=0", to: &server, at: now)
      return
    }
    care.isEnded = true
    let state: JSONValue = ["terminated": ["exitCode": 0, "reason": "Completed"]]
    write(status(pod, "Succeeded", isReady: false, state, now), of: pod, path, &server, now)
  }

  private func running(_ pod: KubernetesObject, _ now: Timestamp, restarts: Int64) -> JSONValue {
    let isReady = !broken.contains(image(of: pod))
    var status = status(
      pod, "Running", isReady: isReady, ["running": ["startedAt": .string(now.rfc3339)]], now)
    guard restarts > 0 else { return status }
    let before = status["containerStatuses"]?.array?.first ?? .null
    let own = before.setting("restartCount", to: .integer(restarts)).setting(
      "lastState", to: ["terminated": ["exitCode": 7, "reason": "Error"]])
    status = status.setting("containerStatuses", to: [own])
    return status
  }

  private func image(of pod: KubernetesObject) -> String {
    pod.body.value(behind: ["spec", "containers"])?.array?.first?["image"]?.string ?? ""
  }

  private func status(
    _ pod: KubernetesObject, _ phase: String, isReady: Bool, _ state: JSONValue, _ now: Timestamp
  ) -> JSONValue {
    let image = JSONValue.string(image(of: pod))
    let condition = { (type: String, isTrue: Bool) -> JSONValue in
      [
        "lastProbeTime": .null, "lastTransitionTime": .string(now.rfc3339),
        "status": isTrue ? "True" : "False", "type": .string(type),
        "reason": isTrue ? "" : "ContainersNotReady",
      ]
    }
    return [
      "phase": .string(phase), "podIP": .string("10.0.0.\(abs(pod.uid.hashValue % 250))"),
      "conditions": [condition("Ready", isReady), condition("PodScheduled", true)],
      "containerStatuses": [
        [
          "name": "web", "image": image, "imageID": image, "restartCount": 0,
          "ready": .bool(isReady), "state": state,
        ]
      ],
    ]
  }

  private func write(
    _ status: JSONValue, of pod: KubernetesObject, _ path: String,
    _ server: inout SimulatedAPIServer, _ now: Timestamp
  ) {
    let latest = Self.send("GET", path, to: &server, at: now)
    Self.send(
      "PUT", path + "/status", latest.setting("status", to: status), to: &server, at: now)
  }
}
