package import WindlassCore

/// One release of a manifest, for all engines.
package struct ManifestRelease: Hashable, Sendable {
  package var version: Version
  /// Such as `stable`; services follow one.
  package var channel: String
  /// When the publisher says that it came out.
  package var published: Timestamp
  /// Markdown, untrusted as text.
  package var notes: String
  /// How urgent it is, in the publisher's word.
  package var severity: String
  /// Why it was withdrawn; nil while it is not.
  package var yank: Yank?
  /// Releases that may hop straight to this one; nil means any lower version.
  package var upgradeFrom: VersionRange?
  /// Whether a path may not jump over this release.
  package var isRequiredStop: Bool
  /// The service's files; nil when there is only an image.
  package var archive: ArchiveReference?
  /// A container image; nil when there is only an archive.
  package var image: String?
  /// What the release says for each engine that it supports, in the order of the engines' names.
  package var engines: [EngineSupport]
  /// Questions that show whether its server works, in the order that they are asked.
  package var probes: [Probe]

  /// What the release says for that engine; nil when it does not support it.
  package func support(for engine: String) -> EngineSupport? {
    engines.first { $0.engine == engine }
  }

  /// The release as that engine sees it; nil when it does not support the engine.
  package func release(engine: String) -> Release? {
    guard let support = support(for: engine) else { return nil }
    return Release(
      version: version, channel: channel, published: published, severity: severity, notes: notes,
      yank: yank, upgradeFrom: upgradeFrom, isRequiredStop: isRequiredStop, artifact: archive,
      image: image, window: support.window, migrations: support.migrations,
      migrationArchive: support.migrationArchive, queries: support.queries, probes: probes)
  }
}

/// What a release says for one database engine.
package struct EngineSupport: Hashable, Sendable {
  /// Such as `sqlite` or `postgres`.
  package var engine: String
  /// The schema versions that its server works with.
  package var window: SchemaWindow
  /// Every migration above the previous release's, ascending.
  package var migrations: [Migration]
  /// The complete migration directory; nil only when the release has no migration of its own.
  package var migrationArchive: ArchiveReference?
  /// The queries that its server asks; nil when they are not published.
  package var queries: QueriesReference?
}
