extension ServiceState {
  /// Why a version can't count as deployed on somebody's word; nil when it can.
  ///
  /// The word is not taken where the schema shows that it can't be true, or where Windlass knows
  /// better; of a workload, others may have changed what runs.
  public func objection(toAdopting version: Version) -> String? {
    let service = record.policy.service
    if let run = record.run { return "\(run.plan.run) is open" }
    if let deployed = record.deployed, record.policy.workload == nil {
      return "\(service) is under Windlass already, with \(deployed.version)"
    }
    guard let offer = watch.offer else { return "no manifest of \(service) was verified yet" }
    guard let release = offer.releases.first(where: { $0.version == version }) else {
      return "the manifest does not know \(version); it knows " + Self.list(offer.releases)
    }
    guard let ledger = watch.ledger, !release.window.contains(ledger.version) else { return nil }
    let suitable = offer.releases.filter { $0.window.contains(ledger.version) }
    let schema = ledger.version.map { "at schema \($0)" } ?? "without a schema"
    return "the database of \(service) is \(schema), and \(version) works with \(release.window) "
      + "only: "
      + (suitable.isEmpty
        ? "no release of the manifest works with it"
        : "what may be adopted is " + Self.list(suitable))
  }

  private static func list(_ releases: [Release]) -> String {
    releases.map(\.version.description).joined(separator: ", ")
  }
}
