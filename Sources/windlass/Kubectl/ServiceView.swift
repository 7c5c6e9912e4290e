import KubernetesFleet
import WindlassCore
import WindlassWire

/// What `kubectl windlass status` shows of services.
enum ServiceView {
  /// The last answers to decisions that are shown.
  private static let answersShown = 5

  // MARK: - For machines

  /// One service as a JSON object, with the words of `windlass status --json` where they are the
  /// same.
  static func body(_ outlook: ServiceOutlook) -> JSONValue {
    let (status, record) = (outlook.status, outlook.record)
    return [
      "service": .string(outlook.name), "namespace": .string(outlook.namespace),
      "phase": .string(outlook.standing.text),
      "run": text(outlook.plan?.run.text),
      "direction": text(outlook.run?.direction.rawValue),
      "deployedVersion": text(
        status.deployedVersion ?? record.deployed.map { "\($0.version)" }),
      "targetVersion": text(outlook.plan.map { "\($0.target.version)" }),
      "schemaVersion": text(status.schemaVersion.map { "\($0)" }),
      "paused": .bool(outlook.isPaused),
      "blockedReason": text(outlook.block?.description),
      "retrying": text(outlook.retrying?.description),
      "progress": text(outlook.progress),
      "waitsFor": outlook.wait?.body ?? .null,
      "conditions": .array((status.conditions ?? []).map(condition)),
      "instances": .array(record.instances.filter(\.mayBeAlive).map(instance)),
      "steps": .array(outlook.phase.map { StatusBody.steps(at: $0) } ?? []),
      "quarantined": .array((status.quarantined ?? []).map(quarantine)),
      "decisions": .array(decisions(outlook)),
      "lastRuns": .array(record.pastRuns.reversed().map(StatusBody.run)),
    ]
  }

  private static func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }

  private static func condition(_ condition: ConditionStatus) -> JSONValue {
    [
      "type": .string(condition.type), "status": .string(condition.status.rawValue),
      "reason": .string(condition.reason), "message": .string(condition.message),
      "lastTransitionTime": .string(condition.lastTransitionTime),
    ]
  }

  private static func instance(_ instance: InstanceRecord) -> JSONValue {
    let state =
      instance.isMissing == true
      ? "in doubt" : instance.stoppedAt != nil ? "ending" : instance.wasGood ? "good" : "new"
    return [
      "id": .string(instance.id.text), "release": .string("\(instance.release)"),
      "state": .string(state), "machine": text(instance.place?.machine),
    ]
  }

  private static func quarantine(_ entry: QuarantineStatus) -> JSONValue {
    ["version": .string(entry.version), "reason": .string(entry.reason)]
  }

  /// The decisions that wait for an answer, and the last that have one.
  private static func decisions(_ outlook: ServiceOutlook) -> [JSONValue] {
    let waiting = outlook.sighting.waiting.map { id, order -> JSONValue in
      [
        "id": .string(id), "choice": text(order?.choice.rawValue), "by": text(order?.by),
        "outcome": "Waiting", "message": "", "time": text(order?.time),
      ]
    }
    let told = (outlook.status.decisions ?? []).suffix(answersShown).reversed()
    return waiting
      + told.map { answer in
        [
          "id": .string(answer.id), "choice": .string(answer.choice), "by": .string(answer.by),
          "outcome": .string(answer.outcome.rawValue), "message": .string(answer.message),
          "time": .string(answer.time),
        ]
      }
  }

  // MARK: - For people

  /// Shows one service.
  static func show(_ outlook: ServiceOutlook, _ output: Output) {
    let body = body(outlook)
    output.object(body)
    StatusView.headline(body, output)
    StatusView.steps(body, output)
    if let progress = outlook.progress { output.line("  ", .strong("progress: "), Span(progress)) }
    if let retrying = outlook.retrying, outlook.wait?.code != retrying.code {
      output.line("  ", .warning("retrying: "), Span(retrying.description))
    }
    if let wait = outlook.wait {
      let isBad = outlook.standing == .blocked || outlook.sighting.trouble != nil
      output.line(
        "  ", isBad ? .bad("waits for: ") : .strong("waits for: "),
        Span(isBad ? "\(wait.code): \(wait.text)" : wait.text))
      for command in wait.commands { output.line("    ", .faint(command)) }
    }
    StatusView.section("conditions", StatusView.conditions(body), output)
    StatusView.section("instances", instances(body), output)
    StatusView.section("quarantined", quarantined(body), output)
    StatusView.section("decisions", decisions(body), output)
    StatusView.section("last runs", HistoryView.rows(body["lastRuns"]?.array ?? []), output)
  }

  private static func instances(_ body: JSONValue) -> StatusView.Table {
    let rows = (body["instances"]?.array ?? []).map { instance -> [Span] in
      let state = instance["state"]?.string ?? "?"
      return [
        Span(instance["id"]?.string ?? "?"), Span(instance["release"]?.string ?? "?"),
        state == "good" ? .good(state) : .warning(state), Span(instance["machine"]?.string ?? ""),
      ]
    }
    return StatusView.Table(header: ["instance", "release", "state", "node"], rows: rows)
  }

  private static func quarantined(_ body: JSONValue) -> StatusView.Table {
    let rows = (body["quarantined"]?.array ?? []).map { entry -> [Span] in
      [.bad(entry["version"]?.string ?? "?"), Span(entry["reason"]?.string ?? "")]
    }
    return StatusView.Table(header: ["version", "reason"], rows: rows)
  }

  private static func decisions(_ body: JSONValue) -> StatusView.Table {
    let rows = (body["decisions"]?.array ?? []).map { decision -> [Span] in
      let outcome = decision["outcome"]?.string ?? "?"
      return [
        Span(decision["id"]?.string ?? "?"), Span(decision["choice"]?.string ?? "?"),
        Span(decision["by"]?.string ?? "?"),
        outcome == "Taken" ? .good(outcome) : outcome == "Refused" ? .bad(outcome) : Span(outcome),
        Span(decision["time"]?.string ?? ""), Span(decision["message"]?.string ?? ""),
      ]
    }
    return StatusView.Table(
      header: ["decision", "choice", "by", "outcome", "time", "message"], rows: rows)
  }

  // MARK: - All services

  /// Shows services a line each.
  static func table(_ outlooks: [ServiceOutlook], isEverywhere: Bool, _ output: Output) {
    for outlook in outlooks { output.object(body(outlook)) }
    guard !outlooks.isEmpty else { return }
    let place = isEverywhere ? ["namespace"] : []
    let rows = outlooks.map { outlook -> [Span] in
      let (status, standing) = (outlook.status, outlook.standing)
      let ready = outlook.condition("Ready")?.status ?? .unknown
      let tone: Span =
        switch standing {
        case .idle: .good(standing.text)
        case .blocked, .unobserved: .bad(standing.text)
        case .running, .paused, .waiting: .warning(standing.text)
        }
      let cells: [Span] = [
        Span(outlook.name), tone,
        Span(status.deployedVersion ?? outlook.record.deployed.map { "\($0.version)" } ?? "-"),
        Span(outlook.plan.map { "\($0.target.version)" } ?? "-"),
        Span(status.schemaVersion.map { "\($0)" } ?? "-"),
        ready == .yes ? .good(ready.rawValue) : .warning(ready.rawValue),
        Span(outlook.plan?.run.text ?? "-"), Span(outlook.wait?.text ?? ""),
      ]
      return (isEverywhere ? [Span(outlook.namespace)] : []) + cells
    }
    output.table(
      header: place + [
        "name", "phase", "deployed", "target", "schema", "ready", "run", "waits for",
      ], rows: rows)
  }
}
