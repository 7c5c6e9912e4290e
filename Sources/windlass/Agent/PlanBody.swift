import WindlassCore
import WindlassWire

/// What `windlass plan` shows: what would happen next, and why.
enum PlanBody {
  /// A verdict on what comes next, with the exit status and a sentence for a person.
  struct Answer {
    var status: ExitStatus
    var message: String
    var body: JSONValue
  }

  /// The open run's plan, or the one that would be opened now.
  static func answer(_ state: ServiceState, now: Timestamp) -> Answer {
    let service = state.record.policy.service
    if let run = state.record.run {
      return Answer(
        status: .pending,
        message: "run \(run.plan.run) is in phase \(run.phase.rawValue)",
        body: body(run.plan, action: "running", reason: run.block?.message))
    }
    guard let offer = state.watch.offer, let ledger = state.watch.ledger else {
      return Answer(
        status: .unknown,
        message: "no verified manifest of \(service) and its ledger were read yet",
        body: ["action": "wait"])
    }
    switch resolve(state.record, offer, ledger, now: now) {
    case .upToDate:
      return Answer(
        status: .done, message: "\(service) is up to date", body: ["action": "none"])
    case .wait(let until):
      let due = until.map { " before \($0.milliseconds) ms since 1970" } ?? ""
      return Answer(
        status: .pending, message: "no run of \(service) starts\(due)", body: ["action": "wait"])
    case .blocked(let block):
      return Answer(
        status: block.code == "DirtyLedger" ? .dirty : .failed, message: block.description,
        body: ["action": "blocked", "code": .string(block.code), "reason": .string(block.message)])
    case .open(let plan):
      return Answer(
        status: .pending, message: sentence(plan), body: body(plan, action: "open", reason: nil))
    }
  }

  /// What a run of the plan would do, as one sentence without its full stop.
  static func sentence(_ plan: Plan) -> String {
    let source = plan.source.map { "from \($0.version) " } ?? ""
    let expand = plan.expansion.map(\.version.description).joined(separator: ", ")
    let contract = plan.contraction.map(\.version.description).joined(separator: ", ")
    var text = "would \(plan.kind.rawValue) \(plan.service) \(source)to \(plan.target.version)"
    if !expand.isEmpty { text += "; before the roll: migrations \(expand)" }
    let backfills = plan.backfills.joined(separator: ", ")
    if !backfills.isEmpty { text += ", of which \(backfills) moves rows" }
    if !contract.isEmpty { text += "; after the last old instance: migrations \(contract)" }
    return text
  }

  /// The plan for machines, and what is being done about it.
  static func body(_ plan: Plan, action: String, reason: String?) -> JSONValue {
    [
      "action": .string(action),
      "run": .string(plan.run.text),
      "kind": .string(plan.kind.rawValue),
      "from": plan.source.map { .string($0.version.description) } ?? .null,
      "to": .string(plan.target.version.description),
      "schemaBefore": plan.schemaBefore.map { .string($0.description) } ?? .null,
      "expand": .array(plan.expansion.map { .string($0.version.description) }),
      "backfill": .array(plan.backfills.map { .string($0) }),
      "contract": .array(plan.contraction.map { .string($0.version.description) }),
      "replicas": .integer(Int64(plan.rollout.replicas)),
      "reason": reason.map { .string($0) } ?? .null,
    ]
  }
}

extension Plan {
  /// The migrations before the roll that move rows.
  fileprivate var backfills: [String] {
    expansion.filter { $0.phase == .backfill }.map(\.version.description)
  }
}
