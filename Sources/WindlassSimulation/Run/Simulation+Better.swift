import WindlassCore

/// A naive second opinion on what could be deployed: it shares nothing with the core's resolver.
extension Simulation {
  /// A release that could be deployed from here, in one hop or several; nil when there is none.
  func better(than deployed: Version?) -> Version? {
    guard let offer = published else { return nil }
    let usable = offer.releases.filter(isUsable)
    guard let deployed else {
      return usable.first { final(of: $0, in: offer).map($0.window.contains) ?? false }?.version
    }
    guard let source = offer.releases.first(where: { $0.version == deployed }) else { return nil }
    return usable.first {
      deployed < $0.version && isHop(deployed, $0, offer) && isFeasible(source, $0, offer)
    }?.version
  }

  private func isUsable(_ release: Release) -> Bool {
    release.yank == nil && release.channel == scenario.policy.channel
      && scenario.policy.versions.contains(release.version)
      && !state.record.quarantine.contains { $0.version == release.version }
  }

  private func isHop(_ source: Version, _ target: Release, _ offer: Offer) -> Bool {
    if let range = target.upgradeFrom, !range.contains(source) { return false }
    for between in offer.releases where between.isRequiredStop {
      if source < between.version, between.version < target.version { return false }
    }
    return true
  }

  private func final(of target: Release, in offer: Offer) -> SchemaVersion? {
    let all = offer.releases.filter { $0.version <= target.version }.flatMap(\.migrations)
    return [all.map(\.version).max(), database.version].compactMap { $0 }.max()
  }

  private func isFeasible(_ source: Release, _ target: Release, _ offer: Offer) -> Bool {
    guard let current = database.version else { return false }
    let all = offer.releases.filter { $0.version <= target.version }.flatMap(\.migrations)
    let pending = all.filter { current < $0.version }
    let expanded = pending.filter { $0.phase != .contract }.map(\.version).max() ?? current
    for migration in pending where migration.phase == .contract && migration.version < expanded {
      return false
    }
    let last = pending.map(\.version).max() ?? current
    let isKnown =
      all.contains { $0.version == current } || database.applied.contains { $0.version == current }
    return isKnown && source.window.contains(expanded) && target.window.contains(expanded)
      && target.window.contains(last)
  }
}
