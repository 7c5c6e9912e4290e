import WindlassCore
import WindlassWire

/// What a Job's pods amount to.
struct JobTally: Sendable {
  private let job: JSONValue
  private let pods: [JSONValue]
  /// Pods that ended well or badly, whether counted or only noted.
  private let succeeded: Int64
  private let failed: Int64

  init(_ job: JSONValue, _ status: JSONValue, _ pods: [JSONValue]) {
    self.job = job
    self.pods = pods
    let total = { (how: String) in
      (status[how]?.integer ?? 0)
        + Int64(status.at("uncountedTerminatedPods", how)?.elements.count ?? 0)
    }
    succeeded = total("succeeded")
    failed = total("failed")
  }

  /// What a Job has come to.
  struct Verdict {
    var target: String
    var reason: String
    var message: String
  }

  /// What the Job has come to by now; nil while it goes on.
  func verdict(at now: Timestamp) -> Verdict? {
    let limit = job.at("spec", "backoffLimit")?.integer ?? 6
    if let message = failurePolicyMessage {
      return Verdict(target: "FailureTarget", reason: "PodFailurePolicy", message: message)
    }
    let isInPlace = job.at("spec", "template", "spec", "restartPolicy") == "OnFailure"
    if failed > limit || (isInPlace && restarts > 0 && restarts >= limit) {
      return Verdict(
        target: "FailureTarget", reason: "BackoffLimitExceeded",
        message: "Job has reached the specified backoff limit")
    }
    if let seconds = job.at("spec", "activeDeadlineSeconds")?.integer,
      let start = job.at("status", "startTime")?.string.flatMap(Timestamp.init(rfc3339:)),
      now >= start + .seconds(seconds)
    {
      return Verdict(
        target: "FailureTarget", reason: "DeadlineExceeded",
        message: "Job was active longer than specified deadline")
    }
    guard let completions = job.at("spec", "completions")?.integer, succeeded >= completions else {
      return nil
    }
    return Verdict(
      target: "SuccessCriteriaMet", reason: "CompletionsReached",
      message: "Reached expected number of succeeded pods")
  }

  /// How often containers were started again.
  private var restarts: Int64 {
    pods.filter { !$0.hasEnded }.flatMap {
      ($0.at("status", "initContainerStatuses")?.elements ?? [])
        + ($0.at("status", "containerStatuses")?.elements ?? [])
    }.reduce(0) { $0 + ($1["restartCount"]?.integer ?? 0) }
  }

  /// Why the policy for failed pods fails the Job at once.
  private var failurePolicyMessage: String? {
    let rules = job.at("spec", "podFailurePolicy", "rules")?.elements ?? []
    for pod in pods where pod.at("status", "phase") == "Failed" {
      for (index, rule) in rules.enumerated() where rule["action"] == "FailJob" {
        for container in pod.at("status", "containerStatuses")?.elements ?? [] {
          guard let code = container.at("state", "terminated", "exitCode")?.integer,
            let wanted = rule["onExitCodes"], matches(code, wanted)
          else { continue }
          let text = { (value: JSONValue?) in value?.string ?? "" }
          return "Container \(text(container["name"])) for pod "
            + "\(text(pod.at("metadata", "namespace")))/\(text(pod.at("metadata", "name"))) failed "
            + "with exit code \(code) matching FailJob rule at index \(index)"
        }
      }
    }
    return nil
  }

  private func matches(_ code: Int64, _ wanted: JSONValue) -> Bool {
    let isListed = (wanted["values"]?.elements ?? []).contains(.integer(code))
    return code != 0 && isListed == (wanted["operator"] != "NotIn")
  }

  private var active: [JSONValue] { pods.filter { !$0.hasEnded && !$0.isTerminating } }

  /// How many pods are to be made.
  var missing: Int {
    let parallelism = job.at("spec", "parallelism")?.integer ?? 1
    let left = job.at("spec", "completions")?.integer.map { $0 - succeeded } ?? parallelism
    let waits = job.at("spec", "podReplacementPolicy") == "Failed"
    let terminating = pods.filter { !$0.hasEnded && $0.isTerminating }.count
    return max(
      0, Int(min(parallelism, left)) - active.count - (waits ? terminating : 0))
  }

  /// When the next pod may be made after failures: ten seconds after the last, then twice as
  /// long each time.
  var nextAttempt: Timestamp? {
    guard failed > 0 else { return nil }
    let ends = pods.filter { $0.at("status", "phase") == "Failed" }.flatMap {
      $0.at("status", "containerStatuses")?.elements ?? []
    }.compactMap {
      $0.at("state", "terminated", "finishedAt")?.string.flatMap(Timestamp.init(rfc3339:))
    }
    guard let last = ends.max() else { return nil }
    return last + .seconds(min(600, 10 << min(failed - 1, 6)))
  }

  /// How many of a Job's pods run.
  struct Counts: Hashable, Sendable {
    var active: Int
    var ready: Int
    var terminating: Int

    init(_ pods: [JSONValue]) {
      let running = pods.filter { !$0.hasEnded && !$0.isTerminating }
      active = running.count
      ready = running.filter(\.isReady).count
      terminating = pods.filter { !$0.hasEnded && $0.isTerminating }.count
    }
  }

  /// A status with the numbers of pods that run.
  static func counted(_ status: JSONValue, _ counts: Counts) -> JSONValue {
    var status = status
    status[member: "active"] = counts.active == 0 ? nil : .integer(Int64(counts.active))
    status[member: "ready"] = .integer(Int64(counts.ready))
    status[member: "terminating"] = .integer(Int64(counts.terminating))
    if status["uncountedTerminatedPods"] == nil {
      status[member: "uncountedTerminatedPods"] = .object([])
    }
    return status
  }
}

extension JSONValue {
  /// The condition of that type, if it is true, of a Job's status.
  func jobCondition(_ type: String) -> JSONValue? {
    (self["conditions"]?.elements ?? []).first {
      $0["type"]?.string == type && $0["status"] == "True"
    }
  }

  /// Whether this Job has ended.
  var isFinishedJob: Bool {
    let status = self["status"] ?? .null
    return ["Complete", "Failed"].contains { status.jobCondition($0) != nil }
  }

  /// Whether it is decided how this Job ends.
  var hasJobTarget: Bool {
    let status = self["status"] ?? .null
    return ["SuccessCriteriaMet", "FailureTarget"].contains { status.jobCondition($0) != nil }
  }

  /// Says in a Job's status whether it is suspended; the clock of a Job that goes on starts anew.
  mutating func markSuspension(_ isSuspended: Bool, at now: Timestamp) {
    let isMarked = jobCondition("Suspended") != nil
    if isSuspended || isMarked, isSuspended != isMarked {
      self[member: "conditions"] = .array(
        (self["conditions"]?.elements ?? []).filter { $0["type"] != "Suspended" })
      addJobCondition(
        "Suspended", isSuspended ? "JobSuspended" : "JobResumed",
        isSuspended ? "Job suspended" : "Job resumed", at: now, isTrue: isSuspended)
    }
    if isSuspended {
      self[member: "startTime"] = nil
    } else if self["startTime"] == nil {
      self[member: "startTime"] = .string(now.rfc3339)
    }
  }

  /// Adds a condition to a Job's status.
  mutating func addJobCondition(
    _ type: String, _ reason: String, _ message: String, at now: Timestamp, isTrue: Bool = true
  ) {
    let condition: JSONValue = [
      "lastProbeTime": .string(now.rfc3339), "lastTransitionTime": .string(now.rfc3339),
      "message": .string(message), "reason": .string(reason),
      "status": isTrue ? "True" : "False", "type": .string(type),
    ]
    self[member: "conditions"] = .array((self["conditions"]?.elements ?? []) + [condition])
  }

  /// Notes in a Job's status that a pod has ended; returns whether that is news.
  mutating func noteJobPod(_ uid: String, _ how: String) -> Bool {
    let noted = at("uncountedTerminatedPods", how)?.elements ?? []
    guard !noted.contains(.string(uid)) else { return false }
    set(.array(noted + [.string(uid)]), at: ["uncountedTerminatedPods", how])
    return true
  }

  /// Moves pods that were let go from the noted ones to the counted ones.
  mutating func countJobPods(isHeld: (String) -> Bool) {
    for how in ["succeeded", "failed"] {
      let noted = at("uncountedTerminatedPods", how)?.elements ?? []
      let left = noted.filter { isHeld($0.string ?? "") }
      let count = noted.count - left.count
      if count > 0 { self[member: how] = .integer((self[how]?.integer ?? 0) + Int64(count)) }
      if !noted.isEmpty {
        set(left.isEmpty ? nil : .array(left), at: ["uncountedTerminatedPods", how])
      }
    }
  }
}
