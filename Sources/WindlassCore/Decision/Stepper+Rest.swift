extension Stepper {
  /// Looks after a service without an open run, and opens the next one when there is one to open.
  mutating func rest() -> Move {
    let idle = now + Bounds.fleetIdleInterval
    if let retry = record.retry, now < retry.at { return .wait(until: retry.at) }
    guard freshFleet(age: Bounds.fleetIdleInterval) != nil else { return .read(.observe) }
    guard let ledger = watch.ledger else { return .read(.inspect) }
    if record.block != nil, !isStale(record.block, ledger) { return .wait(until: idle) }
    if let deployed = record.deployed, !record.isPaused {
      if let move = maintain(deployed, record.policy.rollout) { return move }
    }
    if let move = forgetDead(keeping: nil) { return move }
    guard !record.isPaused else { return .wait(until: idle) }
    switch nextRun(ledger) {
    case .upToDate: return .wait(until: idle)
    case .wait(let until): return .wait(until: until.map { min($0, idle) } ?? idle)
    case .blocked(let block):
      if record.block != block { record.block = block }
      return .wait(until: idle)
    case .open(let plan):
      // A plan rests on a ledger read after everything that Windlass did.
      guard freshLedger() != nil, now - ledger.asOf < Bounds.fleetIdleInterval else {
        return .read(.inspect)
      }
      record.runCount += 1
      record.block = nil
      record.run = Run(plan: plan, openedAt: now)
      return .again
    }
  }

  /// Whether a block at rest is to be looked at again: those that `nextRun` makes are.
  private func isStale(_ block: Block?, _ ledger: LedgerReading) -> Bool {
    guard let block else { return true }
    return Resolution.codes.contains(block.code)
  }

  private func nextRun(_ ledger: LedgerReading) -> Resolution {
    guard let offer = watch.offer else { return .upToDate }
    return resolve(record, offer, ledger, now: now)
  }
}

/// What a service at rest should do about an offer.
public enum Resolution: Hashable, Sendable {
  case upToDate
  /// Something has to happen first; look again then.
  case wait(until: Timestamp?)
  case blocked(Block)
  case open(Plan)

  /// The codes of the blocks that are found anew at every look.
  static let codes: Set<String> = [
    "TablesWithoutLedger", "NotAdopted", "DirtyLedger", "SchemaOutsideWindow",
    "ContractInTheWay", "WindowMismatch", "UnknownSurplus", "NoPath",
  ]
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
    let graph = ReleaseGraph(offer.releases) { !isAllowed($0) }
    guard let hop = graph.path(from: source.version, where: isWanted)?.first else {
      return younger(than: source.version)
    }
    if let until = hold() { return .wait(until: until) }
    return plan(.upgrade, from: source, window: window, to: hop)
  }

  private func install() -> Resolution {
    let ownVersions = Set(ledger.applied.map(\.version))
    if let version = ledger.version, !ownVersions.contains(version) {
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
    if record.instances.contains(where: \.mayBeAlive) { return .wait(until: nil) }
    let candidates = offer.releases.filter { isAllowed($0) && isWanted($0) }
    guard let target = candidates.max(by: { $0.version < $1.version }) else {
      return younger(than: nil)
    }
    if let until = hold() { return .wait(until: until) }
    return plan(.install, from: nil, window: nil, to: target)
  }

  /// Whether a path may step on the release.
  private func isAllowed(_ release: Release) -> Bool {
    release.yank == nil
      && !record.quarantine.contains {
        $0.version == release.version && ($0.build == release.build || $0.build.isEmpty)
      }
  }

  /// Whether the release may be the end of a path.
  private func isWanted(_ release: Release) -> Bool {
    isChosen(release) && isOldEnough(release)
  }

  private func isChosen(_ release: Release) -> Bool {
    release.channel == record.policy.channel && record.policy.versions.contains(release.version)
  }

  private func isOldEnough(_ release: Release) -> Bool {
    release.published + record.policy.minimumAge <= now
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

  /// Pins the plan of one hop, if its migrations can be run without downtime.
  private func plan(
    _ kind: RunKind, from source: Release?, window: SchemaWindow?, to target: Release
  ) -> Resolution {
    let all = offer.releases.filter { $0.version <= target.version }
      .sorted { $0.version < $1.version }.flatMap(\.migrations)
    let pending = all.filter { migration in ledger.version.map { $0 < migration.version } ?? true }
    if let block = obstacle(kind, all, pending, window, target) { return .blocked(block) }
    return .open(
      Plan(
        service: record.policy.service,
        run: RunID("\(record.policy.service)-r\(record.runCount + 1)"), kind: kind,
        source: source, target: target, migrations: pending, schemaBefore: ledger.version,
        rollout: record.policy.rollout, manifest: offer.manifest))
  }

  private func obstacle(
    _ kind: RunKind, _ all: [Migration], _ pending: [Migration], _ window: SchemaWindow?,
    _ target: Release
  ) -> Block? {
    if kind == .install { return finalObstacle(pending.last?.version ?? ledger.version, target) }
    if let last = all.last?.version, let current = ledger.version, current > last {
      let surplus = ledger.applied.filter { $0.version > last }
      guard target.window.contains(current), surplus.contains(where: { $0.version == current })
      else {
        return Block(
          code: "UnknownSurplus",
          message: "the ledger is at \(current), above everything that \(target.version) brings "
            + "(\(last)), and Windlass's own history does not hold the surplus: check who migrated")
      }
    }
    let lastExpand = pending.last { $0.phase != .contract }?.version
    if let lastExpand,
      let early = pending.first(where: { $0.phase == .contract && $0.version < lastExpand })
    {
      return Block(
        code: "ContractInTheWay",
        message: "migration \(early.version) is a contract migration that is still pending below "
          + "migration \(lastExpand) of \(target.version): complete it through its own release "
          + "first (mark that release `requiredStop`)")
    }
    let expanded = lastExpand ?? ledger.version
    if let window, !window.contains(expanded) {
      return mismatch(expanded, window, record.deployed?.version ?? target.version)
    }
    guard target.window.contains(expanded) else {
      return mismatch(expanded, target.window, target.version)
    }
    return finalObstacle(pending.last?.version ?? ledger.version, target)
  }

  private func finalObstacle(_ version: SchemaVersion?, _ target: Release) -> Block? {
    target.window.contains(version) ? nil : mismatch(version, target.window, target.version)
  }

  private func mismatch(_ version: SchemaVersion?, _ window: SchemaWindow, _ release: Version)
    -> Block
  {
    Block(
      code: "WindowMismatch",
      message: "after the migrations before the roll the schema is at "
        + "\(version?.description ?? "nothing applied"), and \(release) works with \(window) only: "
        + "no upgrade without downtime is possible with this manifest")
  }
}
