import WindlassCore
import WindlassWire

// One release.
extension ManifestNode {
  func release() throws(ManifestError) -> ManifestRelease {
    let artifact = try required("artifact")
    let archive = try artifact.optional("archive")?.archive()
    let image = try artifact.optional("image")?.image()
    guard archive != nil || image != nil else {
      throw artifact.error("must name an archive, an image, or both")
    }
    return ManifestRelease(
      version: try version(), channel: try optional("channel")?.word() ?? "stable",
      published: try required("published").time(), notes: try optional("notes")?.text() ?? "",
      severity: try optional("severity")?.word() ?? "normal",
      yank: try optional("yanked")?.yank(), upgradeFrom: try optional("upgradeFrom")?.range(),
      isRequiredStop: try optional("requiredStop")?.flag() ?? false, archive: archive,
      image: image, engines: try engines(), probes: try optional("probes")?.probes() ?? [])
  }

  private func version() throws(ManifestError) -> Version {
    let node = try required("version")
    guard let version = Version(try node.text(max: Bounds.versionLengthMax)) else {
      throw node.error("must be a semantic version as in 1.2.3 or 1.2.3-rc.1")
    }
    return version
  }

  private func range() throws(ManifestError) -> VersionRange {
    guard let range = VersionRange(try text(max: Bounds.versionRangeLengthMax)) else {
      throw error("must be a range of versions as in \">=1.0.0 <1.2.0\"")
    }
    return range
  }

  private func yank() throws(ManifestError) -> Yank {
    Yank(reason: try required("reason").sentence(), remedy: try required("remedy").sentence())
  }

  private func engines() throws(ManifestError) -> [EngineSupport] {
    let schema = try required("schema")
    let migrations = try optional("migrations")
    let queries = try optional("queries")
    let names = Set(try schema.members().map(\.name))
    guard !names.isEmpty else { throw schema.error("must name at least one engine") }
    for section in [migrations, queries] {
      for (name, node) in try section?.members() ?? [] where !names.contains(name) {
        throw node.error("is for an engine that has no window in schema")
      }
    }
    var engines: [EngineSupport] = []
    for (name, node) in try schema.members() {
      _ = try ManifestNode(.string(name), path: node.path).word()
      let section = try migrations?.optional(name)
      let archive = try section?.optional("archive")?.archive()
      let steps = try section?.migrations() ?? []
      if archive == nil, !steps.isEmpty { _ = try section?.required("archive") }
      engines.append(
        EngineSupport(
          engine: name, window: try node.window(), migrations: steps, migrationArchive: archive,
          queries: try queries?.optional(name)?.queries()))
    }
    return engines
  }

  private func window() throws(ManifestError) -> SchemaWindow {
    let min = try required("min").schemaVersion()
    let max = try required("max").schemaVersion()
    guard let window = SchemaWindow(min: min, max: max) else {
      throw error("has its min \(min) above its max \(max)")
    }
    return window
  }

  /// The three lists of one engine as one, ascending, with every rule inside one release checked.
  private func migrations() throws(ManifestError) -> [Migration] {
    var migrations: [Migration] = []
    for phase in MigrationPhase.allCases {
      guard let list = try optional(phase.rawValue) else { continue }
      var previous: SchemaVersion?
      for element in try list.elements(max: Bounds.migrationFilesMax) {
        let version = try element.schemaVersion()
        if let previous, version <= previous {
          throw element.error("\(version) does not ascend: it follows \(previous)")
        }
        previous = version
        migrations.append(Migration(version: version, phase: phase))
      }
    }
    migrations.sort { $0.version < $1.version }
    for (lower, upper) in zip(migrations, migrations.dropFirst()) {
      guard lower.version != upper.version else {
        throw error("\(lower.version) is in \(lower.phase.rawValue) and \(upper.phase.rawValue)")
      }
      guard lower.phase != .contract || upper.phase == .contract else {
        throw error(
          "\(upper.phase.rawValue) \(upper.version) lies above contract \(lower.version), but the"
            + " ledger is linear: move the contract to a number above, or to a later release")
      }
    }
    return migrations
  }
}
