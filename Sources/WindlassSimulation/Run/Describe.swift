import WindlassCore

extension Simulation {
  /// One line for an effect.
  func describe(_ effect: Effect) -> String {
    switch effect {
    case .inspect: "inspect"
    case .observe: "observe"
    case .readBack(let id, _): "read back \(id)"
    case .perform(let id, let action): "\(id) \(detail(action))"
    }
  }

  private func detail(_ action: Action) -> String {
    switch action {
    case .apply(let order, let backup):
      "migration \(order.migration.version) after \(order.after?.description ?? "nothing") under "
        + "\(order.epoch), backup \(backup?.text ?? "none")"
    case .start(let order, let gate): "\(order.id) of \(order.release.version) in \(gate.window)"
    case .stop(let id), .probe(let id), .forget(let id): "\(id)"
    case .backUp(let id, _), .verify(let id), .rehearse(let id): "\(id)"
    case .order(let order, _):
      "\(order.release.version), removing \(order.removing), \(order.aim), \(order.token)"
    case .probeWave(let wave): "\(wave)"
    case .takeFence(let epoch): "after \(epoch?.description ?? "none")"
    case .recordCommitPoint, .preflight, .prepare, .prune: ""
    }
  }

  /// One line for a plan.
  func describe(_ plan: Plan) -> String {
    let migrations = plan.migrations.map { "\($0.version)\($0.phase.rawValue.prefix(1))" }
    return "\(plan.kind.rawValue) \(plan.source?.version.description ?? "-") to "
      + "\(plan.target.version) [\(migrations.joined(separator: " "))] from schema "
      + "\(plan.schemaBefore?.description ?? "nothing")"
  }

  /// One line for a manifest.
  func describe(_ offer: Offer) -> String {
    offer.releases.map { release in
      let migrations = release.migrations.map { "\($0.version)\($0.phase.rawValue.prefix(1))" }
      let yank = release.yank == nil ? "" : " yanked"
      return "\(release.version) \(release.window) [\(migrations.joined(separator: " "))]\(yank)"
    }.joined(separator: ", ")
  }

  /// Writes down what the core is told, where there is more to it than a reading.
  func tell(_ observation: Observation) {
    if let report = observation.report { tell("<- \(describe(report))") }
    if let offer = observation.offer { tell("<- manifest \(offer.serial)") }
    for decision in observation.decisions { tell("<- \(decision.choice)") }
    if let ledger = observation.ledger {
      tell(
        "<- ledger \(ledger.version?.description ?? "nothing")\(ledger.isDirty ? " dirty" : ""), "
          + "epoch \(ledger.epoch?.description ?? "none")")
    }
    if let workload = observation.workload { tell(describe(workload)) }
    guard let fleet = observation.fleet else { return }
    let instances = fleet.instances.map { instance in
      "\(instance.id)=\(instance.release) \(instance.life)\(instance.isDraining ? " draining" : "")"
        + "\(instance.isReady ? " ready" : "")"
    }
    tell("<- fleet of \((fleet.asOf - Scenario.dawn).milliseconds): \(instances)")
  }

  private func describe(_ workload: WorkloadReading) -> String {
    let instances = workload.instances.map { instance in
      let version = scenario.releases.first { $0.release.imageDigest == instance.build }
      return "\(instance.id)=\(version?.release.version.description ?? "?") \(instance.life)"
        + "\(instance.isLeaving ? " leaving" : "")\(instance.isReady ? " ready" : "")"
        + "\(instance.restarts > 0 ? " restarted" : "")\(instance.hasStarted ? "" : " waiting")"
    }
    let template = workload.template
    let says = scenario.releases.first { $0.release.imageDigest == template.build }
    return "<- workload of \((workload.asOf - Scenario.dawn).milliseconds): "
      + "\(says?.release.version.description ?? "?") by \(template.mark?.id.text ?? "nobody")"
      + "\(template.editor == nil ? "" : " edited")\(workload.hold == nil ? "" : " held")"
      + "\(workload.isTakenIn ? "" : " not taken in"), \(workload.desired) wanted: \(instances)"
  }

  private func describe(_ report: Report) -> String {
    switch report {
    case .finished(let id, _): "\(id) finished"
    case .failed(let id, let failure): "\(id) failed: \(failure.code) \(failure.disposition)"
    case .neverHappened(let id): "\(id) never happened"
    case .lost(let id): "\(id) lost"
    case .unreadable(let failure): "unreadable: \(failure.code)"
    }
  }
}
