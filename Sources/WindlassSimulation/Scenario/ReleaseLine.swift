package import WindlassCore

/// A line of releases of one service, as its publisher makes them: each knows what it changes, and
/// each manifest says what is true of the releases that it lists.
package struct ReleaseLine: Sendable {
  /// One release in the making.
  package struct Draft: Sendable {
    package var version: Version
    /// New migrations, ascending.
    package var migrations: [Migration] = []
    package var behaviour = Behaviour.good
    package var writesUnreadable = false
    /// Whether an expand migration of it breaks the releases before, and nobody says so.
    package var isReckless = false
    package var isRequiredStop = false
    package var upgradeFrom: VersionRange?
    package var channel = "stable"

    package init(_ version: Version) { self.version = version }
  }

  /// In the order of publishing.
  package var drafts: [Draft]

  package init(_ drafts: [Draft]) { self.drafts = drafts }

  /// The lowest schema that a release works with: everything expanded up to it.
  private func floor(of draft: Draft) -> SchemaVersion {
    let expanded = drafts.filter { $0.version <= draft.version }.flatMap(\.migrations)
      .filter { $0.phase != .contract }.map(\.version).max()
    return expanded ?? SchemaVersion(1)
  }

  /// The highest schema that a release really works with: below what a later release breaks.
  private func ceiling(of draft: Draft, isHonest: Bool) -> SchemaVersion {
    let breaking = drafts.filter { draft.version < $0.version }.flatMap { later in
      later.migrations.filter { migration in
        migration.phase == .contract || (later.isReckless && isHonest)
      }
    }
    let highest = drafts.flatMap(\.migrations).map(\.version).max() ?? SchemaVersion(1)
    guard let first = breaking.map(\.version).min() else { return highest }
    return SchemaVersion(first.number - 1)
  }

  /// The releases as they really are, in the order of their versions.
  package func truth() -> [TrueRelease] {
    drafts.sorted { $0.version < $1.version }.map { draft in
      let low = floor(of: draft)
      return TrueRelease(
        release: release(draft, window: SchemaWindow(at: low)),
        window: SchemaWindow(min: low, max: max(low, ceiling(of: draft, isHonest: true)))
          ?? SchemaWindow(at: low),
        behaviour: draft.behaviour, writesUnreadable: draft.writesUnreadable)
    }
  }

  /// The manifest that lists the first releases of the line.
  ///
  /// - Parameters:
  ///   - serial: Also how many releases are listed, unless `count` says otherwise.
  ///   - yanked: Versions that are withdrawn.
  package func offer(
    serial: Int64, count: Int, expires: Timestamp, yanked: Set<Version> = [],
    published: [Version: Timestamp] = [:]
  ) -> Offer {
    let listed = ReleaseLine(Array(drafts.prefix(count)))
    let releases = listed.drafts.map { draft in
      let low = listed.floor(of: draft)
      let high = max(low, listed.ceiling(of: draft, isHonest: false))
      var release = release(
        draft, window: SchemaWindow(min: low, max: high) ?? SchemaWindow(at: low))
      release.published = published[draft.version] ?? Scenario.dawn
      if yanked.contains(draft.version) {
        release.yank = Yank(reason: "it is broken", remedy: "Wait for the next")
      }
      return release
    }
    return Offer(
      manifest: Digest("manifest-\(serial)"), serial: serial, releases: releases, expires: expires)
  }

  /// The digest of a version's image.
  static func build(of version: Version) -> Digest {
    let number = (version.major * 1_000 + version.minor) * 1_000 + version.patch
    let text = String(number, radix: 16)
    return Digest(String(repeating: "0", count: 64 - text.count) + text)
  }

  private func release(_ draft: Draft, window: SchemaWindow) -> Release {
    let archive = ArchiveReference(
      url: "", digest: Digest("build-\(draft.version)"), size: 1)
    return Release(
      version: draft.version, channel: draft.channel, published: Scenario.dawn,
      upgradeFrom: draft.upgradeFrom, isRequiredStop: draft.isRequiredStop, artifact: archive,
      image: "registry.example/svc@sha256:\(ReleaseLine.build(of: draft.version))",
      window: window, migrations: draft.migrations, migrationArchive: archive)
  }
}
