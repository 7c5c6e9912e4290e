import WindlassCore

/// Every way in which a Job can end badly, with what to do next (faults F38, F62, F80, F81).
///
/// What the step itself said is passed on as it is. The rest is the cluster's, never blames the
/// release, and is tried again where another attempt can be better: every step is harmless to
/// repeat under fence and history.
package struct StepFailures: Hashable, Sendable {
  var job: ObjectReference
  var kind: StepKind

  private var place: String { "\(job.namespace ?? "")/\(job.name)" }

  /// `The Job shop/beacon-1-expand-… (expand)`.
  private var subject: String { "The Job \(place) (\(kind.rawValue))" }

  private func failure(
    _ code: String, _ disposition: Disposition, _ text: String
  ) -> StepFailure {
    StepFailure(code: code, disposition: disposition, message: "\(subject) \(text)")
  }

  // MARK: - At creation

  /// The API server did not take the Job, or another object of the step.
  func refused(_ error: APIError) -> StepFailure {
    var code: String
    var advice: String
    switch error.code {
    case .forbidden:
      code = "StepForbidden"
      advice =
        "Raise the namespace's quota if it names one; else grant the verb to Windlass, or mend"
        + " the admission policy that refused it."
    case .invalid, .badRequest:
      code = "StepRefused"
      advice = "See which admission rule of the cluster refuses it, and let it through."
    case .namespaceTerminating:
      code = "StepForbidden"
      advice = "The namespace is being deleted; the service goes with it."
    default:
      code = "StepNotCreated"
      advice = "It is tried again; look at the API server if this stays."
    }
    let text = error.description
    return failure(
      code, error.disposition,
      "was not created: \(text)\(text.hasSuffix(".") ? "" : ".") \(advice)")
  }

  /// The name belongs to somebody else's Job, or to one of another plan.
  func taken(by found: String) -> StepFailure {
    failure(
      "StepNameTaken", .stop,
      "can't be created: an object of that name is there, and it is not ours (\(found)). Find out"
        + " who made it, delete it, then `windlass resume`.")
  }

  /// Its state can't be read.
  func unreadable(_ error: APIError) -> StepFailure {
    failure(
      "StepUnreadable", error.disposition,
      "may be running, but nobody can read it: \(error.description) It is looked for again by its"
        + " name.")
  }

  /// It may be done once, and was, or was begun: nobody can tell any more what it found.
  var spent: StepFailure {
    failure(
      Self.spentCode, .retry,
      "can't be done again on the same copy: an earlier attempt at it was cut off. The rehearsal"
        + " begins anew by itself.")
  }

  /// The code of a rehearsal that can't go on and has to begin anew.
  static let spentCode = "RehearsalSpoiled"

  /// The code of a step that found another number in the fence than its own.
  static let fenceLostCode = "FenceLost"

  /// The code of a pod that could reach what it must not.
  package static let notIsolatedCode = "NotIsolated"

  /// Whoever waited was told to stop.
  var abandoned: StepFailure {
    failure(
      "StepAbandoned", .retry,
      "goes on by itself: this daemon was told to stop while it waited. The next one finds it by"
        + " its name.")
  }

  // MARK: - Ends without a message

  /// It did not begin for long.
  func stuck(_ obstacle: PodObstacle) -> StepFailure {
    let detail = obstacle.detail.isEmpty ? "" : ": \(obstacle.detail)"
    if obstacle.isImage {
      return failure(
        "StepImageNotPulled", .wait,
        "did not begin, as its image can't be had (\(obstacle.reason)\(detail)). Check the image's"
          + " digest, the registry and the pull secrets; it is tried again by itself.")
    }
    if obstacle.reason == "Unschedulable" || obstacle.reason == "SchedulingGated" {
      return failure(
        "StepUnschedulable", .wait,
        "did not begin, as no node takes its pod\(detail). Make room, or mend the claim, the"
          + " selector or the taints; it is tried again by itself.")
    }
    return failure(
      "StepNotStarted", .wait,
      "did not begin (\(obstacle.reason)\(detail)). Check that the Secret, the claim and the"
        + " ServiceAccount that it names are there; it is tried again by itself.")
  }

  /// Its time was up.
  func overdue(_ obstacle: PodObstacle?, hasBegun: Bool) -> StepFailure {
    if !hasBegun {
      return obstacle.map(stuck)
        ?? failure(
          "StepNotStarted", .wait,
          "had no running pod within \(kind.deadline) and was ended. Look at its events and at the"
            + " nodes; it is tried again by itself.")
    }
    return failure(
      "StepOverdue", .stop,
      "was ended after \(kind.deadline), before its work was. Find out what held it up in its"
        + " pod's log and in the database, then `windlass resume`.")
  }

  /// The memory was not enough.
  var outOfMemory: StepFailure {
    failure(
      "StepOutOfMemory", .stop,
      "was ended by the kernel, as it used more memory than its limit. Raise the limit of steps,"
        + " then `windlass resume`.")
  }

  /// The cluster took the pod away.
  func disrupted(_ reason: String) -> StepFailure {
    failure(
      "StepDisrupted", .retry,
      "lost its pod to the cluster (\(reason)) before it was done. It is tried again; see what"
        + " drains or fills the nodes if this stays.")
  }

  /// It was deleted while it ran.
  var deleted: StepFailure {
    failure(
      "StepDeleted", .retry,
      "was deleted by somebody before it was done; its pod is known to have ended. It is tried"
        + " again: pause the service first if it must not be.")
  }

  /// Its pod vanished, and nobody saw its end.
  func inDoubt(_ pod: PodSighting) -> StepFailure {
    failure(
      "StepInDoubt", .wait,
      "has a pod, \(pod.name), that vanished from node \(pod.node ?? "unknown") without its end"
        + " being seen, so it may still be running. No other attempt begins before the node is"
        + " gone or was started anew, or somebody made sure that the pod is dead and runs"
        + " `windlass confirm-dead \(pod.name)`.")
  }

  /// An earlier attempt's pod has not ended.
  func awaiting(_ pod: PodSighting) -> StepFailure {
    failure(
      "StepStillRunning", .retry,
      "waits for the pod \(pod.name) of an earlier attempt on node \(pod.node ?? "unknown"), which"
        + " has not ended. Look at that node if this stays.")
  }

  /// The service's own migrate command may be running, which no fence stops.
  func yielding(to pod: PodSighting) -> StepFailure {
    failure(
      "StepStillRunning", .wait,
      "waits for the pod \(pod.name), in which the service's own migrate command runs on node"
        + " \(pod.node ?? "unknown"): no fence stops that. It goes on when the pod has ended.")
  }

  /// A pod was told to end long ago, and nobody says that it has.
  func lingering(_ pod: PodSighting) -> StepFailure {
    failure(
      "StepStillRunning", .wait,
      "has a pod, \(pod.name), that was told to end long ago, and node \(pod.node ?? "unknown")"
        + " does not say that it has. Look at that node: no other attempt begins before it is"
        + " back, or is removed from the cluster.")
  }

  /// The program ended without a word.
  func crashed(_ end: ContainerEnd?) -> StepFailure {
    if end?.exitCode == 2 {
      return failure(
        "StepNotUnderstood", .stop,
        "was not understood by the program in its image (exit code 2). Let steps run the daemon's"
          + " own version, then `windlass resume`.")
    }
    let how =
      end.map { "exit code \($0.exitCode)\($0.reason.isEmpty ? "" : ", \($0.reason)")" }
      ?? "no exit code is known"
    return failure(
      "StepCrashed", .retry,
      "ended without saying what became of it (\(how)). It is tried again; its pod's log says more."
    )
  }

  /// What it wrote can't be what was asked for.
  func foreignMessage(_ found: String) -> StepFailure {
    failure(
      "StepMessageForeign", .stop,
      "wrote a message that is not an answer to it (\(found)). Check that the image of steps is of"
        + " the daemon's version and that nobody changes its Jobs, then `windlass resume`.")
  }

  /// Somebody suspended it.
  var suspended: StepFailure {
    failure(
      "StepSuspended", .wait,
      "was suspended by somebody. Resume it, or delete it to have it made anew.")
  }

  /// The node that a database's file is on does not matter; the step said so itself.
  func said(_ failure: StepFailure) -> StepFailure {
    var said = failure
    if !said.message.contains(job.name) { said.message += " (Job \(place))" }
    return said
  }
}
