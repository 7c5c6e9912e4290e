import WindlassCore
import WindlassWire

/// What a Job and its pods amount to at one moment.
enum StepJudgement: Hashable, Sendable {
  /// Nothing is decided. `obstacle` says why its pod does not begin.
  case going(obstacle: PodObstacle?)
  /// The step ended and told what became of it.
  case told(StepMessage)
  /// It ended without telling.
  case failed(StepFailure)
  /// The Job is gone or goes; its pods decide what that means.
  case deleted
  /// Somebody suspended it.
  case suspended

  /// Judges what was read from the authority; a Job of another uid is another Job.
  ///
  /// A message counts as soon as its pod has ended, whatever became of the Job: the pod did the
  /// work, and the Job's status follows a second later or never.
  init(_ job: KubernetesObject?, uid: String, pods: [PodSighting], _ order: StepJob) {
    let failures = StepFailures(job: order.reference, kind: order.order.kind)
    let own = pods.filter { $0.job == uid }
    if let ended = own.first(where: { $0.hasEnded && $0.message != nil }),
      let judged = Self.judge(ended, order, failures)
    {
      self = judged
      return
    }
    guard let job, job.uid == uid, !job.isDeleting else {
      self = .deleted
      return
    }
    let conditions = job.body.value(at: "/status/conditions")?.array ?? []
    let holds = { (type: String) in
      conditions.first { $0["type"]?.string == type && $0["status"] == "True" }
    }
    if let failed = holds("Failed") {
      self = .failed(Self.silence(failed["reason"]?.string ?? "", own, failures))
    } else if holds("Complete") != nil {
      self = Self.completed(own, order, failures)
    } else if holds("Suspended") != nil {
      self = .suspended
    } else {
      self = .going(obstacle: own.first { !$0.hasEnded }?.obstacle)
    }
  }

  private static func judge(
    _ pod: PodSighting, _ job: StepJob, _ failures: StepFailures
  ) -> StepJudgement? {
    guard let bytes = pod.message else { return nil }
    // The service's own command writes what it likes.
    if job.order.kind == .command { return commandEnd(pod, bytes, job, failures) }
    guard let message = StepMessage(bytes) else { return nil }
    // The container that waits for isolation speaks for its pod when that does not come about.
    if message.kind == .isolate, let failure = message.failure, job.order.kind == .visit {
      return .failed(failures.said(failure))
    }
    guard message.plan == job.scope.document.digest else {
      return .failed(failures.foreignMessage("it is of another plan"))
    }
    guard message.order == job.order.digest, message.kind == job.order.kind else {
      return .failed(failures.foreignMessage("it is of another step"))
    }
    return .told(message)
  }

  /// The init container speaks Windlass's language, the command its own.
  private static func commandEnd(
    _ pod: PodSighting, _ bytes: [UInt8], _ job: StepJob, _ failures: StepFailures
  ) -> StepJudgement? {
    if let refusal = StepMessage(bytes), refusal.kind == .checkFence {
      guard let failure = refusal.failure else { return nil }
      return .failed(failures.said(failure))
    }
    return nil
  }

  /// A Job that is complete whose pod left nothing to read.
  private static func completed(
    _ pods: [PodSighting], _ job: StepJob, _ failures: StepFailures
  ) -> StepJudgement {
    guard job.order.kind == .command else { return .failed(failures.crashed(pods.last?.end)) }
    return .told(
      StepMessage(
        kind: .command, plan: job.scope.document.digest, order: job.order.digest))
  }

  /// Why a Job failed whose step said nothing.
  private static func silence(
    _ reason: String, _ pods: [PodSighting], _ failures: StepFailures
  ) -> StepFailure {
    let pod = pods.first { $0.end.map { $0.exitCode != 0 } ?? false } ?? pods.last
    if pod?.end?.reason == "OOMKilled" { return failures.outOfMemory }
    let isOverdue = reason == "DeadlineExceeded" || pod?.reason == "DeadlineExceeded"
    if isOverdue {
      return failures.overdue(pod?.obstacle, hasBegun: pod?.hasBegun ?? false)
    }
    if let pod, !pod.reason.isEmpty { return failures.disrupted(pod.reason) }
    return failures.crashed(pod?.end)
  }
}
