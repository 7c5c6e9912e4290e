extension Resolver {
  /// Pins the plan of one hop, if its migrations can be run without downtime.
  func plan(_ kind: RunKind, from source: Release?, to target: Release) -> Resolution {
    let all = migrations(upTo: target)
    let pending = all.filter { migration in ledger.version.map { $0 < migration.version } ?? true }
    let block =
      kind == .install
      ? mismatch(pending.last?.version ?? ledger.version, target)
      : obstacle(all, pending, source, target)
    if let block { return .blocked(block) }
    return .open(
      Plan(
        service: record.policy.service,
        run: RunID("\(record.policy.service)-r\(record.runCount + 1)"), kind: kind,
        source: source, target: target, migrations: pending, schemaBefore: ledger.version,
        rollout: record.policy.rollout, manifest: offer.manifest,
        workload: record.policy.workload))
  }

  /// Every migration up to the release, ascending; where two releases hold one, the higher
  /// release's word counts.
  private func migrations(upTo target: Release) -> [Migration] {
    var known: [SchemaVersion: Migration] = [:]
    for release in offer.releases.sorted(by: { $0.version < $1.version })
    where release.version <= target.version {
      for migration in release.migrations { known[migration.version] = migration }
    }
    return known.values.sorted { $0.version < $1.version }
  }

  private func obstacle(
    _ all: [Migration], _ pending: [Migration], _ source: Release?, _ target: Release
  ) -> Block? {
    if let block = surplus(all, target) ?? late(all, target) { return block }
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
    return source.flatMap { mismatch(expanded, $0) } ?? mismatch(expanded, target)
      ?? mismatch(pending.last?.version ?? ledger.version, target) ?? thirdVersion(source, target)
  }

  /// A third version beside the two of a run is more than the proof covers (invariant R9).
  private func thirdVersion(_ source: Release?, _ target: Release) -> Block? {
    let third = record.instances.first {
      $0.mayBeAlive && $0.release != source?.version && $0.release != target.version
    }
    return third.map(leftOver)
  }

  /// A schema above everything that the target brings is fine only if it is our own doing.
  private func surplus(_ all: [Migration], _ target: Release) -> Block? {
    guard let last = all.last?.version, let current = ledger.version, current > last else {
      return nil
    }
    guard target.window.contains(current), ledger.applied.contains(where: { $0.version == current })
    else {
      return Block(
        code: "UnknownSurplus",
        message: "the ledger is at \(current), above everything that \(target.version) brings "
          + "(\(last)), and Windlass's own history does not hold the surplus: check who migrated")
    }
    return nil
  }

  /// A migration below the ledger's version that was never applied would be skipped in silence.
  private func late(_ all: [Migration], _ target: Release) -> Block? {
    guard let current = ledger.version, let first = ledger.applied.map(\.version).min() else {
      return nil
    }
    let applied = Set(ledger.applied.map(\.version))
    let missed = all.first {
      first < $0.version && $0.version < current && !applied.contains($0.version)
    }
    return missed.map {
      Block(
        code: "LateMigration",
        message: "migration \($0.version) of \(target.version) lies below the ledger's version "
          + "\(current) and was never applied: give it a number above \(current) and publish it "
          + "again")
    }
  }

  private func mismatch(_ version: SchemaVersion?, _ release: Release) -> Block? {
    guard !release.window.contains(version) else { return nil }
    return Block(
      code: "WindowMismatch",
      message: "on the way the schema is at \(version?.description ?? "nothing applied"), and "
        + "\(release.version) works with \(release.window) only: no upgrade without downtime is "
        + "possible with this manifest")
  }
}
