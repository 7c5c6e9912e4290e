/// What a service at rest should do about an offer.
public enum Resolution: Hashable, Sendable {
  case upToDate
  /// Something has to happen first; look again then.
  case wait(until: Timestamp?)
  case blocked(Block)
  case open(Plan)
}

/// Chooses the next hop: pure, and the same for `windlass plan` as for the daemon.
public func resolve(
  _ record: ServiceRecord, _ offer: Offer, _ ledger: LedgerReading, now: Timestamp
) -> Resolution {
  Resolver(record: record, offer: offer, ledger: ledger, now: now).resolve()
}

struct Resolver {
  let record: ServiceRecord
  let offer: Offer
  let ledger: LedgerReading
  let now: Timestamp

  func resolve() -> Resolution {
    if ledger.isDirty {
      return .blocked(
        Block(
          code: "DirtyLedger",
          message: "the ledger of \(record.policy.service) is dirty at "
            + "\(ledger.version?.description ?? "nothing applied"): a migration was begun and "
            + "not finished. Find out how far it came, mend it by hand, and clear the mark"))
    }
    guard let source = record.deployed else { return install() }
    let known = offer.releases.first { $0.version == source.version } ?? source
    let window = known.build == source.build ? known.window : source.window
    guard window.contains(ledger.version) else {
      return .blocked(
        Block(
          code: "SchemaOutsideWindow",
          message: "\(source.version) works with schema \(window), and the ledger is at "
            + "\(ledger.version?.description ?? "nothing applied"): somebody changed the schema"))
    }
    var current = source
    current.window = window
    return hop(from: current)
  }

  /// The first hop of the best path; where its migrations stand in the way, of the next best.
  private func hop(from source: Release) -> Resolution {
    // A path steps only on releases that may be deployed, be it for a moment.
    let graph = ReleaseGraph(offer.releases) { !isAllowed($0) || !isWanted($0) }
    var avoided: Set<Version> = []
    var obstacle: Block?
    while let hop = graph.path(from: source.version, avoiding: avoided)?.first {
      if let until = hold() { return .wait(until: until) }
      let resolution = plan(.upgrade, from: source, to: hop)
      guard case .blocked(let block) = resolution else { return resolution }
      // What an instance alone stands in the way of, its end opens; the rest is the publisher's.
      if obstacle == nil || block.isLeftOver && obstacle?.isLeftOver == false { obstacle = block }
      avoided.insert(hop.version)
    }
    return obstacle.map { .blocked($0) } ?? unreached(from: source.version)
  }

  private func install() -> Resolution {
    let ownVersions = Set(ledger.applied.map(\.version))
    if let instance = record.instances.first(where: \.mayBeAlive) {
      return .blocked(foreign(instance))
    }
    // A workload is somebody else's before it is Windlass's, and so is what it began with.
    let isTaken = ledger.version.map { !ownVersions.contains($0) } ?? false
    if isTaken || record.policy.workload != nil {
      let version = ledger.version?.description ?? "nothing applied"
      return .blocked(
        Block(
          code: "NotAdopted",
          message: "the database of \(record.policy.service) is at schema \(version) and nothing "
            + "says which release is deployed: `windlass adopt --version V`"))
    }
    if ledger.version == nil, ledger.hasTables {
      return .blocked(
        Block(
          code: "TablesWithoutLedger",
          message: "the database of \(record.policy.service) holds tables and no ledger row, so "
            + "nobody can tell its schema version: point Windlass at an empty database, or write "
            + "the ledger row that belongs to it"))
    }
    let candidates = offer.releases.filter { isAllowed($0) && isWanted($0) }
    guard let target = candidates.max(by: { $0.version < $1.version }) else {
      return younger(than: nil)
    }
    if let until = hold() { return .wait(until: until) }
    return plan(.install, from: nil, to: target)
  }

  /// An instance lives, and nothing is deployed.
  private func foreign(_ instance: InstanceRecord) -> Block {
    guard !record.pastRuns.isEmpty else {
      return Block(
        code: "NotAdopted",
        message: "instance \(instance.id) runs, and the instances do not agree on a version that "
          + "the manifest knows: `windlass adopt --version V`")
    }
    return leftOver(instance)
  }

  func leftOver(_ instance: InstanceRecord) -> Block {
    Block(
      code: "InstanceInDoubt",
      message: "instance \(instance.id) of \(instance.release) may still be alive: wait for its "
        + "end, or make sure that it is gone, then `windlass confirm-dead \(instance.id)`")
  }

  // MARK: Releases

  /// Whether a path may step on the release at all.
  private func isAllowed(_ release: Release) -> Bool {
    release.yank == nil && !record.quarantine.contains { $0.bars(release) }
  }

  /// Whether the release is one that this service may run now.
  private func isWanted(_ release: Release) -> Bool {
    isChosen(release) && isOldEnough(release)
  }

  private func isChosen(_ release: Release) -> Bool {
    release.channel == record.policy.channel && record.policy.versions.contains(release.version)
  }

  private func isOldEnough(_ release: Release) -> Bool {
    release.published + record.policy.minimumAge <= now
  }

  /// Why no path leads up: every release is known, too young, or out of reach.
  private func unreached(from version: Version) -> Resolution {
    let above = offer.releases.filter { version < $0.version && isAllowed($0) && isWanted($0) }
    if let highest = above.max(by: { $0.version < $1.version }), younger(than: version) == .upToDate
    {
      return .blocked(
        Block(
          code: "NoPath",
          message: "no path leads from \(version) to \(highest.version): `upgradeFrom`, required "
            + "stops, withdrawn and quarantined releases leave none. Publish a release between, "
            + "or let a quarantined one be tried again"))
    }
    return younger(than: version)
  }

  /// Waits for the next release that is only too young.
  private func younger(than version: Version?) -> Resolution {
    let due = offer.releases
      .filter { release in
        isAllowed(release) && isChosen(release) && !isOldEnough(release)
          && version.map { $0 < release.version } ?? true
      }
      .map { $0.published + record.policy.minimumAge }.min()
    return due.map { .wait(until: $0) } ?? .upToDate
  }

  /// Until when no run may start; nil when one may.
  private func hold() -> Timestamp? {
    if offer.expires <= now { return now + Bounds.fleetIdleInterval }
    if let until = record.refusedUntil, now < until { return until }
    return nil
  }
}
