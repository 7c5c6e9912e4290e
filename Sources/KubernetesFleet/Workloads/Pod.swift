import WindlassCore
import WindlassWire

/// A pod as a reading tells it.
struct Pod: Sendable {
  let object: KubernetesObject
  /// The container that runs the service.
  let container: String

  var identity: PodIdentity { PodIdentity(object) }
  var status: JSONValue { object.body["status"] ?? .object([]) }
  /// Nil before it has a place.
  var node: String? {
    object.body["spec"]?["nodeName"]?.string.flatMap { $0.isEmpty ? nil : $0 }
  }
  var address: String? { status["podIP"]?.string.flatMap { $0.isEmpty ? nil : $0 } }
  private var phase: String { status["phase"]?.string ?? "" }

  private var statuses: [JSONValue] {
    (status["initContainerStatuses"]?.array ?? []) + (status["containerStatuses"]?.array ?? [])
  }

  /// What is known of the container that runs the service; nil before it was begun.
  private var own: JSONValue? {
    status["containerStatuses"]?.array?.first { $0["name"]?.string == container }
  }

  /// Whether the pod's end was seen. Since Kubernetes 1.27 a node tells a terminal phase for each
  /// pod that it ended, and only when no container runs any more; a control plane that says the
  /// same of a node it lost leaves containers in it that run.
  var isEnded: Bool {
    if ["Succeeded", "Failed"].contains(phase) {
      return statuses.allSatisfy { $0["state"]?["running"] == nil }
    }
    // A pod that is to go is given no place any more.
    return object.isDeleting && node == nil
  }

  var hasStarted: Bool {
    statuses.contains { one in
      one["state"]?["running"] != nil || one["state"]?["terminated"] != nil
        || one["lastState"]?["terminated"] != nil || (one["restartCount"]?.integer ?? 0) > 0
    }
  }

  private func condition(_ type: String) -> JSONValue? {
    status["conditions"]?.array?.first { $0["type"]?.string == type }
  }

  var isReady: Bool { condition("Ready")?["status"] == "True" }

  /// Every change of the condition has another time; what ends and begins within a second has
  /// another count.
  var readinessMark: String {
    let since = condition("Ready")?["lastTransitionTime"]?.string ?? ""
    let counts = statuses.map { String($0["restartCount"]?.integer ?? 0) }
    return ([since] + counts).joined(separator: ",")
  }

  var restarts: Int { Int(clamping: own?["restartCount"]?.integer ?? 0) }

  /// The digest of the image: what the pod was made of, or what its node says that a tag stood for.
  var build: Digest? {
    let image = object.body["spec"]?["containers"]?.array?
      .first { $0["name"]?.string == container }?["image"]?.string
    let told = own?["imageID"]?.string.flatMap { Digest(ofImage: $0) }
    guard let image, let wanted = Digest(ofImage: image) else { return told }
    // Somebody changed the image of a pod that runs: it may still be the other one.
    if let running = own?["image"]?.string.flatMap({ Digest(ofImage: $0) }), running != wanted {
      return nil
    }
    return wanted
  }

  /// Whether the pod was taken away with its node, or to make room.
  private var isDisrupted: Bool {
    let reasons = [
      "Evicted", "NodeLost", "Preempting", "Shutdown", "Terminated", "NodeShutdown", "NodeAffinity",
    ]
    return reasons.contains(status["reason"]?.string ?? "")
      || condition("DisruptionTarget")?["status"] == "True"
  }

  /// How its process ended last, by itself.
  var exit: ExitReport? {
    guard let own, !isDisrupted else { return nil }
    let last = own["lastState"]?["terminated"]
    let end = object.isDeleting ? last : own["state"]?["terminated"] ?? last
    // A node that lost track of a container makes its status up.
    let unknown = ["ContainerStatusUnknown", "Unknown"]
    guard let end, !unknown.contains(end["reason"]?.string ?? "") else { return nil }
    if let signal = end["signal"]?.integer, signal > 0 {
      return ExitReport(signal: Int32(clamping: signal))
    }
    return ExitReport(code: end["exitCode"]?.integer.map { Int32(clamping: $0) })
  }

  /// What stands behind its not being ready.
  var detail: String {
    guard !isReady else { return "" }
    var parts: [String] = []
    if let reason = status["reason"]?.string { parts.append(reason) }
    if let message = status["message"]?.string { parts.append(message) }
    if let place = condition("PodScheduled"), place["status"] == "False" {
      parts += told(place)
    }
    for one in statuses {
      let state = one["state"]
      guard let why = state?["waiting"] ?? state?["terminated"] else { continue }
      parts.append(([one["name"]?.string ?? ""] + told(why)).joined(separator: " "))
    }
    if parts.isEmpty, let ready = condition("Ready") { parts += told(ready) }
    return APIError.printable(parts.joined(separator: ": "))
  }

  private func told(_ value: JSONValue) -> [String] {
    [value["reason"]?.string, value["message"]?.string].compactMap { $0 }
  }

  /// The pod as an instance, with what is known of its node among these.
  func instance(among machines: [String: Machine]) -> WorkloadInstance {
    let machine = node.flatMap { machines[$0] }
    return instance(on: machine?.reading, answers: machine?.answers ?? true)
  }

  /// The pod as an instance, with what is known of its node.
  func instance(on machine: MachineReading?, answers: Bool) -> WorkloadInstance {
    var life = InstanceLife.alive
    if isEnded {
      life = .dead
    } else if let machine, machine.isGone || !answers {
      life = .unknown
    }
    return WorkloadInstance(
      id: identity.instance, build: build, life: life, isLeaving: object.isDeleting,
      hasStarted: hasStarted, isReady: life == .alive && isReady, readinessMark: readinessMark,
      restarts: restarts, exit: exit,
      place: node.map { InstancePlace(machine: $0, boot: machine?.boot) }, detail: detail)
  }
}
