import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What is made of a Job and its pods as they were read.
struct StepJudgementTests {
  private let order: StepJob

  init() throws { order = try Steps.job(.verify("b")) }

  private func job(_ condition: String? = nil, reason: String = "") -> KubernetesObject {
    let conditions: [JSONValue] =
      condition.map {
        [["type": .string($0), "status": "True", "reason": .string(reason)]]
      } ?? []
    return KubernetesObject(
      order.object.body.setting(["metadata", "uid"], to: "job-uid")
        .setting(["status", "conditions"], to: .array(conditions)))
  }

  private func pod(
    _ phase: String, _ state: JSONValue? = nil, job: String = "job-uid", extra: JSONValue? = nil
  ) -> PodSighting {
    var status: JSONValue = ["phase": .string(phase)]
    if let state {
      status = status.setting(
        "containerStatuses", to: [["name": "step", "state": state]])
    }
    for member in extra?.object ?? [] { status = status.setting(member.name, to: member.value) }
    return PodSighting(
      KubernetesObject([
        "metadata": [
          "name": "pod", "uid": "pod-uid",
          "labels": ["batch.kubernetes.io/controller-uid": .string(job)],
        ], "spec": ["nodeName": "node-a"], "status": status,
      ]))
  }

  private func ended(_ code: Int64, _ message: String, _ reason: String = "") -> JSONValue {
    [
      "terminated": [
        "exitCode": .integer(code), "message": .string(message), "reason": .string(reason),
      ]
    ]
  }

  private var good: String { String(decoding: Steps.message(order).bytes, as: UTF8.self) }

  @Test func `a message counts before the Job's status has followed, and after the Job is gone`() {
    let pod = pod("Succeeded", ended(0, good))
    let told = StepJudgement.told(Steps.message(order))
    #expect(StepJudgement(job(), uid: "job-uid", pods: [pod], order) == told)
    #expect(StepJudgement(nil, uid: "job-uid", pods: [pod], order) == told)
    #expect(StepJudgement(job("Failed"), uid: "job-uid", pods: [pod], order) == told)
  }

  @Test func `a message of a pod that still runs, or of another Job, counts for nothing`() {
    let running = pod("Running", ["running": [:]])
    #expect(
      StepJudgement(job(), uid: "job-uid", pods: [running], order) == .going(obstacle: nil))
    let other = pod("Succeeded", ended(0, good), job: "another")
    #expect(StepJudgement(job(), uid: "job-uid", pods: [other], order) == .going(obstacle: nil))
  }

  @Test func `a Job of the same name that is another one is not ours`() {
    #expect(StepJudgement(job(), uid: "earlier-uid", pods: [], order) == .deleted)
    #expect(StepJudgement(nil, uid: "job-uid", pods: [], order) == .deleted)
  }

  @Test(arguments: [
    ("OOMKilled", "", "StepOutOfMemory"), ("Error", "NodeLost", "StepDisrupted"),
    ("Error", "", "StepCrashed"), ("", "DeadlineExceeded", "StepOverdue"),
  ])
  func `silence is told by its cause`(container: String, pod: String, code: String) {
    let ended = self.pod(
      "Failed", ended(137, "", container), extra: pod.isEmpty ? nil : ["reason": .string(pod)])
    let judged = StepJudgement(
      job("Failed", reason: "BackoffLimitExceeded"), uid: "job-uid", pods: [ended], order)
    guard case .failed(let failure) = judged else {
      Issue.record("\(judged)")
      return
    }
    #expect(failure.code == code)
    #expect(failure.message.contains(order.name))
  }

  @Test func `a preemption is told as what took the pod away`() {
    let pod = pod(
      "Failed", ended(137, ""),
      extra: [
        "conditions": [
          ["type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"]
        ]
      ])
    guard
      case .failed(let failure) = StepJudgement(
        job("Failed"), uid: "job-uid", pods: [pod], order)
    else {
      Issue.record("no failure")
      return
    }
    #expect(failure.code == "StepDisrupted" && failure.message.contains("PreemptionByScheduler"))
  }

  @Test func `what was once seen of a pod stays seen`() {
    let first = pod("Failed", ended(1, good))
    var gone = pod("Pending")
    gone.isGone = true
    let both = first.followed(by: gone)
    #expect(both.hasEnded && both.hasBegun && both.message != nil && both.isDead)
    var begun = pod("Running", ["running": [:]])
    #expect(!begun.isDead)
    begun.isGone = true
    #expect(!begun.isDead)
    #expect(gone.isDead)
  }

  @Test func `a list that is older than what a watch told makes no pod vanish`() {
    let sightings = StepSightings()
    let known = sightings.pods(of: "")
    // Told while the list was on its way, which was made before the pod was.
    let young = pod("Running", ["running": [:]])
    sightings.note([young], knownBefore: [])
    sightings.note([], knownBefore: known)
    #expect(sightings.pods(of: "").map(\.isGone) == [false])
    // Known before the list was asked for, and not in it.
    sightings.note([], knownBefore: sightings.pods(of: ""))
    #expect(sightings.pods(of: "").map(\.isGone) == [true])
    sightings.note([young], knownBefore: [])
    #expect(sightings.pods(of: "").map(\.isGone) == [false])
  }

  @Test func `the service's own command that the fence kept from beginning says so`() throws {
    let order = try Steps.job(.command(Steps.order()))
    var message = Steps.message(try Steps.job(.checkFence(Epoch(7))))
    message.failure = StepFailure(
      code: "FenceLost", disposition: .stop, message: "the fence is at 8")
    let status: JSONValue = [
      "phase": "Failed",
      "initContainerStatuses": [
        [
          "name": "fence",
          "state": ended(1, String(decoding: message.bytes, as: UTF8.self), "Error"),
        ]
      ],
      "containerStatuses": [
        ["name": "migrate", "state": ["waiting": ["reason": "PodInitializing"]]]
      ],
    ]
    let pod = PodSighting(
      KubernetesObject([
        "metadata": [
          "name": "pod", "uid": "pod-uid",
          "labels": ["batch.kubernetes.io/controller-uid": "job-uid"],
        ], "status": status,
      ]))
    guard
      case .failed(let failure) = StepJudgement(job(), uid: "job-uid", pods: [pod], order)
    else {
      Issue.record("no failure")
      return
    }
    #expect(failure.code == "FenceLost" && failure.message.contains(order.name))
    // Its own words are no message, and its success is told by the Job.
    let done = self.pod("Succeeded", ended(0, "migrated"))
    #expect(
      StepJudgement(job(), uid: "job-uid", pods: [done], order) == .going(obstacle: nil))
    guard
      case .told(let told) = StepJudgement(job("Complete"), uid: "job-uid", pods: [done], order)
    else {
      Issue.record("not told")
      return
    }
    #expect(told.kind == .command && told.failure == nil)
  }

  @Test func `a suspended Job is told as one`() {
    #expect(StepJudgement(job("Suspended"), uid: "job-uid", pods: [], order) == .suspended)
  }

  @Test func `every failure names the Job and says what to do`() {
    let failures = StepFailures(job: order.reference, kind: .verify)
    let pod = pod("Running", ["running": [:]])
    var obstacles: [StepFailure] = []
    for reason in ["ErrImagePull", "Unschedulable", "CreateContainerConfigError"] {
      let state: JSONValue = ["waiting": ["reason": .string(reason), "message": "x"]]
      if let obstacle = self.pod("Pending", state).obstacle {
        obstacles.append(failures.stuck(obstacle))
      }
    }
    #expect(obstacles.count == 3)
    let codes: [APIError.Code] = [.forbidden, .invalid, .namespaceTerminating, .timeout]
    let all =
      obstacles + codes.map { failures.refused(APIError($0, request: "POST", detail: "no")) } + [
        failures.taken(by: "x"), failures.outOfMemory, failures.disrupted("x"), failures.deleted,
        failures.inDoubt(pod), failures.awaiting(pod), failures.crashed(nil),
        failures.foreignMessage("x"), failures.suspended, failures.abandoned,
        failures.overdue(nil, hasBegun: true), failures.overdue(nil, hasBegun: false),
      ]
    for failure in all {
      #expect(failure.message.contains("shop/\(order.name)"), "\(failure)")
      #expect(failure.code.wholeMatch(of: /Step([A-Z][a-z]+)+/) != nil, "\(failure.code)")
      #expect(failure.message.hasSuffix("."), "\(failure)")
      #expect(!failure.blamesRelease)
    }
  }
}
