package import WindlassCore

/// Why a decision can't be taken as things are.
package enum DecisionObjection {
  /// The reason as the rest of a sentence; nil where there is none.
  package static func of(_ order: DecisionOrder, _ state: ServiceState) -> String? {
    let record = state.record
    if order.choice.wantsVersion, order.version.flatMap({ Version($0) }) == nil {
      return "version is \"\(order.version ?? "")\", which is not a version"
    }
    if let run = order.run, run != record.run?.plan.run.text {
      return "it was meant for \(run), and that run is not open any more"
    }
    switch order.choice {
    case .resume, .quarantine, .release: return nil
    case .rollback: return rollback(order, record)
    case .downgrade: return rollback(order, record) ?? downgrade(order, record)
    case .confirmDead:
      let isKnown = record.instances.contains {
        $0.id.text == order.instance && $0.mayBeAlive
      }
      return isKnown ? nil : "no instance \(order.instance ?? "") is in doubt"
    case .adopt:
      let version = order.version.flatMap { Version($0) }
      return version.flatMap { state.objection(toAdopting: $0) }
    }
  }

  private static func rollback(_ order: DecisionOrder, _ record: ServiceRecord) -> String? {
    guard order.run != nil else {
      return "it names no run: what is turned back must be the run that was looked at"
    }
    guard let run = record.run else { return "no run is open" }
    return run.isCommitted
      ? "the commit point of \(run.plan.run) is passed, and instances are not rolled back after "
        + "it: only a restore of a backup brings the release from before, and it loses what was "
        + "written since" : nil
  }

  private static func downgrade(_ order: DecisionOrder, _ record: ServiceRecord) -> String? {
    guard let run = record.run else { return "no run is open" }
    guard let source = run.plan.source else {
      return "\(run.plan.run) installs the service: there is no release below it"
    }
    return "\(source.version)" == order.version
      ? nil : "\(run.plan.run) can go back to \(source.version) and to nothing else"
  }
}
