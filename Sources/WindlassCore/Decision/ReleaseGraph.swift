/// Releases as a graph whose edges are hops that the publisher admits.
public struct ReleaseGraph: Sendable {
  private let releases: [Release]
  private let stops: [Version]
  private let isBarred: @Sendable (Release) -> Bool

  /// Makes a graph; barred releases (quarantined, withdrawn, not wanted) are never stepped on.
  public init(_ releases: [Release], isBarred: @escaping @Sendable (Release) -> Bool) {
    self.releases = releases.sorted { $0.version < $1.version }
    stops = self.releases.filter(\.isRequiredStop).map(\.version)
    self.isBarred = isBarred
  }

  /// Whether one hop may lead from a version to a release: upwards, admitted by `upgradeFrom`, and
  /// over no required stop.
  public func admits(from source: Version, to target: Release) -> Bool {
    guard source < target.version, !isBarred(target) else { return false }
    if let range = target.upgradeFrom, !range.contains(source) { return false }
    return !stops.contains { source < $0 && $0 < target.version }
  }

  /// The path with the fewest hops, the deployed version left out; nil when there is none.
  ///
  /// Among paths of equal length the one over higher releases wins. No path begins with one of
  /// `avoided`.
  public func path(
    from source: Version, to target: Version, avoiding avoided: Set<Version> = []
  ) -> [Release]? {
    var reached: [Version: [Release]] = [source: []]
    var frontier = [source]
    let above = releases.filter { source < $0.version && $0.version <= target }
    for hop in 0..<Bounds.pathHopsMax {
      var next: [Version] = []
      for version in frontier.sorted(by: >) {
        for release in above.reversed()
        where reached[release.version] == nil && admits(from: version, to: release) {
          if hop == 0, avoided.contains(release.version) { continue }
          reached[release.version] = (reached[version] ?? []) + [release]
          next.append(release.version)
        }
      }
      if let path = reached[target] { return path }
      guard !next.isEmpty else { return nil }
      frontier = next
    }
    return nil
  }

  /// The path to the highest release that can be reached; nil when none can.
  public func path(from source: Version, avoiding avoided: Set<Version> = []) -> [Release]? {
    for release in releases.reversed() where source < release.version && !isBarred(release) {
      if let path = path(from: source, to: release.version, avoiding: avoided), !path.isEmpty {
        return path
      }
    }
    return nil
  }
}
