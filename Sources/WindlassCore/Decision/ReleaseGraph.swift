/// Releases as a graph whose edges are admissible hops.
public struct ReleaseGraph: Sendable {
  private let releases: [Release]
  private let isBarred: @Sendable (Release) -> Bool

  /// Makes a graph; barred releases (quarantined, withdrawn) are never stepped on.
  public init(_ releases: [Release], isBarred: @escaping @Sendable (Release) -> Bool) {
    self.releases = releases.sorted { $0.version < $1.version }
    self.isBarred = isBarred
  }

  /// Whether one hop may lead from a version to a release: upwards, admitted by `upgradeFrom`, and
  /// over no required stop.
  public func admits(from source: Version, to target: Release) -> Bool {
    guard source < target.version, !isBarred(target) else { return false }
    if let range = target.upgradeFrom, !range.contains(source) { return false }
    return !releases.contains {
      $0.isRequiredStop && source < $0.version && $0.version < target.version
    }
  }

  /// The path with the fewest hops, the deployed version left out; nil when there is none.
  ///
  /// Among paths of equal length the one over higher releases wins.
  public func path(from source: Version, to target: Version) -> [Release]? {
    var reached: [Version: [Release]] = [source: []]
    var frontier = [source]
    for _ in 0..<Bounds.pathHopsMax {
      var next: [Version] = []
      for version in frontier.sorted(by: >) {
        for release in releases.reversed()
        where reached[release.version] == nil && admits(from: version, to: release) {
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

  /// The path to the highest release that is wanted and can be reached; nil when there is none.
  public func path(from source: Version, where isWanted: (Release) -> Bool) -> [Release]? {
    for release in releases.reversed()
    where release.version > source && !isBarred(release) && isWanted(release) {
      if let path = path(from: source, to: release.version), !path.isEmpty { return path }
    }
    return nil
  }
}
