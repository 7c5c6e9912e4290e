import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// A node agent for pods of workloads that a recording did not watch: it binds and runs them, and
/// lets them end. What the recording shows of such a pod in an answer, the agent has written.
struct FreeAgent {
  private struct Care {
    var isBound = false
    var hasRun = false
    var hasEnded = false
    var next: Timestamp
  }

  private var cares: [String: Care] = [:]
  /// Pods that answers show, by image.
  private let shown: [String: [JSONValue]]
  private var count = 0

  init(_ transcript: Transcript) {
    var shown: [String: [JSONValue]] = [:]
    for step in transcript.steps {
      let answer = step.answer ?? .null
      let first = (step.events ?? []).prefix { $0["type"] == "ADDED" }
      var pods = answer["kind"] == "Pod" ? [answer] : []
      if answer["kind"] == "PodList" { pods += answer["items"]?.array ?? [] }
      if !step.path.contains("resourceVersion="), step.path.contains("/pods") {
        pods += first.compactMap { $0["object"] }
      }
      for pod in pods {
        let image = Self.image(of: pod)
        guard pod.at("spec", "nodeName") != nil,
          !(shown[image] ?? []).contains(where: { $0.uid == pod.uid })
        else { continue }
        shown[image, default: []].append(pod)
      }
    }
    self.shown = shown
  }

  private static func image(of pod: JSONValue) -> String {
    pod.at("spec", "containers")?.elements.first?["image"]?.string ?? ""
  }

  /// When the agent has something to do next.
  func next(_ server: SimulatedAPIServer, _ namespace: String, _ now: Timestamp) -> Timestamp? {
    pods(server, namespace).map { pod in
      guard let care = cares[pod.uid] else { return now }
      guard pod.isTerminating else { return care.next }
      // A recording that watches ReplicaSets tells when their pods end.
      if server.areControllersLed { return now + .hours(1) }
      return care.hasEnded ? care.next : now
    }.min()
  }

  private func pods(_ server: SimulatedAPIServer, _ namespace: String) -> [JSONValue] {
    server.store.objects(of: "pods", namespace: namespace).map(\.object).filter {
      guard let owner = $0.controller, owner["kind"] != "Job" else { return false }
      return true
    }
  }

  /// Does what is due.
  mutating func act(
    _ server: inout SimulatedAPIServer, _ namespace: String, _ now: Timestamp,
    _ translation: inout Translation
  ) {
    for pod in pods(server, namespace) {
      var care = cares[pod.uid] ?? Self.care(for: pod, now)
      defer { cares[pod.uid] = care }
      if pod.isTerminating {
        if !server.areControllersLed { end(pod, &care, &server, now) }
        continue
      }
      guard care.next <= now else { continue }
      let model = model(of: pod, server, namespace)
      if !care.isBound {
        count += 1
        let node =
          model?.at("spec", "nodeName") ?? .string("node-\("abc".map(String.init)[count % 3])")
        send("POST", pod, "/binding", ["target": ["name": node]], &server, now)
        if let model { _ = translation.bind(model.name, pod.name) }
        care.isBound = true
        let isSlow = (model?.isReady ?? isGood(pod))
        care.next = now + .milliseconds(isSlow ? 900 : 40)
      } else {
        care.hasRun = true
        care.next = now + .hours(1)
        write(model.map(status) ?? plainStatus(pod, now), pod, &server, now)
      }
    }
  }

  /// Lets pods of a ReplicaSet that are to end be gone, but for so many.
  func end(
    allBut count: Int, of set: String, _ server: inout SimulatedAPIServer, _ now: Timestamp
  ) {
    let ending = server.store.objects(of: "pods", namespace: nil).map(\.object).filter {
      $0.isTerminating && $0.controller?["name"]?.string == set
    }
    for pod in ending.dropLast(count) {
      send("DELETE", pod, "?gracePeriodSeconds=0", nil, &server, now)
      server.advance(to: now + .milliseconds(3))
    }
  }

  private mutating func end(
    _ pod: JSONValue, _ care: inout Care, _ server: inout SimulatedAPIServer, _ now: Timestamp
  ) {
    if !care.hasEnded {
      care.hasEnded = true
      care.next = now + .milliseconds(25)
    } else if care.next <= now {
      send("DELETE", pod, "?gracePeriodSeconds=0", nil, &server, now)
      care.next = now + .hours(1)
    }
  }

  /// What an answer shows of a pod: those of one image in the order of their names.
  private func model(
    of pod: JSONValue, _ server: SimulatedAPIServer, _ namespace: String
  ) -> JSONValue? {
    let image = Self.image(of: pod)
    guard let models = shown[image] else { return nil }
    if let own = models.first(where: { $0.name == pod.name }) { return own }
    guard models.allSatisfy({ $0.name.count > pod.name.count - 2 }) else { return nil }
    let alike = pods(server, namespace).filter { Self.image(of: $0) == image }.map(\.name).sorted()
    guard let place = alike.firstIndex(of: pod.name), place < models.count else { return nil }
    return models[place]
  }

  private func status(_ pod: JSONValue) -> JSONValue {
    var status = pod["status"] ?? .object([])
    status[member: "conditions"] = .array(
      (status["conditions"]?.elements ?? []).filter {
        $0["type"] != "DisruptionTarget" && $0["type"] != "PodScheduled"
      })
    return status
  }

  /// A pod may have been cared for by the recorded agent before.
  private static func care(for pod: JSONValue, _ now: Timestamp) -> Care {
    let hasRun = pod.at("status", "phase") == "Running"
    return Care(
      isBound: pod.at("spec", "nodeName") != nil, hasRun: hasRun,
      next: hasRun ? now + .hours(1) : now + .milliseconds(10))
  }

  private func isGood(_ pod: JSONValue) -> Bool {
    !["broken", "absent"].contains { Self.image(of: pod).contains($0) }
  }

  private func plainStatus(_ pod: JSONValue, _ now: Timestamp) -> JSONValue {
    let isReady = isGood(pod)
    let condition = { (type: String, isTrue: Bool) -> JSONValue in
      [
        "lastProbeTime": .null, "lastTransitionTime": .string(now.rfc3339),
        "status": isTrue ? "True" : "False", "type": .string(type),
      ]
    }
    return [
      "conditions": [condition("Ready", isReady), condition("Initialized", true)],
      "phase": "Running", "qosClass": "BestEffort",
    ]
  }

  private func write(
    _ status: JSONValue, _ pod: JSONValue, _ server: inout SimulatedAPIServer, _ now: Timestamp
  ) {
    guard let live = pods(server, pod.namespace).first(where: { $0.uid == pod.uid }) else { return }
    send("PUT", pod, "/status", NodeAgent.pod(live, with: status), &server, now)
  }

  private func send(
    _ method: String, _ pod: JSONValue, _ path: String, _ body: JSONValue?,
    _ server: inout SimulatedAPIServer, _ now: Timestamp
  ) {
    let request = APIRequest(
      method: method, path: "/api/v1/namespaces/\(pod.namespace)/pods/\(pod.name)\(path)",
      headers: [
        HTTPHeader("User-Agent", "kubelet/1.0"),
        HTTPHeader("Authorization", "Bearer the administrator"),
      ], body: body?.bytes ?? [])
    _ = server.respond(to: request, at: now)
  }
}
