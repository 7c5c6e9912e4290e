import WindlassCore
import WindlassWire

extension StepRunner {
  /// What is remembered while a Job's end is waited for.
  private struct Patience {
    /// When nobody waits any longer.
    var end: Timestamp
    var readFailures = 0
    var obstacle: PodObstacle?
    var obstacleSince: Timestamp
    /// Since when a pod is to end and has not.
    var endingSince: Timestamp?
    /// Since when a pod is known to be gone whose end nobody saw.
    var vanishedSince: Timestamp?
  }

  /// Waits until a Job's step has ended, and returns what it said.
  func settle(_ job: StepJob, uid: String) async throws(StepFailure) -> StepMessage {
    let now = clock.now()
    var patience = Patience(
      end: now + job.order.kind.deadline + StepBounds.patience, obstacleSince: now)
    defer { watch.note(hindrance: nil) }
    while true {
      guard !Task.isCancelled else { throw job.failures.abandoned }
      let seen = watch.news.count
      let judgement: StepJudgement
      do throws(APIError) {
        judgement = try await look(job, uid)
        patience.readFailures = 0
        watch.note(hindrance: nil)
      } catch {
        try await endure(error, job, &patience)
        continue
      }
      if let message = try await act(on: judgement, job, uid, &patience) { return message }
      try await bear(endingOf: job, uid, &patience)
      if clock.now() >= patience.end { try overstay(job, uid) }
      await rest(after: seen)
    }
  }

  /// Reads a Job and its pods from the authority.
  private func look(_ job: StepJob, _ uid: String) async throws(APIError) -> StepJudgement {
    let found = try await client.get(job.reference)
    let pods = try await listPods(of: job)
    for pod in pods where pod.job == uid && pod.boot == nil && !pod.isGone {
      if let boot = await boot(of: pod.node) { watch.sightings.note(boot: boot, of: pod.uid) }
    }
    return StepJudgement(found, uid: uid, pods: pods, job)
  }

  /// Does what a judgement asks for; nil while nothing is decided.
  private func act(
    on judgement: StepJudgement, _ job: StepJob, _ uid: String, _ patience: inout Patience
  ) async throws(StepFailure) -> StepMessage? {
    switch judgement {
    case .told(let message): return try await conclude(message, job, uid)
    case .failed(let failure):
      watch.tell(uid)
      throw failure
    case .suspended: throw job.failures.suspended
    case .deleted:
      try await bear(deletionOf: job, uid, &patience)
      return nil
    case .going(let obstacle):
      try await bear(obstacle, job, uid, &patience)
      return nil
    }
  }

  /// Passes on what a step said.
  private func conclude(
    _ message: StepMessage, _ job: StepJob, _ uid: String
  ) async throws(StepFailure) -> StepMessage {
    watch.tell(uid)
    if let failure = message.failure { throw job.failures.said(failure) }
    if case .fenced(let epoch) = message.result { carry(epoch) }
    // A reading is of no use to anybody else, and there are many.
    if job.order.kind.isReading { await delete(job.reference, uid: uid) }
    return message
  }

  // MARK: - What goes wrong

  /// Waits for a server that can't be read; the Job goes on meanwhile.
  private func endure(
    _ error: APIError, _ job: StepJob, _ patience: inout Patience
  ) async throws(StepFailure) {
    patience.readFailures += 1
    guard error.disposition != .stop, clock.now() < patience.end, !Task.isCancelled else {
      throw job.failures.unreadable(error)
    }
    // Nothing but somebody's doing helps, so that it has to be known.
    if error.disposition == .wait {
      let failure = job.failures.unreadable(error)
      watch.note(hindrance: Block(code: failure.code, message: failure.message))
    }
    let delay = await client.delay(afterFailures: patience.readFailures, error)
    await clock.sleep(until: clock.now() + min(delay, StepBounds.readDelayMax))
  }

  /// A Job that somebody deleted is over when its pods are known to be; until then one of them may
  /// still say what became of the step.
  private func bear(
    deletionOf job: StepJob, _ uid: String, _ patience: inout Patience
  ) async throws(StepFailure) {
    let pods = watch.sightings.pods(of: job.label).filter { $0.job == uid && !$0.isDead }
    guard let first = pods.first else {
      watch.tell(uid)
      throw job.failures.deleted
    }
    guard first.isGone else {
      patience.vanishedSince = nil
      return
    }
    // Reading may be ahead of the watch, which may have seen the end.
    let since = patience.vanishedSince ?? clock.now()
    patience.vanishedSince = since
    guard clock.now() - since >= StepBounds.watchDelayMax else { return }
    guard await isNodeDead(of: first) else { throw job.failures.inDoubt(first) }
    watch.sightings.bury { $0.uid == first.uid }
  }

  /// A pod on a node that nobody hears of is never said to have ended.
  private func bear(
    endingOf job: StepJob, _ uid: String, _ patience: inout Patience
  ) async throws(StepFailure) {
    let ending = watch.sightings.pods(of: job.label).first {
      $0.job == uid && $0.isDeleting && !$0.isGone && !$0.hasEnded
    }
    guard let ending else {
      patience.endingSince = nil
      return
    }
    let since = patience.endingSince ?? clock.now()
    patience.endingSince = since
    guard clock.now() - since >= StepBounds.grace + StepBounds.stuckMax else { return }
    guard await isNodeDead(of: ending) else { throw job.failures.lingering(ending) }
    watch.sightings.bury { $0.uid == ending.uid }
  }

  /// Gives a Job up whose pod can't begin, so that what is wrong is told and not waited out.
  private func bear(
    _ obstacle: PodObstacle?, _ job: StepJob, _ uid: String, _ patience: inout Patience
  ) async throws(StepFailure) {
    let now = clock.now()
    // The kubelet takes turns between trying and backing off.
    let isSame = obstacle.map { $0.isImage == patience.obstacle?.isImage } ?? false
    if !isSame { patience.obstacleSince = now }
    patience.obstacle = obstacle
    guard let obstacle, now - patience.obstacleSince >= obstacle.patience else { return }
    watch.tell(uid)
    await delete(job.reference, uid: uid)
    throw job.failures.stuck(obstacle)
  }

  /// The cluster should have ended the Job long ago.
  private func overstay(_ job: StepJob, _ uid: String) throws(StepFailure) {
    let pods = watch.sightings.pods(of: job.label).filter { $0.job == uid && !$0.isDead }
    guard let pod = pods.first else { throw job.failures.overdue(nil, hasBegun: false) }
    throw job.failures.awaiting(pod)
  }

  // MARK: - Nodes

  /// The boot id of a node; nil when it is not there or can't be read.
  private func boot(of node: String?) async -> String? {
    guard let node else { return nil }
    // Without it only the node's absence can show that a pod which vanished is dead.
    let object = try? await client.get(ObjectReference(.nodes, node))
    return object?.body.value(at: "/status/nodeInfo/bootID")?.string
  }

  /// Whether a pod's node is known to be gone or to have been started anew since.
  func isNodeDead(of pod: PodSighting) async -> Bool {
    guard let node = pod.node, let boot = pod.boot else { return false }
    do throws(APIError) {
      guard let found = try await client.get(ObjectReference(.nodes, node)) else { return true }
      let now = found.body.value(at: "/status/nodeInfo/bootID")?.string
      return now.map { $0 != boot } ?? false
    } catch {
      return false
    }
  }
}

extension PodObstacle {
  /// How long it is borne: a node may have to be made first.
  fileprivate var patience: Interval {
    reason == "Unschedulable" ? StepBounds.start : StepBounds.stuckMax
  }
}
