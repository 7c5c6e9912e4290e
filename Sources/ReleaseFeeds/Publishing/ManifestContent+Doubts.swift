import WindlassCore

// What no rule forbids, and what is still seldom meant.
extension ManifestContent {
  /// The doubts about every release; `paths` says where each version stands in the document.
  func doubts(paths: [Version: String]) -> [ManifestFinding] {
    var findings: [ManifestFinding] = []
    for (index, release) in releases.enumerated() {
      let lower = releases[..<index]
      let messages =
        artifactDoubts(release) + probeDoubts(release)
        + release.engines.flatMap { windowDoubts(release, $0, lower: lower) }
      let path = paths[release.version] ?? ""
      findings += messages.map { field, message in
        ManifestFinding(severity: .warning, path: "\(path).\(field)", message: message)
      }
    }
    return findings
  }

  private func artifactDoubts(_ release: ManifestRelease) -> [(String, String)] {
    var doubts: [(String, String)] = []
    if let image = release.image, !image.contains("@sha256:") {
      doubts.append(
        ("artifact.image", "has no digest, so that its tag may come to mean another image"))
    }
    return doubts
  }

  private func probeDoubts(_ release: ManifestRelease) -> [(String, String)] {
    guard release.probes.isEmpty else { return [] }
    return [
      ("probes", "there are none, so that a rehearsal can show nothing about this release")
    ]
  }

  /// Whether the windows let old and new instances run while the release's migrations are applied.
  private func windowDoubts(
    _ release: ManifestRelease, _ support: EngineSupport, lower: ArraySlice<ManifestRelease>
  ) -> [(String, String)] {
    var doubts: [(String, String)] = []
    let expanded = support.migrations.last { $0.phase != .contract }?.version
    let contracted = support.migrations.last { $0.phase == .contract }?.version
    let field = "schema.\(support.engine)"
    for version in [expanded, contracted].compactMap(\.self)
    where !support.window.contains(version) {
      doubts.append(
        (
          field,
          "\(support.window) does not hold \(version), which this release's own migrations lead to,"
            + " so that it can't be started then"
        ))
    }
    let sources = lower.filter {
      $0.yank == nil && (release.upgradeFrom?.contains($0.version) ?? true)
    }
    if let expanded, let source = sources.last,
      let window = source.support(for: support.engine)?.window,
      !window.contains(expanded)
    {
      doubts.append(
        (
          "migrations.\(support.engine)",
          "lead to \(expanded) before the roll, but release \(source.version) works with \(window)"
            + " alone: raise its max if it works with \(expanded), or it can't be upgraded in place"
        ))
    }
    return doubts
  }
}
