package import WindlassCore

/// The parts of preflight that compare a plan with ledger, history and files, whatever the engine.
package enum PlanCheck {
  /// Fails for a dirty ledger, and for one that is not what the plan was made for.
  ///
  /// - Parameter database: the database's name for a person.
  package static func ledger(
    _ version: SchemaVersion?, isDirty: Bool, plan: Plan, database: String
  ) throws(StepFailure) {
    guard !isDirty else { throw MigrationHistory.dirty(version, database: database) }
    guard version == plan.schemaBefore else {
      throw StepFailure(
        code: "LedgerMoved", disposition: .stop,
        message: "The ledger of \(database) says \(version?.description ?? "nothing applied"),"
          + " and the plan was made for \(plan.schemaBefore?.description ?? "nothing applied")."
          + " Another tool has migrated; the next attempt plans anew.")
    }
  }

  /// Fails for files that changed, are missing, came late, are refused or are not in the plan.
  ///
  /// - Parameter refusal: the failure for a body that the engine would not run.
  package static func files(
    in directory: MigrationDirectory, plan: Plan, history: [HistoryEntry],
    refusal: (MigrationBody) -> StepFailure?
  ) throws(StepFailure) {
    let version = plan.schemaBefore
    try MigrationHistory.check(directory, against: history, ledger: version)
    for migration in plan.migrations {
      let body = try directory.body(of: migration.version)
      _ = try body.phase(manifest: migration.phase)
      if let failure = refusal(body) { throw failure }
    }
    let planned = Set(plan.migrations.map(\.version))
    guard let last = planned.max() else { return }
    for entry in directory.entries(after: version)
    where entry.version <= last && !planned.contains(entry.version) {
      throw StepFailure(
        code: "MigrationUnplanned", disposition: .stop,
        message: "\(directory.path) has a migration \(entry.version) that the manifest of release"
          + " \(plan.target.version) does not name as expand, backfill or contract. Publish a"
          + " manifest that names it.")
    }
  }

  /// The directory that a plan's migrations come from; nil when it has none, or while its archive
  /// is not unpacked. An archive that is not unpacked yet is checked by the rehearsal and by each
  /// migration.
  ///
  /// - Parameter engine: the engine's name in a manifest.
  package static func directory(
    of plan: Plan, engine: String, locate: MigrationLocator
  ) throws(StepFailure) -> MigrationDirectory? {
    guard let archive = plan.target.migrationArchive else {
      guard plan.migrations.isEmpty else {
        throw StepFailure(
          code: "MigrationsMissing", disposition: .stop,
          message: "Release \(plan.target.version) names migrations and no archive that holds"
            + " them. Publish a manifest with `migrations.\(engine).archive`.")
      }
      return nil
    }
    guard let path = try locate(archive) else { return nil }
    return try MigrationDirectory.read(at: path)
  }

  /// The directory of an order's archive.
  ///
  /// - Throws: `MigrationsNotUnpacked` with `.retry` while it is not unpacked.
  package static func directory(
    of archive: ArchiveReference, locate: MigrationLocator
  ) throws(StepFailure) -> MigrationDirectory {
    guard let path = try locate(archive) else {
      throw StepFailure(
        code: "MigrationsNotUnpacked", disposition: .retry,
        message: "The migrations of archive \(archive.digest.text.prefix(16))… are not unpacked on"
          + " this machine. They are fetched again by the next attempt.")
    }
    return try MigrationDirectory.read(at: path)
  }
}
