import WindlassCore
import WindlassWire

/// The controller of Jobs: it makes their pods, counts how these end, and finishes the Jobs.
///
/// A pod that ended is first noted in the status, then let go (its finalizer is taken away), then
/// counted, so that none is counted twice.
extension SimulatedAPIServer {
  /// What keeps a pod until its Job has counted it.
  static let jobFinalizer = "batch.kubernetes.io/job-tracking"

  /// A Job with the defaults that depend on other fields.
  func completedJob(_ object: JSONValue) -> JSONValue {
    var object = object
    let spec = object["spec"] ?? .object([])
    if spec["completions"] == nil, spec["parallelism"] == nil {
      object.set(1, at: ["spec", "completions"])
    }
    if spec["parallelism"] == nil { object.set(1, at: ["spec", "parallelism"]) }
    if spec["podReplacementPolicy"] == nil {
      object.set(
        spec["podFailurePolicy"] == nil ? "TerminatingOrFailed" : "Failed",
        at: ["spec", "podReplacementPolicy"])
    }
    let rules = (spec.at("podFailurePolicy", "rules")?.elements ?? []).map { rule in
      var rule = rule
      let patterns = (rule["onPodConditions"]?.elements ?? []).map { pattern in
        var pattern = pattern
        if pattern["status"] == nil { pattern[member: "status"] = "True" }
        return pattern
      }
      if !patterns.isEmpty { rule[member: "onPodConditions"] = .array(patterns) }
      return rule
    }
    if !rules.isEmpty { object.set(.array(rules), at: ["spec", "podFailurePolicy", "rules"]) }
    return object
  }

  /// Gives a new Job the labels by which its pods are found.
  func prepareNewJob(_ object: inout JSONValue) {
    let uid = JSONValue.string(object.uid)
    let name = object.at("metadata", "name") ?? ""
    let labels = [
      ("batch.kubernetes.io/controller-uid", uid), ("batch.kubernetes.io/job-name", name),
      ("controller-uid", uid), ("job-name", name),
    ]
    for (label, value) in labels {
      object.set(value, at: ["metadata", "labels", label])
      object.set(value, at: ["spec", "template", "metadata", "labels", label])
    }
    object.set(uid, at: ["spec", "selector", "matchLabels", labels[0].0])
  }

  /// Plans a look at a Job when it or one of its pods changed; changes of pods are gathered for a
  /// second.
  mutating func noticeJob(of object: JSONValue, _ type: ResourceType) {
    let namespace = object.at("metadata", "namespace")?.string ?? ""
    let key = { (name: String) in
      ObjectKey(resource: "jobs.batch", namespace: namespace, name: name)
    }
    if type.kind == "Job" {
      let name = object.at("metadata", "name")?.string ?? ""
      agenda.plan(.syncJob(key(name)), at: now + .milliseconds(12))
    }
    guard type.kind == "Pod" else { return }
    for owner in object.at("metadata", "ownerReferences")?.elements ?? []
    where owner["kind"] == "Job" {
      agenda.plan(.syncJob(key(owner["name"]?.string ?? "")), at: now + .seconds(1))
    }
  }

  /// Compares a Job with its pods, and does what follows.
  mutating func syncJob(_ key: ObjectKey) {
    guard let job = store.objects[key] else { return releaseOrphans(of: key) }
    guard !job.isTerminating else { return releaseOrphans(of: key) }
    guard !job.isFinishedJob else { return }
    let pods = pods(of: job)
    var status = job["status"] ?? .object([])
    let isNew = noteEnded(pods, &status)
    let tally = JobTally(job, status, pods.map(\.object))
    if let verdict = tally.verdict(at: now), !job.hasJobTarget {
      status.addJobCondition(verdict.target, verdict.reason, verdict.message, at: now)
      if verdict.target == "FailureTarget" { endActive(pods, &status) }
      write(JobTally.counted(status, countPods(of: job, key)), job, key)
      agenda.plan(.releaseJobPods(key), at: now + .milliseconds(8))
    } else if isNew || job.hasJobTarget {
      write(JobTally.counted(status, countPods(of: job, key)), job, key)
      agenda.plan(
        isNew ? .releaseJobPods(key) : .countJob(key), at: now + .milliseconds(8))
      planDeadline(job, key)
    } else if job.at("spec", "suspend") == .bool(true) {
      suspend(pods)
      _ = countPods(of: job, key)
      agenda.plan(.countJob(key), at: now + .milliseconds(4))
    } else {
      let isMade = makePods(job, key, tally)
      let counts = countPods(of: job, key)
      if isMade {
        agenda.plan(.countJob(key), at: now + .milliseconds(23))
      } else {
        write(JobTally.counted(status, counts), job, key)
      }
      planDeadline(job, key)
    }
  }

  /// Counts the pods that run, for this write of the status and for the one that ends the turn: a
  /// controller counts once in a turn, whatever happens in its course.
  private mutating func countPods(of job: JSONValue, _ key: ObjectKey) -> JobTally.Counts {
    let counts = JobTally.Counts(pods(of: job).map(\.object))
    jobCounts[key] = counts
    return counts
  }

  private mutating func planDeadline(_ job: JSONValue, _ key: ObjectKey) {
    guard let seconds = job.at("spec", "activeDeadlineSeconds")?.integer,
      let start = job.at("status", "startTime")?.string.flatMap(Timestamp.init(rfc3339:))
    else { return }
    let deadline = start + .seconds(seconds)
    if deadline > now { agenda.plan(.syncJob(key), at: deadline) }
  }

  /// Notes pods that ended and are not counted yet; returns whether there was a new one.
  private func noteEnded(
    _ pods: [(key: ObjectKey, object: JSONValue)], _ status: inout JSONValue
  ) -> Bool {
    var isNew = false
    for entry in pods where entry.object.hasEnded {
      guard entry.object.finalizers.contains(Self.jobFinalizer) else { continue }
      let how = entry.object.at("status", "phase") == "Succeeded" ? "succeeded" : "failed"
      isNew = status.noteJobPod(entry.object.uid, how) || isNew
    }
    return isNew
  }

  /// Deletes pods that still run when a Job has failed; they count as failed.
  private mutating func endActive(
    _ pods: [(key: ObjectKey, object: JSONValue)], _ status: inout JSONValue
  ) {
    guard let type = type("pods", in: "", "v1") else { return }
    for entry in pods where !entry.object.hasEnded && !entry.object.isTerminating {
      _ = remove(entry.object, entry.key, type, DeleteOptions())
      _ = status.noteJobPod(entry.object.uid, "failed")
    }
  }

  /// Ends the pods of a Job that is suspended; they count neither as good nor as bad.
  private mutating func suspend(_ pods: [(key: ObjectKey, object: JSONValue)]) {
    guard let type = type("pods", in: "", "v1") else { return }
    for entry in pods where !entry.object.hasEnded && !entry.object.isTerminating {
      release(entry.object, entry.key)
      guard let released = store.objects[entry.key] else { continue }
      _ = remove(released, entry.key, type, DeleteOptions())
    }
  }

  /// Makes the pods that are missing; returns false when the time for a new attempt has not come.
  private mutating func makePods(
    _ job: JSONValue, _ key: ObjectKey, _ tally: JobTally
  ) -> Bool {
    guard job.at("spec", "suspend") != .bool(true), tally.missing > 0 else { return true }
    if let next = tally.nextAttempt, next > now {
      agenda.plan(.syncJob(key), at: next)
      return false
    }
    let name = key.name
    let template = job.at("spec", "template") ?? .object([])
    var metadata = template["metadata"] ?? .object([])
    metadata[member: "generateName"] = .string(name + "-")
    metadata[member: "finalizers"] = [.string(Self.jobFinalizer)]
    metadata[member: "ownerReferences"] = [
      [
        "apiVersion": "batch/v1", "kind": "Job", "name": .string(name), "uid": .string(job.uid),
        "controller": true, "blockOwnerDeletion": true,
      ]
    ]
    for _ in 0..<tally.missing {
      controllerCreate(
        ["kind": "Pod", "metadata": metadata, "spec": template["spec"] ?? .object([])],
        in: key.namespace, by: "kube-controller-manager")
    }
    return true
  }

  /// Lets go the pods that the status has noted.
  mutating func releaseJobPods(_ key: ObjectKey) {
    guard let job = store.objects[key] else { return }
    let noted = ["succeeded", "failed"].flatMap {
      job.at("status", "uncountedTerminatedPods", $0)?.elements ?? []
    }
    for entry in pods(of: job) where noted.contains(.string(entry.object.uid)) {
      release(entry.object, entry.key)
    }
    agenda.plan(.countJob(key), at: now + .milliseconds(8))
  }

  private mutating func release(_ pod: JSONValue, _ key: ObjectKey) {
    guard pod.finalizers.contains(Self.jobFinalizer) else { return }
    var released = pod
    let left = pod.finalizers.filter { $0 != Self.jobFinalizer }
    released.set(
      left.isEmpty ? nil : .array(left.map(JSONValue.string)), at: ["metadata", "finalizers"])
    let waits = (pod.at("metadata", "deletionGracePeriodSeconds")?.integer ?? 0) > 0
    if pod.isTerminating, left.isEmpty, !waits {
      store.remove(key, time: now)
    } else {
      controllerWrite(released, over: pod, key, by: "kube-controller-manager")
    }
  }

  /// Lets go the pods of a Job that is gone or goes.
  private mutating func releaseOrphans(of key: ObjectKey) {
    for entry in store.objects(of: "pods", namespace: key.namespace) {
      let owners = entry.object.at("metadata", "ownerReferences")?.elements ?? []
      guard owners.contains(where: { $0["kind"] == "Job" && $0["name"]?.string == key.name })
      else { continue }
      release(entry.object, entry.key)
    }
  }

  /// Counts pods, and finishes a Job whose target is met when nothing is left to count.
  mutating func countJob(_ key: ObjectKey) {
    guard let job = store.objects[key], !job.isTerminating, !job.isFinishedJob else { return }
    let pods = pods(of: job)
    var status = job["status"] ?? .object([])
    status.markSuspension(job.at("spec", "suspend") == .bool(true), at: now)
    status.countJobPods { uid in
      pods.contains { $0.object.uid == uid && $0.object.finalizers.contains(Self.jobFinalizer) }
    }
    let tally = JobTally(job, status, pods.map(\.object))
    let counts = jobCounts.removeValue(forKey: key) ?? JobTally.Counts(pods.map(\.object))
    status = JobTally.counted(status, counts)
    let isClear =
      status["uncountedTerminatedPods"] == .object([]) && status["terminating"] == 0
    if isClear, let target = status.jobCondition("SuccessCriteriaMet") {
      status.addJobCondition(
        "Complete", target["reason"]?.string ?? "", target["message"]?.string ?? "", at: now)
      status[member: "completionTime"] = .string(now.rfc3339)
    } else if isClear, let target = status.jobCondition("FailureTarget") {
      status.addJobCondition(
        "Failed", target["reason"]?.string ?? "", target["message"]?.string ?? "", at: now)
    }
    write(status, job, key)
    if let ttl = job.at("spec", "ttlSecondsAfterFinished")?.integer,
      store.objects[key]?.isFinishedJob ?? false
    {
      // The end is known to the second alone.
      let end = Timestamp(rfc3339: now.rfc3339) ?? now
      agenda.plan(
        .expireJob(key, uid: job.uid), at: end + .seconds(ttl) + .milliseconds(20))
    }
    let isSuspended = job.at("spec", "suspend") == .bool(true)
    if !job.hasJobTarget, !isSuspended, tally.missing > 0 {
      agenda.plan(.syncJob(key), at: now + .milliseconds(12))
    }
  }

  private mutating func write(_ status: JSONValue, _ job: JSONValue, _ key: ObjectKey) {
    var object = job
    object[member: "status"] = status
    guard object != job else { return }
    controllerWrite(
      object, over: job, key, by: "kube-controller-manager", subresource: "status")
  }

  /// Deletes a Job whose time after its end is over.
  mutating func expireJob(_ key: ObjectKey, _ uid: String) {
    guard let job = store.objects[key], job.uid == uid,
      let type = type("jobs", in: "batch", "v1")
    else { return }
    var options = DeleteOptions()
    options.propagation = "Foreground"
    _ = remove(job, key, type, options)
  }
}
