import Foundation
import SimulatedCluster
import Testing
import WindlassCore
import WindlassWire

/// The status that a node tells of a pod, held against what the recordings of a real cluster show.
struct PodStatusTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../WindlassSimulationTests/Transcripts").standardizedFileURL

  /// Pods of a recording with a status that a node has written.
  private static func pods(_ name: String) throws -> [JSONValue] {
    let data = try Data(contentsOf: folder.appendingPathComponent("\(name).json"))
    let json = try JSONValue.parse(
      Array(data), limits: JSONLimits(sizeMax: 8 << 20, depthMax: 100, elementsMax: 100_000))
    let events = (json["steps"]?.array ?? []).flatMap {
      $0.value(at: "/response/events")?.array ?? []
    }
    return events.compactMap { $0["object"] }.filter {
      $0["kind"]?.string == "Pod" && $0.value(at: "/status/containerStatuses") != nil
    }
  }

  private static func time(_ value: JSONValue?) -> Timestamp? {
    value?.string.flatMap(Timestamp.init(rfc3339:))
  }

  private static func termination(_ value: JSONValue) -> ContainerRecord.Termination {
    ContainerRecord.Termination(
      code: Int(value["exitCode"]?.integer ?? 0), reason: value["reason"]?.string ?? "",
      message: value["message"]?.string, started: time(value["startedAt"]),
      finished: time(value["finishedAt"]), containerID: value["containerID"]?.string)
  }

  /// What is known of a container, from how it was told.
  private static func fill(_ record: inout ContainerRecord, from told: JSONValue) {
    record.restarts = told["restartCount"]?.integer ?? 0
    record.isReady = told["ready"]?.bool ?? false
    record.isStarted = told["started"]?.bool ?? false
    record.containerID = told["containerID"]?.string
    record.last = told.value(at: "/lastState/terminated").map(termination)
    if let ended = told.value(at: "/state/terminated") {
      record.state = .ended(termination(ended))
    } else if let since = time(told.value(at: "/state/running/startedAt")) {
      record.state = .running(since: since)
    } else {
      record.state = .waiting(
        reason: told.value(at: "/state/waiting/reason")?.string ?? "",
        message: told.value(at: "/state/waiting/message")?.string)
    }
  }

  /// A value without what differs from run to run, its members in the order of their names.
  private static func plain(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      .object(
        members.filter { !["lastTransitionTime", "imageID"].contains($0.name) }
          .map { JSONMember($0.name, plain($0.value)) }.sorted { $0.name < $1.name })
    case .array(let items): .array(items.map(plain))
    default: value
    }
  }

  /// The conditions that a node tells. The recorded one left out which initial containers are not
  /// done, which kubelets name.
  private static func conditions(_ status: JSONValue) -> JSONValue {
    let conditions = (status["conditions"]?.array ?? []).filter {
      !["PodScheduled", "DisruptionTarget"].contains($0["type"]?.string ?? "")
    }
    return plain(
      .array(
        conditions.map { condition in
          guard condition["type"]?.string == "Initialized" else { return condition }
          return .object((condition.object ?? []).filter { $0.name != "message" })
        }))
  }

  @Test(arguments: [
    "09-job-complete", "09-job-failed", "09-job-deadline", "10-deployment-rollout",
    "11-statefulset", "11-daemonset", "15-eviction",
  ])
  func `phase, conditions and containers are told as recorded`(_ name: String) throws {
    let pods = try Self.pods(name)
    #expect(!pods.isEmpty)
    for pod in pods {
      let recorded = pod["status"] ?? .null
      let now = Timestamp(milliseconds: 0)
      var status = PodStatus(
        pod, address: recorded["podIP"]?.string ?? "",
        at: Self.time(recorded["startTime"]) ?? now)
      status.generation = recorded["observedGeneration"]?.integer ?? 0
      // The recorded node tells the generation that it has seen; only a pod that it ends has two.
      status.isStopping = status.generation > 1
      let told =
        (recorded["initContainerStatuses"]?.array ?? [])
        + (recorded["containerStatuses"]?.array ?? [])
      for index in status.containers.indices {
        let own = told.first { $0["name"]?.string == status.containers[index].name }
        Self.fill(&status.containers[index], from: try #require(own))
      }
      let ours = status.json(at: now)
      for member in ["phase", "containerStatuses", "initContainerStatuses", "podIPs", "startTime"] {
        #expect(
          ours[member].map(Self.plain) == recorded[member].map(Self.plain),
          "\(name): \(member) of \(pod.value(at: "/metadata/name")?.text ?? ""): \(recorded.text)")
      }
      #expect(
        Self.conditions(ours) == Self.conditions(recorded), "\(name): \(recorded.text)")
    }
  }
}
