import KubernetesFleet
import WindlassCore
import WindlassWire

/// What a service waits for, and what a person can type about it.
struct ServiceWait: Hashable, Sendable {
  /// A CamelCase word.
  var code: String
  /// What it waits for, as the rest of a sentence.
  var text: String
  /// Commands that help, most likely first; empty where nothing has to be done.
  var commands: [String] = []

  /// The wait for machines.
  var body: JSONValue {
    [
      "code": .string(code), "message": .string(text),
      "commands": .array(commands.map { .string($0) }),
    ]
  }
}

extension ServiceOutlook {
  /// What it waits for; nil where nothing is due.
  var wait: ServiceWait? {
    guard isObserved else {
      return ServiceWait(
        code: "NotObserved",
        text: "an operator that follows the namespace \(namespace): none has looked at it yet")
    }
    if let trouble = sighting.trouble {
      return ServiceWait(code: trouble.code, text: trouble.message)
    }
    if let block { return wait(for: block) }
    if waitsForApproval { return approval }
    if isPaused {
      return ServiceWait(
        code: "Paused", text: "somebody to let it go on: it is paused", commands: [words("resume")])
    }
    if let retrying {
      return ServiceWait(
        code: retrying.code, text: "the next attempt, which comes by itself: \(retrying.message)")
    }
    return time
  }

  /// A command about this service.
  func words(_ command: String, _ rest: String = "") -> String {
    "kubectl windlass \(command) \(name)\(rest.isEmpty ? "" : " \(rest)") --namespace \(namespace)"
  }

  private var approval: ServiceWait {
    if let approvedBy {
      return ServiceWait(
        code: "Approved", text: "the operator to take in the approval by \(approvedBy)")
    }
    return ServiceWait(
      code: "ApprovalNeeded", text: "a person's approval of \(run?.plan.run.text ?? "its run")",
      commands: [words("plan"), words("approve")])
  }

  private func wait(for block: Block) -> ServiceWait {
    var commands: [String]
    switch block.code {
    case "InstanceInDoubt": commands = [words("confirm-dead", "INSTANCE")]
    case "NotAdopted": commands = [words("adopt", "VERSION")]
    case "BadConfiguration", "SharedWithAnother":
      commands = ["kubectl edit managedservice \(name) --namespace \(namespace)"]
    // It ends by itself.
    case "ContractPending", "OldFleetUnhealthy", "NoProgress", "NothingRuns", "StartGateClosed":
      commands = []
    default: commands = [words("resume")]
    }
    if let run, !run.isCommitted, run.direction == .forward {
      commands.append(words("rollback"))
    }
    return ServiceWait(code: block.code, text: block.message, commands: commands)
  }

  /// A phase that only lets time pass.
  private var time: ServiceWait? {
    guard let run else { return nil }
    let length: Interval
    switch run.phase {
    case .observe: length = run.plan.rollout.observe
    case .soak: length = run.plan.rollout.soak
    default: return nil
    }
    let end = run.phaseSince + length
    return ServiceWait(
      code: "TimeToPass", text: "\(end.rfc3339), if all goes well until then",
      commands: run.phase == .soak ? [words("rollback")] : [])
  }
}
