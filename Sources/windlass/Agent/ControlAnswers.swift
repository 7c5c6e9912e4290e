import WindlassCore
import WindlassEngine
import WindlassWire

/// Answers what people ask the daemon over its control socket.
struct ControlAnswers: Sendable {
  let services: [AgentService]
  let clock: any RunClock

  /// Answers one request.
  func answer(_ request: ControlRequest) async -> ControlResponse {
    let chosen: [AgentService]
    if let name = request.service {
      chosen = services.filter { $0.configuration.name == name }
      guard !chosen.isEmpty else {
        let names = services.map(\.configuration.name.text).joined(separator: ", ")
        return refusal(.usage, "this daemon has no service \(name); it has \(names)")
      }
    } else {
      chosen = services
    }
    switch request.command {
    case .status: return status(chosen)
    case .history: return history(chosen)
    case .plan, .notes, .adopt, .approve, .pause, .resume, .rollback, .downgrade, .quarantine,
      .confirmDead:
      guard let service = chosen.first, chosen.count == 1 else {
        return refusal(.usage, "say which service is meant with --service NAME")
      }
      return answer(request, service)
    }
  }

  private func answer(_ request: ControlRequest, _ service: AgentService) -> ControlResponse {
    let state = service.operator.snapshot
    switch request.command {
    case .plan:
      let answer = PlanBody.answer(state, now: clock.now())
      return ControlResponse(status: answer.status, message: answer.message, body: answer.body)
    case .notes: return notes(state)
    case .status, .history: return status([service])
    case .adopt, .approve, .pause, .resume, .rollback, .downgrade, .quarantine, .confirmDead:
      return decide(request, service)
    }
  }

  // MARK: Questions

  private func status(_ services: [AgentService]) -> ControlResponse {
    let now = clock.now()
    let bodies = services.map {
      StatusBody.service($0.operator.snapshot, feed: $0.feed.condition, now: now)
    }
    return ControlResponse(status: .done, message: "", body: ["services": .array(bodies)])
  }

  private func history(_ services: [AgentService]) -> ControlResponse {
    let runs = services.flatMap { service in
      service.operator.snapshot.record.pastRuns.reversed().map { run -> JSONValue in
        guard case .object(let members) = StatusBody.run(run) else { return .null }
        return .object(
          [JSONMember("service", .string(service.configuration.name.text))] + members)
      }
    }
    return ControlResponse(status: .done, message: "", body: ["runs": .array(runs)])
  }

  /// The notes of every release above the deployed one, untrusted text as it is.
  private func notes(_ state: ServiceState) -> ControlResponse {
    let deployed = state.record.deployed?.version
    let releases = (state.watch.offer?.releases ?? [])
      .filter { release in deployed.map { $0 < release.version } ?? true }
      .sorted { $0.version < $1.version }
    let bodies = releases.map { release -> JSONValue in
      [
        "version": .string(release.version.description), "severity": .string(release.severity),
        "notes": .string(release.notes),
        "yanked": release.yank.map { .string("\($0.reason). \($0.remedy)") } ?? .null,
      ]
    }
    return ControlResponse(status: .done, message: "", body: ["releases": .array(bodies)])
  }

  // MARK: Decisions

  private func decide(_ request: ControlRequest, _ service: AgentService) -> ControlResponse {
    let state = service.operator.snapshot
    if let objection = objection(to: request, state) { return refusal(.failed, objection) }
    guard let choice = choice(request, state) else {
      return refusal(.usage, "the request \(request.command.rawValue) names no valid object")
    }
    service.operator.decide(
      Decision(
        choice: choice, by: request.text("by") ?? "user \(request.peer)",
        reason: request.text("reason") ?? ""))
    return ControlResponse(
      status: .done,
      message: "\(request.command.rawValue) of \(service.configuration.name) is noted",
      body: ["noted": .bool(true)])
  }

  private func choice(_ request: ControlRequest, _ state: ServiceState) -> Decision.Choice? {
    let version = request.text("version").flatMap { Version($0) }
    switch request.command {
    case .pause: return .pause
    case .resume: return .resume
    case .rollback, .downgrade: return .rollback
    case .approve:
      return (version ?? state.record.run?.plan.target.version).map { .approve($0) }
    case .adopt: return version.map { .adopt($0) }
    case .quarantine: return version.map { isLifted(request) ? .release($0) : .quarantine($0) }
    case .confirmDead: return request.text("instance").map { .confirmDead(InstanceID($0)) }
    case .plan, .status, .history, .notes: return nil
    }
  }

  /// Whether a quarantine is to be taken back.
  private func isLifted(_ request: ControlRequest) -> Bool {
    request.arguments["lift"] == .bool(true)
  }

  /// Why a decision can't be taken now; nil when it can.
  private func objection(to request: ControlRequest, _ state: ServiceState) -> String? {
    let record = state.record
    switch request.command {
    case .rollback:
      guard let run = record.run else { return "no run of \(record.policy.service) is open" }
      guard run.isCommitted else { return nil }
      return "the commit point of \(run.plan.run) is passed: instances are not rolled back after "
        + "it. `windlass downgrade` says what is still possible"
    case .downgrade: return objection(toDowngrade: request.text("version") ?? "", record)
    case .approve:
      return record.run?.phase == .approve
        ? nil : "no run of \(record.policy.service) waits for an approval"
    case .adopt:
      guard let version = request.text("version").flatMap({ Version($0) }) else {
        return "\(request.text("version") ?? "nothing") is no version"
      }
      return state.objection(toAdopting: version)
    case .confirmDead:
      let isKnown = record.instances.contains {
        $0.id.text == request.text("instance") && $0.mayBeAlive
      }
      return isKnown
        ? nil
        : "no instance \(request.text("instance") ?? "?") of \(record.policy.service) is in doubt"
    case .pause, .resume, .quarantine, .plan, .status, .history, .notes: return nil
    }
  }

  /// Instances go down a release inside the rollback window, and not otherwise (design 2).
  private func objection(toDowngrade version: String, _ record: ServiceRecord) -> String? {
    guard let run = record.run, !run.isCommitted else {
      return
        "the rollback window of \(record.policy.service) is closed: only `windlass restore` of "
        + "a backup brings \(version) back, and it loses what was written since"
    }
    guard let source = run.plan.source else {
      return "\(run.plan.run) installs \(record.policy.service): there is no release below it. "
        + "`windlass rollback` takes the install back"
    }
    return source.version.description == version
      ? nil
      : "the open run \(run.plan.run) can go back to \(source.version), and \(version) is not "
        + "that: name \(source.version), or restore a backup of the time of \(version)"
  }

  private func refusal(_ status: ExitStatus, _ message: String) -> ControlResponse {
    ControlResponse(status: status, message: message, body: .null)
  }
}
