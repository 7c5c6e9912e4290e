import Testing
package import WindlassCore

/// What a run does in a database, in a run's order, by users with the rights of one task each: what
/// one of them lacks shows as a failure of the step that needs it.
package struct RoleRun {
  /// The archive of every migration.
  package static let archive = MigrationOrder.archive

  private let database: any ServiceDatabase
  private let backups: any BackupStore
  private let migrations: [Migration]
  private let rehearse: (_ pending: [Migration], _ hasRows: Bool) async throws -> Void
  private let prepare: (_ next: Migration, _ hasRows: Bool) async throws -> Void

  /// Makes a run.
  ///
  /// - Parameters:
  ///   - migrations: all that there are, of which the ledger may hold the first.
  ///   - rehearse: restores backup `b` into a copy and migrates it there.
  ///   - prepare: does what servers do before the next migration; `hasRows` is whether there was a
  ///     ledger, and rows of a service, before the run.
  package init(
    database: any ServiceDatabase, backups: any BackupStore, migrations: [Migration],
    rehearse: @escaping (_ pending: [Migration], _ hasRows: Bool) async throws -> Void,
    before prepare: @escaping (_ next: Migration, _ hasRows: Bool) async throws -> Void =
      { _, _ in }
  ) {
    self.database = database
    self.backups = backups
    self.migrations = migrations
    self.rehearse = rehearse
    self.prepare = prepare
  }

  /// Does everything that a run does in a database.
  package func carryOut() async throws {
    let before = try await database.inspect()
    let hasRows = before.version != nil
    let epoch = try await database.takeFence(after: before.epoch, run: "run")
    let pending = migrations.filter { $0.version > before.version ?? 0 }
    try await database.preflight(try plan(pending, before: before.version))
    _ = try await backups.backUp("b", run: "run", purpose: .beforeExpand)
    let receipt = try await backups.verify("b")
    #expect(receipt.isVerified)
    #expect(try await database.inspect().systemID == receipt.systemID)
    try await rehearse(pending, hasRows)
    var after = before.version
    for migration in pending {
      try await prepare(migration, hasRows)
      try await database.apply(
        MigrationOrder(
          run: "run", migration: migration, archive: Self.archive, after: after, epoch: epoch))
      after = migration.version
    }
    try await database.recordCommitPoint("run", epoch: epoch)
    let reading = try await database.inspect()
    #expect(reading.version == migrations.last?.version && !reading.isDirty)
    #expect(reading.committedRun == "run" && reading.epoch == epoch)
  }

  private func plan(_ migrations: [Migration], before: SchemaVersion?) throws -> Plan {
    let window = try #require(SchemaWindow(min: 0, max: 1_000))
    return Plan(
      service: "shop", run: "run", kind: .upgrade, source: nil,
      target: Release(
        version: Version(1, 1, 0), window: window, migrations: migrations,
        migrationArchive: Self.archive),
      migrations: migrations, schemaBefore: before, rollout: RolloutPolicy(),
      manifest: Self.archive.digest)
  }
}
