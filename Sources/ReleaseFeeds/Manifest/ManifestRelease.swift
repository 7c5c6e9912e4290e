package import WindlassCore

/// One release of a manifest, for all engines.
package struct ManifestRelease: Hashable, Sendable {
  package var version: Version
  package var channel: String
  package var published: Timestamp
  /// Markdown, untrusted as text.
  package var notes: String
  package var severity: String
  package var yank: Yank?
  /// Releases that may hop straight to this one; nil means any lower version.
  package var upgradeFrom: VersionRange?
  package var isRequiredStop: Bool
  package var archive: ArchiveReference?
  package var image: String?
  /// What the release says for each engine that it supports, in the order of the engines' names.
  package var engines: [EngineSupport]
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
      migrationArchive: support.migrationArchive, probes: probes)
  }
}

/// What a release says for one database engine.
package struct EngineSupport: Hashable, Sendable {
  /// Such as `sqlite` or `postgres`.
  package var engine: String
  package var window: SchemaWindow
  /// Every migration above the previous release's, ascending.
  package var migrations: [Migration]
  package var migrationArchive: ArchiveReference?
  package var queries: QueriesReference?
}

/// The queries that the release's server is known to ask, pinned by digest.
package struct QueriesReference: Hashable, Sendable {
  package var url: String
  package var digest: Digest
}
