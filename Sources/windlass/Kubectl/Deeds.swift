import KubernetesFleet
import WindlassCore

/// Who decides, and why, as it is written into the cluster.
struct Decider {
  var name: String
  var reason: String
  /// When he decided, to bring several decisions into order.
  var time: Timestamp

  /// An order of him.
  func order(
    _ choice: DecisionOrder.Choice, version: String? = nil, instance: String? = nil,
    run: RunID? = nil
  ) -> DecisionOrder {
    DecisionOrder(
      choice: choice, by: name, reason: reason.isEmpty ? nil : reason, version: version,
      instance: instance, run: run?.text, time: time.rfc3339)
  }
}

/// What decisions come to as things are.
extension ServiceOutlook {
  // MARK: - Pause and resume

  /// No run starts any more.
  func pausing() -> Deed {
    var deed = Deed(title: "pause of \(key)", run: runSentence, writing: .pause)
    deed.effects = ["No run starts before \(words("resume"))"]
    if run != nil { deed.effects.append("The open run stops at its next safe point.") }
    deed.effects += othersOfPause
    if isPauseWanted { deed.writing = .nothing("Nothing is to be done: \(key) is paused already.") }
    return deed
  }

  /// Whatever stands goes on.
  func resuming(_ decider: Decider) -> Deed {
    var deed = Deed(title: "resume of \(key)", run: runSentence, writing: .pause)
    let stop = block ?? retrying
    if isPauseWanted {
      deed.effects = ["Runs start and go on again."] + othersOfPause
    }
    if let stop {
      deed.effects.append("It is tried again what stands for \(stop)")
      if let effect = effectOfResume(stop) { deed.effects.append(effect) }
    }
    let order = stop == nil ? nil : decider.order(.resume, run: run?.plan.run)
    deed.writing =
      isPauseWanted || order != nil
      ? .resume(unpauses: isPauseWanted, order)
      : .nothing("Nothing is to be done: \(key) is not paused, and nothing holds it up.")
    return deed
  }

  private func effectOfResume(_ stop: Block) -> String? {
    switch stop.code {
    case "WorkloadEdited", "WorkloadPaused":
      "What somebody else changed at the workload is let stand, unless it is another image."
    case "Yanked", "Quarantined":
      run?.isCommitted == true ? "The run is finished although its release was withdrawn." : nil
    default: nil
    }
  }

  /// Who else writes the field, and would put it back.
  private var othersOfPause: [String] {
    let others = sighting.writersOfPause(besides: ReachedCluster.manager)
    guard !others.isEmpty else { return [] }
    return [
      "spec.policy.paused is also written by \(others.joined(separator: ", ")), which may put it "
        + "back: change it there as well."
    ]
  }

  // MARK: - The open run

  /// The run that waits for it may go on.
  func approving(by name: String) throws(CommandFailure) -> Deed {
    try checkReadable("approval")
    guard let run else {
      throw refusal("approval", "no run is open. Look at \(words("plan"))")
    }
    if let approvedBy {
      return Deed(
        title: "approval of \(key)", run: runSentence,
        writing: .nothing("Nothing is to be done: it was approved by \(approvedBy)."))
    }
    guard waitsForApproval else {
      throw refusal(
        "approval",
        record.policy.needsApproval
          ? "\(run.plan.run) is in phase \(run.phase.rawValue) and does not wait for one now; what "
            + "is approved is what the proof has shown. Look at \(words("status"))"
          : "spec.policy.approval is never, so that no run waits for one")
    }
    let plan = run.plan
    var deed = Deed(
      title: "approval of \(key)", run: runSentence, writing: .approve(plan.run, by: name))
    deed.effects = ["The run goes on: it \(PlanBody.sentence(plan))."]
    if let verdict = run.verdict {
      let proof = verdict.evidence.first.map { ": \($0)" } ?? ""
      deed.effects.append("The proof of \(plan.target.version) says \(verdict.judgement)\(proof)")
    }
    return deed
  }

  /// The open run turns around.
  func rollingBack(_ decider: Decider) throws(CommandFailure) -> Deed {
    try checkReadable("rollback")
    let order = decider.order(.rollback, run: run?.plan.run)
    guard let run else { throw refusal("rollback", "no run is open. Look at \(words("history"))") }
    try check(order, "rollback")
    if run.direction == .rollback {
      return Deed(
        title: "rollback of \(key)", run: runSentence,
        writing: .nothing("Nothing is to be done: \(run.plan.run) is being rolled back already."))
    }
    let plan = run.plan
    var deed = Deed(
      title: "rollback of \(key)", run: runSentence, isGrave: true, writing: .order(order))
    let hasMigrated = !run.applied.isEmpty || run.begun != nil
    let hasStarted = record.instances.contains { $0.release == plan.target.version }
    if let source = plan.source, hasMigrated || hasStarted {
      deed.effects = [
        "Instances go back to \(source.version); the database stays as it is, because both "
          + "releases work on it."
      ]
    } else {
      deed.effects = ["The run ends, as far as it has changed nothing yet."]
    }
    deed.effects.append(barred(plan.target.version))
    return deed
  }

  private func barred(_ version: Version) -> String {
    "\(version) is quarantined: it is not tried again before \(words("release", "\(version)"))"
  }

  // MARK: - Releases

  /// A release is not tried any more.
  func quarantining(_ version: Version, _ decider: Decider) throws(CommandFailure) -> Deed {
    let title = "quarantine of \(version) for \(key)"
    if (status.quarantined ?? []).contains(where: { $0.version == "\(version)" }) {
      return Deed(
        title: title, writing: .nothing("Nothing is to be done: \(version) is quarantined already.")
      )
    }
    let order = decider.order(.quarantine, version: "\(version)")
    try check(order, "quarantine")
    var deed = Deed(title: title, effects: [barred(version)], writing: .order(order))
    guard let run, run.plan.target.version == version, run.direction == .forward else {
      return deed
    }
    deed.run = runSentence
    deed.isGrave = true
    deed.effects.append(
      run.isCommitted
        ? "The commit point of the open run is passed: it stands still before it changes the "
          + "schema once more, until \(words("resume"))"
        : "The open run turns back.")
    return deed
  }

  /// A release may be tried again.
  func releasing(_ version: Version, _ decider: Decider) throws(CommandFailure) -> Deed {
    let listed = (status.quarantined ?? []).map(\.version)
    let isListed = listed.contains("\(version)")
    guard isListed || record.quarantine.contains(where: { $0.version == version }) else {
      throw refusal(
        "release",
        "\(version) is not quarantined; "
          + (listed.isEmpty ? "nothing is" : "it has \(listed.joined(separator: ", "))"))
    }
    let order = decider.order(.release, version: "\(version)")
    try check(order, "release")
    return Deed(
      title: "release of \(version) for \(key)",
      effects: ["\(version) may be tried again, and a run to it may start at once."],
      writing: .order(order))
  }

  /// A release counts as deployed.
  func adopting(_ version: Version, _ decider: Decider) throws(CommandFailure) -> Deed {
    try checkReadable("adoption")
    if let run { throw refusal("adoption", "\(run.plan.run) is open") }
    let order = decider.order(.adopt, version: "\(version)")
    var deed = Deed(
      title: "adoption of \(version) for \(key)", isGrave: true, writing: .order(order))
    let before = record.deployed.map { ", instead of \($0.version)" } ?? ""
    deed.effects = [
      "\(version) counts as deployed\(before), and the next run begins from it: say so only if it "
        + "is what every instance runs.",
      "The operator takes it only if the manifest has \(version) and the schema is in its window.",
    ]
    return deed
  }

  // MARK: - Instances

  /// A person's word that an instance is gone.
  func burying(_ instance: String, _ decider: Decider) throws(CommandFailure) -> Deed {
    try checkReadable("confirmation")
    let order = decider.order(.confirmDead, instance: instance)
    if let objection = DecisionObjection.of(order, ServiceState(record: record)) {
      let known = record.instances.filter(\.mayBeAlive).map(\.id.text)
      throw refusal(
        "confirmation",
        objection + "; those that may be alive are "
          + (known.isEmpty ? "none" : known.joined(separator: ", ")))
    }
    let release =
      record.instances.first { $0.id.text == instance }.map { " of \($0.release)" } ?? ""
    return Deed(
      title: "confirmation that \(instance) of \(key) is dead", run: runSentence,
      effects: [
        "\(instance)\(release) counts as gone, unless the operator just saw it live. What waits on "
          + "it goes on, up to changes of the schema that it can't work with: say so only of one "
          + "that can't come back."
      ], isGrave: true, writing: .order(order))
  }

  // MARK: - What speaks against it

  /// Refuses what the operator would refuse, before it is written.
  private func check(_ order: DecisionOrder, _ noun: String) throws(CommandFailure) {
    try checkReadable(noun)
    guard let objection = DecisionObjection.of(order, ServiceState(record: record)) else { return }
    throw refusal(noun, objection)
  }

  /// Refuses to decide on what nobody knows.
  private func checkReadable(_ noun: String) throws(CommandFailure) {
    if let trouble = sighting.trouble { throw refusal(noun, trouble.message) }
    guard isObserved else {
      throw refusal(
        noun,
        "no operator has looked at \(key) yet. See that windlass operator runs and follows the "
          + "namespace \(namespace)")
    }
  }

  private func refusal(_ noun: String, _ reason: String) -> CommandFailure {
    CommandFailure(
      .failed, "Refused",
      "Nothing was written, as the \(noun) of \(key) would not be followed: \(reason)"
        + (reason.hasSuffix(".") ? "" : "."))
  }
}
