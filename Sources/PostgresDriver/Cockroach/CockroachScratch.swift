package import WindlassCore
package import WindlassSchema

/// Scratch copies of a service's CockroachDB database: databases of random names in a cluster,
/// restored from backups of one store.
package actor CockroachScratch: ScratchDatabases {
  private let executor: BlockingExecutor
  private let store: CockroachBackupStore
  private let options: PostgresBackupOptions
  private let service: PostgresServiceOptions
  private let locate: MigrationLocator
  private let now: @Sendable () -> Timestamp

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes scratch copies in the cluster that the backups' options name.
  package init(
    _ service: PostgresServiceOptions, backups: PostgresBackupOptions,
    locate: @escaping MigrationLocator, now: @escaping @Sendable () -> Timestamp
  ) {
    self.service = service
    options = backups
    store = CockroachBackupStore(backups, now: now)
    self.locate = locate
    self.now = now
    executor = BlockingExecutor(label: "windlass.scratch")
  }

  package func restore(
    _ backup: BackupID, label: String
  ) async throws(StepFailure) -> ScratchCopy {
    let name = try await store.restoreScratch(backup, label: label)
    let copy = try options.scratchServer().url(of: name)
    return ScratchCopy(label: label, url: SessionMark.url(of: copy))
  }

  package func migrate(
    _ copy: ScratchCopy, _ migration: Migration, from archive: ArchiveReference
  ) async throws(StepFailure) -> MigrationObservation {
    do {
      return try await apply(migration, from: archive, to: copy)
    } catch {
      var failure = error
      // On a copy nobody else can be to blame: no lock, no other writer, no drift since the backup.
      failure.blamesRelease =
        PostgresScratch.migrationFaults.contains(error.code)
        || error.code == "SchemaChangeFailed"
      throw failure
    }
  }

  private func apply(
    _ migration: Migration, from archive: ArchiveReference, to copy: ScratchCopy
  ) async throws(StepFailure) -> MigrationObservation {
    let directory = try PlanCheck.directory(of: archive, locate: locate)
    let body = try directory.body(of: migration.version)
    if let failure = PostgresMigration.refusal(of: body, service) { throw failure }
    let phase = try body.phase(manifest: migration.phase)
    var options = service
    options.url = try database(of: copy.label)
    // Nobody waits on a copy, so that how long it takes is measured and not cut off.
    options.holdBudget = nil
    options.run = "rehearsal"
    let startedAt = now()
    let unlimited = options
    let held = try await unlimited.retrying(deadline: Bounds.readLockWait) {
      () throws(StepFailure) in
      let connection = try PostgresConnection(
        ScratchServer.patient(unlimited.url, "windlass/rehearsal"))
      let place = try unlimited.ledger.located(on: connection)
      try refuseEscape(body, on: connection)
      let after = try PostgresOwnSchema(connection, place).settledVersion()
      let step = MigrationStep(
        body: body, phase: phase, run: "rehearsal", fence: .none, after: after,
        startedAt: startedAt)
      return try PostgresMigration(step, place: place, options: unlimited)
        .attempt(on: connection).held
    }
    return MigrationObservation(migration: migration, file: body.file, held: held)
  }

  /// Fails for a name in two parts whose first is no schema of the copy: the server would take it
  /// for a database, and so the real one's table would be changed.
  private func refuseEscape(
    _ body: MigrationBody, on connection: PostgresConnection
  ) throws(StepFailure) {
    let rows = try connection.rows("SELECT nspname::text FROM pg_catalog.pg_namespace")
    var schemas = Set(rows.compactMap { $0.values[0].text })
    // A text that can't be cut was refused before this.
    for statement in (try? CockroachScript(body.text).statements) ?? [] {
      if statement.begins(with: "CREATE", "SCHEMA"), let name = statement.tokens.last {
        schemas.insert(name.text.lowercased())
      }
      for name in statement.qualifiedNames where !schemas.contains(name[0]) {
        throw StepFailure(
          code: "ScratchNotContained", disposition: .stop,
          message: "\(body.file):\(statement.line): \(name.joined(separator: ".")) names no schema"
            + " of the database, and would be taken for another database's table, also on a copy."
            + " Write the name without \(name[0]).")
      }
    }
  }

  package func catalogue(of copy: ScratchCopy) async throws(StepFailure) -> Catalogue {
    let connection = try PostgresConnection(
      ScratchServer.patient(try database(of: copy.label), "windlass/rehearsal"))
    let place = try options.ledger.located(on: connection)
    return try connection.snapshot { connection throws(StepFailure) in
      try connection.catalogue(place, countsRows: true)
    }
  }

  package func discard(_ copy: ScratchCopy) async throws(StepFailure) {
    let server = try options.scratchServer()
    try server.drop(server.name(.rehearsal, copy.label))
  }

  package func sweepLeftovers() async throws(StepFailure) -> Int {
    // Without a directory nothing was ever backed up, and so nothing restored.
    guard FilePath.exists(options.directory) else { return 0 }
    return try options.scratchServer().sweep(.rehearsal, olderThan: .zero, at: now())
  }

  func database(of label: String) throws(StepFailure) -> PostgresURL {
    let server = try options.scratchServer()
    return server.url(of: server.name(.rehearsal, label))
  }
}
