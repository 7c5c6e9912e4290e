import WindlassCore
import WindlassWire

/// Which pods a controller gives up first when it has too many.
struct PodRanks {
  /// How many pods of the same workload share a pod's node, by node.
  private let neighbours: [String: Int]
  private let now: Timestamp

  /// Ranks by the pods of the whole workload.
  init(_ related: [JSONValue], at now: Timestamp) {
    var neighbours: [String: Int] = [:]
    for pod in related where pod.isActivePod {
      neighbours[pod.at("spec", "nodeName")?.string ?? "", default: 0] += 1
    }
    self.neighbours = neighbours
    self.now = now
  }

  /// The pods in the order in which they are given up.
  func ordered(_ pods: [JSONValue]) -> [JSONValue] {
    pods.map { (rank: rank($0), uid: $0.uid, pod: $0) }.sorted { left, right in
      if left.rank != right.rank { return left.rank.lexicographicallyPrecedes(right.rank) }
      return left.uid < right.uid
    }.map(\.pod)
  }

  /// Numbers of which the first difference decides; the lower one goes first.
  private func rank(_ pod: JSONValue) -> [Int64] {
    let node = pod.at("spec", "nodeName")?.string ?? ""
    let phases = ["Pending": Int64(0), "Unknown": 1, "Running": 2]
    let restarts = (pod.at("status", "containerStatuses")?.elements ?? []).map {
      $0["restartCount"]?.integer ?? 0
    }.max()
    let cost = pod.annotation("controller.kubernetes.io/pod-deletion-cost").flatMap(Int64.init)
    return [
      node.isEmpty ? 0 : 1, phases[pod.at("status", "phase")?.string ?? ""] ?? 1,
      pod.isReady ? 1 : 0, cost ?? 0, -Int64(neighbours[node] ?? 0),
      magnitude(of: pod.readySince), -(restarts ?? 0),
      magnitude(of: Timestamp(rfc3339: pod.created)),
    ]
  }

  /// How many digits the age has in base two: ages that are alike count as the same.
  private func magnitude(of time: Timestamp?) -> Int64 {
    guard let time else { return 0 }
    let age = max(1, (now - time).milliseconds / 1_000)
    return Int64(Int64.bitWidth - age.leadingZeroBitCount)
  }
}

extension JSONValue {
  /// Whether this pod runs, or is to run, and nobody has asked it to end.
  var isActivePod: Bool { !hasEnded && !isTerminating }

  /// Whether this pod was asked to end and has not ended.
  var isEndingPod: Bool { !hasEnded && isTerminating }

  /// Since when this pod is ready.
  var readySince: Timestamp? {
    guard let ready = condition("Ready"), ready["status"] == "True" else { return nil }
    return ready["lastTransitionTime"]?.string.flatMap(Timestamp.init(rfc3339:))
  }

  /// Whether this pod has been ready for some seconds.
  func isAvailable(after seconds: Int64, at now: Timestamp) -> Bool {
    guard isReady else { return false }
    guard seconds > 0 else { return true }
    guard let since = readySince else { return false }
    return since + .seconds(seconds) <= now
  }
}
