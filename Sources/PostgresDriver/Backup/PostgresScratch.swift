package import WindlassCore
package import WindlassSchema

/// Scratch copies of a service's PostgreSQL database: databases of random names, restored from
/// backups of one store.
package actor PostgresScratch: ScratchDatabases {
  private let executor: BlockingExecutor
  private let store: PostgresBackupStore
  private let options: PostgresBackupOptions
  private let service: PostgresServiceOptions
  private let locate: MigrationLocator
  private let now: @Sendable () -> Timestamp

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes scratch copies on the server that the backups' options name.
  package init(
    _ service: PostgresServiceOptions, backups: PostgresBackupOptions,
    locate: @escaping MigrationLocator, now: @escaping @Sendable () -> Timestamp
  ) {
    self.service = service
    options = backups
    store = PostgresBackupStore(backups, now: now)
    self.locate = locate
    self.now = now
    executor = BlockingExecutor(label: "windlass.scratch")
  }

  package func restore(
    _ backup: BackupID, label: String
  ) async throws(StepFailure) -> ScratchCopy {
    let name = try await store.restoreScratch(backup, label: label)
    let server = try options.scratchServer()
    let copy = server.url(of: name)
    do throws(StepFailure) {
      try WaysOut.refuse(in: copy)
      if server.fixedName != nil { try ServiceSettings(options).settle(in: name, of: server) }
      let reached = try ServiceSettings(options).applied(to: copy.reachedBySocket())
      return ScratchCopy(label: label, url: SessionMark.url(of: reached))
    } catch {
      try? server.drop(name)  // The failure counts; leftovers are swept.
      throw error
    }
  }

  /// The ways to fail that are the migration's own: its text, or what it does to these rows.
  static let migrationFaults: Set<String> = [
    "ConstraintViolated", "MigrationPhaseConflict", "MigrationPhaseUnknown", "MigrationRefused",
    "StatementFailed", "StatementRefused", "TransactionEnded",
  ]

  package func migrate(
    _ copy: ScratchCopy, _ migration: Migration, from archive: ArchiveReference
  ) async throws(StepFailure) -> MigrationObservation {
    do {
      return try await apply(migration, from: archive, to: copy)
    } catch {
      var failure = error
      // On a copy nobody else can be to blame: no lock, no other writer, no drift since the backup.
      failure.blamesRelease = Self.migrationFaults.contains(error.code)
      throw failure
    }
  }

  private func apply(
    _ migration: Migration, from archive: ArchiveReference, to copy: ScratchCopy
  ) async throws(StepFailure) -> MigrationObservation {
    let directory = try PlanCheck.directory(of: archive, locate: locate)
    let body = try directory.body(of: migration.version)
    if let failure = PostgresMigration.refusal(of: body, service) { throw failure }
    try WaysOut.refuse(in: body)
    let phase = try body.phase(manifest: migration.phase)
    var options = service
    options.url = try database(of: copy.label)
    // Nobody waits on a copy, so that how long it takes is measured and not cut off.
    options.holdBudget = nil
    options.run = "rehearsal"
    let startedAt = now()
    if let backfill = try Backfill(body, dialect: .postgres) {
      return try await walk(backfill, migration, body, phase, options)
    }
    let unlimited = options
    let held = try await unlimited.retrying(deadline: Bounds.readLockWait) {
      () throws(StepFailure) in
      let connection = try PostgresConnection(
        ScratchServer.patient(unlimited.url, "windlass/rehearsal"))
      let place = try unlimited.ledger.located(on: connection)
      let after = try PostgresOwnSchema(connection, place).ledgerRow().version
      let step = MigrationStep(
        body: body, phase: phase, run: "rehearsal", fence: .none, after: after,
        startedAt: startedAt)
      return try PostgresMigration(step, place: place, options: unlimited)
        .attempt(on: connection).held
    }
    return MigrationObservation(migration: migration, file: body.file, held: held)
  }

  /// Runs a backfill on a copy: in batches as the real run does, but without rests between them.
  private func walk(
    _ backfill: Backfill, _ migration: Migration, _ body: MigrationBody, _ phase: MigrationPhase,
    _ unlimited: PostgresServiceOptions
  ) async throws(StepFailure) -> MigrationObservation {
    var session = MigratingSession(options: unlimited)
    let after = try session.use { connection, place throws(StepFailure) in
      try PostgresOwnSchema(connection, place).ledgerRow().version
    }
    let step = MigrationStep(
      body: body, phase: phase, run: "rehearsal", fence: .none, after: after, startedAt: now())
    let began = ContinuousClock.now
    let pace = BackfillPace(holdBudget: service.holdBudget, share: 100)
    let work = PostgresBackfill(
      BackfillStep(step: step, backfill: backfill, pace: pace), session)
    var forecast = BackfillForecast(share: service.backfillShare)
    while try await forecast.goesOn(behind: work.carryOn(while: { _ in true })) {}
    forecast.end(after: (ContinuousClock.now - began).interval)
    return MigrationObservation(
      migration: migration, file: body.file, held: forecast.longest, backfill: forecast)
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
