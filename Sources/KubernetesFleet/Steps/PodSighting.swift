import WindlassCore
import WindlassWire

/// What was last seen of a step's pod.
struct PodSighting: Hashable, Sendable {
  var uid: String
  var name: String
  /// The uid of its Job; it stays on the pod when the Job goes without it.
  var job: String
  /// The name of its Job; nil for a pod that no Job's controller made.
  var jobName: String?
  /// The label of the order that it carries out.
  var order: String
  var attempt: Int
  /// The node that it is bound to; nil before.
  var node: String?
  /// Whether a container has ever been started.
  var hasBegun: Bool
  /// Whether it was positively seen to have ended: a terminal phase, or every container that had
  /// begun terminated on a pod that goes.
  var hasEnded: Bool
  var hasSucceeded: Bool
  var isDeleting: Bool
  /// Whether there is no such pod any more.
  var isGone = false
  /// The boot of its node when it was first seen there; nil where nobody could tell.
  var boot: String?
  /// The reason of the pod or of the disruption that ended it, such as `Evicted`; empty for none.
  var reason: String
  /// Why it does not begin: the reason of a waiting container or of scheduling.
  var obstacle: PodObstacle?
  /// The first container that ended badly, or the last that ended.
  var end: ContainerEnd?
  /// What the step wrote at its end.
  var message: [UInt8]?
  /// Which step it is.
  var step: String
  /// The run that it belongs to.
  var run: String
  /// How the server beside the step fares; nil for a pod without one.
  var server: ServerSighting?

  init(_ pod: KubernetesObject) {
    let status = pod.body["status"] ?? .object([])
    let phase = status["phase"]?.string ?? ""
    let containers = ["initContainerStatuses", "containerStatuses"].flatMap {
      status[$0]?.array ?? []
    }
    let sidecars = Set(
      (pod.body.value(at: "/spec/initContainers")?.array ?? [])
        .filter { $0["restartPolicy"] == "Always" }.compactMap { $0["name"]?.string })
    let beside = containers.filter { sidecars.contains($0["name"]?.string ?? "") }
    let steps = containers.filter { !sidecars.contains($0["name"]?.string ?? "") }
    let ends = steps.compactMap(ContainerEnd.init)
    uid = pod.uid
    name = pod.name
    job = pod.labels["batch.kubernetes.io/controller-uid"] ?? pod.controllerUID ?? ""
    jobName = pod.labels["batch.kubernetes.io/job-name"]
    order = pod.labels[StepLabel.order] ?? ""
    attempt = Int(pod.labels[StepLabel.attempt] ?? "") ?? 0
    node = pod.body.value(at: "/spec/nodeName")?.string
    hasBegun =
      ["Running", "Succeeded", "Failed"].contains(phase) && !containers.isEmpty
      || containers.contains { $0.value(at: "/state/waiting") == nil && $0["state"] != nil }
    hasSucceeded = phase == "Succeeded"
    isDeleting = pod.isDeleting
    let isStill =
      !containers.isEmpty && containers.allSatisfy { $0.value(at: "/state/terminated") != nil }
    hasEnded = ["Succeeded", "Failed"].contains(phase) || (isDeleting && isStill)
    let conditions = status["conditions"]?.array ?? []
    let disruption = conditions.first {
      $0["type"] == "DisruptionTarget" && $0["status"] == "True"
    }
    reason = status["reason"]?.string ?? disruption?["reason"]?.string ?? ""
    obstacle = PodObstacle(phase: phase, containers, conditions)
    end = ends.first { $0.exitCode != 0 } ?? ends.last
    let main = status["containerStatuses"]?.array?.first.flatMap(ContainerEnd.init)
    message = (main ?? end).flatMap { $0.message.isEmpty ? nil : Array($0.message.utf8) }
    if let end, end.exitCode != 0, !end.message.isEmpty { message = Array(end.message.utf8) }
    step = pod.labels[StepLabel.step] ?? ""
    run = pod.labels[StepLabel.run] ?? ""
    server = beside.first.map { ServerSighting($0, until: main) }
  }

  /// Whether it is known to do nothing any more: its end was seen, or it went before it began.
  var isDead: Bool { hasEnded || (isGone && !hasBegun) }

  /// Whether its step found another number in the fence than its own, and so did nothing.
  var isTurnedAway: Bool {
    guard hasEnded, !hasSucceeded, let message else { return false }
    return StepMessage(message)?.failure?.code == StepFailures.fenceLostCode
  }

  /// The same pod seen again: what was once seen to have happened is not unseen; whether it is
  /// there is as it was seen last.
  func followed(by next: PodSighting) -> PodSighting {
    var both = next
    both.hasBegun = hasBegun || next.hasBegun
    both.hasEnded = hasEnded || next.hasEnded
    both.hasSucceeded = hasSucceeded || next.hasSucceeded
    both.node = next.node ?? node
    both.boot = boot ?? next.boot
    both.reason = next.reason.isEmpty ? reason : next.reason
    both.end = next.end ?? end
    both.message = next.message ?? message
    both.server = next.server ?? server
    return both
  }
}

/// How a container ended.
struct ContainerEnd: Hashable, Sendable {
  var exitCode: Int64
  /// Such as `OOMKilled`.
  var reason: String
  var message: String
  /// When, to the second, as the kubelet writes it.
  var finished: String

  init?(_ container: JSONValue) {
    guard let end = container.value(at: "/state/terminated") else { return nil }
    exitCode = end["exitCode"]?.integer ?? -1
    reason = end["reason"]?.string ?? ""
    message = end["message"]?.string ?? ""
    finished = end["finishedAt"]?.string ?? ""
  }
}

/// How a server fares that runs beside a step, in the same pod.
struct ServerSighting: Hashable, Sendable {
  /// How it ended by itself; nil for one that runs, or that was stopped when the step had ended.
  var ownEnd: ContainerEnd?
  /// Whether it was begun again, which only what has ended is.
  var hasRestarted: Bool
  /// The last lines that it wrote before an end that was no good one, its own or another.
  var lines: String

  /// - Parameter step: How the step ended; nil while it goes on.
  init(_ container: JSONValue, until step: ContainerEnd?) {
    hasRestarted = (container["restartCount"]?.integer ?? 0) > 0
    let last = container.value(at: "/lastState/terminated").flatMap {
      ContainerEnd(["state": ["terminated": $0]])
    }
    let now = ContainerEnd(container)
    lines = [last, now].compactMap { $0?.message }.first { !$0.isEmpty } ?? ""
    if hasRestarted {
      ownEnd = last
      return
    }
    guard let end = now else { return }
    // Times of one form in one zone: the earlier is the smaller text.
    guard let step, !step.finished.isEmpty else {
      ownEnd = step == nil ? end : nil
      return
    }
    ownEnd = end.finished < step.finished ? end : nil
  }

  /// What is told of it.
  var end: ServerEnd {
    let output = String(lines.suffix(600))
    guard hasRestarted || ownEnd != nil else { return ServerEnd(output: output) }
    return ServerEnd(
      exitCode: Int32(clamping: ownEnd?.exitCode ?? -1), reason: ownEnd?.reason ?? "",
      output: output)
  }
}

/// Why a pod does not begin.
struct PodObstacle: Hashable, Sendable {
  /// Such as `ImagePullBackOff` or `Unschedulable`.
  var reason: String
  /// For people, from the cluster.
  var detail: String

  /// Reasons of waiting containers that pass by themselves.
  private static let passing: Set<String> = ["ContainerCreating", "PodInitializing", ""]

  init?(phase: String, _ containers: [JSONValue], _ conditions: [JSONValue]) {
    guard phase == "Pending" || phase.isEmpty else { return nil }
    let waiting = containers.compactMap { $0.value(at: "/state/waiting") }.first {
      !Self.passing.contains($0["reason"]?.string ?? "")
    }
    let unbound = conditions.first { $0["type"] == "PodScheduled" && $0["status"] == "False" }
    guard let found = waiting ?? unbound else { return nil }
    reason = found["reason"]?.string ?? ""
    detail = APIError.printable(found["message"]?.string ?? "").shortened(to: 300)
  }

  /// Whether it is the image that can't be had.
  var isImage: Bool {
    [
      "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
      "ImageInspectError", "RegistryUnavailable",
    ].contains(reason)
  }
}
