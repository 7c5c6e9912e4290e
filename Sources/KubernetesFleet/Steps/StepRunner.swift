import Synchronization
package import WindlassCore
package import WindlassWire

/// Carries out the steps of one run, or of a service at rest, as Jobs.
///
/// A step's Job is found by its name, whoever made it: after a crash the next daemon goes on
/// waiting for the Job that the last one made. No attempt begins before every pod of the earlier
/// ones is known to be dead; should two run all the same, fence and history make that harmless.
package final class StepRunner: Sendable {
  package let scope: StepScope
  let client: KubernetesClient
  let watch: StepWatch
  let clock: any RunClock
  private let epoch = Mutex<Epoch?>(nil)

  package init(_ scope: StepScope, client: KubernetesClient, watch: StepWatch) {
    self.scope = scope
    self.client = client
    self.watch = watch
    clock = client.clock
  }

  /// The fence's number that steps carry from now on: one that finds another does nothing.
  package func carry(_ number: Epoch?) { epoch.withLock { $0 = number } }

  /// Carries out one order and returns what its step said.
  ///
  /// - Parameters:
  ///   - image: The release's image, for the service's own command.
  ///   - template: The workload's pod template, for a visit.
  /// - Throws: What the step said when it failed, or why it ended without saying anything.
  package func perform(
    _ order: StepOrder, image: String? = nil, template: JSONValue? = nil
  ) async throws(StepFailure) -> StepMessage {
    let job = StepJob(
      scope: scope, order: order, attempt: 1, epoch: epoch.withLock { $0 }, image: image,
      template: template)
    try await haveDocument(job)
    if case .fence = order { try await refuseForeignCommands(job) }
    var others = 0
    while true {
      let (attempt, found) = try await begin(job)
      do throws(StepFailure) {
        return try await settle(attempt, uid: found.uid)
      } catch {
        // A deposed daemon made that Job, and is the one that the fence turned away.
        guard error.code == StepFailures.fenceLostCode, !job.hasEpoch(of: found),
          others < StepBounds.createAttemptsMax
        else { throw error }
        others += 1
      }
    }
  }

  /// The Job to wait for: one that is there and whose outcome is asked for, or a new one.
  private func begin(
    _ job: StepJob
  ) async throws(StepFailure) -> (StepJob, KubernetesObject) {
    let earlier = try await attempts(at: job)
    if let found = earlier.adopted(job, watch) { return (job.numbered(found.attempt), found) }
    await sweep(earlier, job)
    let last = max(earlier.last, watch.lastAttempt(at: job.label))
    if job.order.kind.isOnce, last > 0 { throw job.failures.spent }
    if !job.order.kind.isReading { try await awaitEnds(of: job) }
    if case .prove = job.order { try await awaitEnds(of: job, .rehearsals) }
    return try await haveJob(job.numbered(last + 1))
  }

  // MARK: - Objects that must be there

  /// Has the ConfigMap that the steps read, with exactly this document in it.
  private func haveDocument(_ job: StepJob) async throws(StepFailure) {
    let object = scope.configMap
    let reference = ObjectReference(.configMaps, object.name, in: object.namespace)
    let failures = StepFailures(job: reference, kind: job.order.kind)
    guard scope.document.bytes.count <= StepBounds.planSizeMax else {
      throw StepFailure(
        code: "PlanTooLarge", disposition: .stop,
        message: "The plan of \(scope.run) has \(scope.document.bytes.count) bytes, and an object"
          + " has room for \(StepBounds.planSizeMax). Shorten the releases' notes and probes.")
    }
    var last: APIError?
    for _ in 0..<StepBounds.createAttemptsMax {
      if let found = try await read(reference, failures) {
        guard found.body["data"] == object.body["data"] else {
          throw failures.taken(by: "its data is not the plan's")
        }
        if !found.isDeleting { return }
      }
      do throws(APIError) {
        _ = try await client.create(object, as: .configMaps)
        return
      } catch {
        guard isToBeReadBack(error) else { throw failures.refused(error) }
        last = error
        await pause(after: error)
      }
    }
    throw last.map(failures.refused) ?? failures.abandoned
  }

  /// Has the Job: makes it, or finds the one that a lost reply or an earlier daemon left.
  private func haveJob(
    _ job: StepJob
  ) async throws(StepFailure) -> (StepJob, KubernetesObject) {
    var job = job
    var last: APIError?
    for _ in 0..<StepBounds.createAttemptsMax {
      watch.note(attempt: job.attempt, at: job.label)
      do throws(APIError) {
        return (job, try await client.create(job.object, as: .jobs))
      } catch {
        guard isToBeReadBack(error) else { throw job.failures.refused(error) }
        last = error
        await pause(after: error)
      }
      // It never arrived, or is gone already: then it is made again under the same name.
      guard let found = try await read(job.reference, job.failures) else { continue }
      if let stranger = job.difference(from: found) { throw job.failures.taken(by: stranger) }
      guard found.isDeleting else { return (job, found) }
      job = job.numbered(job.attempt + 1)
    }
    throw last.map(job.failures.refused) ?? job.failures.abandoned
  }

  /// Whether a creation may have happened, or found the name taken.
  private func isToBeReadBack(_ error: APIError) -> Bool {
    error.mayHaveHappened || error.code == .alreadyExists || error.code == .conflict
  }

  /// Leaves a server alone for a moment that did not say whether it did what it was asked.
  private func pause(after error: APIError) async {
    guard error.code != .alreadyExists else { return }
    await clock.sleep(until: clock.now() + client.delay(afterFailures: 1, error))
  }

  private func read(
    _ reference: ObjectReference, _ failures: StepFailures
  ) async throws(StepFailure) -> KubernetesObject? {
    do throws(APIError) {
      return try await client.get(reference)
    } catch {
      throw failures.unreadable(error)
    }
  }

  // MARK: - Earlier attempts

  /// What there is of earlier attempts at an order, read from the authority.
  private func attempts(at job: StepJob) async throws(StepFailure) -> StepAttempts {
    let labels = "\(StepLabel.order)=\(job.label)"
    do throws(APIError) {
      let namespace = scope.settings.namespace
      let jobs = try await client.list(Selection(.jobs, in: namespace, labels: labels))
      let pods = try await listPods(of: job)
      return StepAttempts(jobs.objects, pods)
    } catch {
      throw job.failures.unreadable(error)
    }
  }

  /// Lists and notes the pods of all attempts at an order.
  func listPods(of job: StepJob) async throws(APIError) -> [PodSighting] {
    let selection = Selection(
      .pods, in: scope.settings.namespace, labels: "\(StepLabel.order)=\(job.label)")
    let known = watch.sightings.pods(of: job.label)
    watch.sightings.note(
      try await client.list(selection).objects.map(PodSighting.init), knownBefore: known)
    return watch.sightings.pods(of: job.label)
  }

  /// Whose ends are waited for before something begins.
  private enum Predecessors {
    /// Earlier attempts at the same order.
    case attempts
    /// Every step of earlier rehearsals of the run, which would work on the same copies.
    case rehearsals
  }

  /// Waits until every pod of those that went before is known to be dead.
  private func awaitEnds(
    of job: StepJob, _ which: Predecessors = .attempts
  ) async throws(StepFailure) {
    let began = clock.now()
    let end = began + StepBounds.grace + StepBounds.patience
    if case .rehearsals = which {
      do throws(APIError) {
        try await listRehearsals()
      } catch {
        throw job.failures.unreadable(error)
      }
    }
    while true {
      let seen = watch.news.count
      let pods = predecessors(of: job, which).filter { !$0.isDead }
      guard let first = pods.first else { return }
      if first.isGone, clock.now() - began >= StepBounds.watchDelayMax {
        guard await isNodeDead(of: first) else { throw job.failures.inDoubt(first) }
        watch.sightings.bury { $0.uid == first.uid }
        continue
      }
      guard clock.now() < end, !Task.isCancelled else { throw job.failures.awaiting(first) }
      await rest(after: seen)
      do throws(APIError) {
        switch which {
        case .attempts: _ = try await listPods(of: job)
        case .rehearsals: try await listRehearsals()
        }
      } catch {
        guard error.disposition == .retry else { throw job.failures.unreadable(error) }
      }
    }
  }

  private func predecessors(of job: StepJob, _ which: Predecessors) -> [PodSighting] {
    switch which {
    case .attempts: watch.sightings.pods(of: job.label)
    case .rehearsals: watch.sightings.pods { isOfRehearsal($0) }
    }
  }

  private func isOfRehearsal(_ pod: PodSighting) -> Bool {
    pod.run == StepName.label(scope.run)
      && [StepKind.prove.rawValue, StepKind.visit.rawValue].contains(pod.step)
  }

  /// Lists and notes the pods of all rehearsals of the run.
  private func listRehearsals() async throws(APIError) {
    let selection = Selection(
      .pods, in: scope.settings.namespace,
      labels: "\(StepLabel.run)=\(StepName.label(scope.run)),"
        + "\(StepLabel.step) in (\(StepKind.prove.rawValue),\(StepKind.visit.rawValue))")
    let known = watch.sightings.pods { isOfRehearsal($0) }
    watch.sightings.note(
      try await client.list(selection).objects.map(PodSighting.init), knownBefore: known)
  }

  /// The service's own command can't be stopped by a fence: nobody takes it while one may run.
  private func refuseForeignCommands(_ job: StepJob) async throws(StepFailure) {
    guard scope.wish.migrations.command != nil else { return }
    let labels =
      "\(StepLabel.step)=\(StepKind.command.rawValue),"
      + "\(StepLabel.service)=\(StepName.label(scope.document.service.text))"
    let pods: [PodSighting]
    do throws(APIError) {
      let selection = Selection(.pods, in: scope.settings.namespace, labels: labels)
      pods = try await client.list(selection).objects.map(PodSighting.init)
    } catch {
      throw job.failures.unreadable(error)
    }
    if let alive = pods.first(where: { !$0.hasEnded }) { throw job.failures.yielding(to: alive) }
  }

  /// Deletes Jobs of readings that nobody will ask for again, and those that deposed daemons made
  /// late; what can't be deleted goes with its owner.
  private func sweep(_ earlier: StepAttempts, _ job: StepJob) async {
    guard job.order.kind.isReading else { return }
    await watch.collectRefused(by: client)
    for old in earlier.outworn {
      await delete(ObjectReference(.jobs, old.name, in: old.namespace), uid: old.uid)
    }
  }

  /// Deletes a Job with its pods; one that is gone or another's is left alone.
  func delete(_ reference: ObjectReference, uid: String) async {
    // Nothing rests on it: what stays is bounded by its deadline and goes with its owner.
    _ = try? await client.delete(reference, .background, if: Preconditions(uid: uid))
  }

  /// Waits for news, or until it is time to look without any.
  func rest(after seen: Int) async {
    let pause = await watch.isCurrent ? StepBounds.readInterval : StepBounds.blindReadInterval
    await watch.news.wait(after: seen, orUntil: clock.now() + pause, clock)
  }
}

/// Jobs and pods of attempts at one order.
struct StepAttempts: Sendable {
  /// Ascending by attempt.
  private let jobs: [KubernetesObject]
  /// The number of the last attempt; 0 when there was none.
  let last: Int

  init(_ jobs: [KubernetesObject], _ pods: [PodSighting]) {
    self.jobs = jobs.sorted { $0.attempt < $1.attempt }
    last = (jobs.map(\.attempt) + pods.map(\.attempt)).max() ?? 0
  }

  /// Jobs that ended and are not among the newest, which count whether or not their status tells
  /// the end already: it does so late.
  var outworn: [KubernetesObject] {
    jobs.dropLast(StepBounds.failedReadingsKept).filter { $0.jobEnd != nil }
  }

  /// An earlier attempt whose outcome is the one that is asked for, and was told to nobody in this
  /// process: one that goes on, or one that succeeded.
  func adopted(_ job: StepJob, _ watch: StepWatch) -> KubernetesObject? {
    guard !job.order.kind.isReading else { return nil }
    return jobs.last { candidate in
      // A Job's status follows its pod's by a second: what was told may look as if it went on.
      guard !candidate.isDeleting, !watch.isTold(candidate.uid),
        job.difference(from: candidate) == nil
      else { return false }
      switch candidate.jobEnd {
      case nil: return true
      case "Complete": return job.order.kind.lasts
      default: return false
      }
    }
  }
}

extension StepJob {
  /// The same order in another attempt.
  func numbered(_ attempt: Int) -> StepJob {
    StepJob(
      scope: scope, order: order, attempt: attempt, epoch: epoch, image: image, template: template)
  }

  /// The label of the order.
  var label: String { StepName.order(scope, order) }

  var failures: StepFailures { StepFailures(job: reference, kind: order.kind) }

  /// Whether a Job carries the same number of the fence as this order's would.
  func hasEpoch(of found: KubernetesObject) -> Bool {
    found.annotations[StepLabel.epoch] == epoch?.description
  }

  /// How a Job differs from what this order's would be; nil when it is an attempt at it.
  func difference(from found: KubernetesObject) -> String? {
    if found.labels["app.kubernetes.io/managed-by"] != "windlass" { return "it is not labelled" }
    if found.annotations[StepLabel.planDigest] != scope.document.digest.text {
      return "it is of another plan"
    }
    if found.annotations[StepLabel.orderDigest] != order.digest.text {
      return "it is of another step"
    }
    let owners = found.metadata["ownerReferences"]?.array ?? []
    guard owners.contains(where: { $0["uid"]?.string == scope.owner.uid }) else {
      return "it belongs to another \(scope.owner.type.kind)"
    }
    return nil
  }
}

extension KubernetesObject {
  /// The attempt that a step's Job is.
  fileprivate var attempt: Int { Int(labels[StepLabel.attempt] ?? "") ?? 0 }

  /// `Complete` or `Failed`; nil for a Job that has not ended.
  fileprivate var jobEnd: String? {
    let conditions = body.value(at: "/status/conditions")?.array ?? []
    return ["Complete", "Failed"].first { type in
      conditions.contains { $0["type"]?.string == type && $0["status"] == "True" }
    }
  }
}
