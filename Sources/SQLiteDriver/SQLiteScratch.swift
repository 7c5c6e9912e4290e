import Glibc
package import WindlassCore
package import WindlassSchema

/// Scratch copies of a service's database, restored from backups of one store.
package actor SQLiteScratch: ScratchDatabases {
  private let executor: BlockingExecutor
  private let options: SQLiteServiceOptions
  private let backups: BackupDirectory
  private let directory: String
  private let locate: MigrationLocator
  private let now: @Sendable () -> Timestamp

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes scratch copies in the directory, which belongs to them alone.
  package init(
    _ options: SQLiteServiceOptions, backups: String, directory: String,
    locate: @escaping MigrationLocator, now: @escaping @Sendable () -> Timestamp
  ) {
    self.options = options
    self.backups = BackupDirectory(path: backups)
    self.directory = directory
    self.locate = locate
    self.now = now
    executor = BlockingExecutor(label: "windlass.scratch")
  }

  package func restore(
    _ backup: BackupID, label: String
  ) async throws(StepFailure) -> ScratchCopy {
    try BackupDirectory(path: directory).prepare()
    let path = try path(of: label)
    removeFiles(path)
    sweep()
    guard let manifest = try backups.manifest(backup) else {
      throw backups.damaged(backup, "it is missing")
    }
    guard FilePath.exists(backups.file(backup)) else {
      throw backups.damaged(backup, "\(backups.file(backup)) is missing")
    }
    let digest = try FileStream.copy(backups.file(backup), to: path)
    guard digest == manifest.digest else {
      removeFiles(path)
      throw backups.damaged(
        backup, "its bytes are not the ones that were written when it was taken")
    }
    // As the database is, so that a rehearsed server finds the same file mode.
    _ = try SQLiteConnection(SQLiteOptions(path: path, journalMode: manifest.sqliteJournalMode))
    return ScratchCopy(label: label, url: SQLiteURL.url(of: path))
  }

  /// The ways to fail that are the migration's own: its text, or what it does to these rows.
  private static let migrationFaults: Set<String> = [
    "ConstraintViolated", "ForeignKeyViolated", "MigrationPhaseConflict", "MigrationPhaseUnknown",
    "MigrationRefused", "StatementFailed", "StatementRefused", "TransactionEnded",
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
    let body = try PlanCheck.directory(of: archive, locate: locate).body(of: migration.version)
    if let failure = options.refusal(of: body) { throw failure }
    let phase = try body.phase(manifest: migration.phase)
    let file = try self.path(of: copy.label)
    let startedAt = now()
    if let backfill = try Backfill(body, dialect: .sqlite) {
      return try await walk(backfill, migration, body, phase, in: file)
    }
    let options = options
    let held = try await LockBackoff.retrying(deadline: Bounds.readLockWait, path: file) {
      () throws(StepFailure) in
      let connection = try SQLiteConnection(SQLiteOptions(path: file))
      let limits = TransactionLimits(
        lockBudget: Bounds.readLockWait, holdBudget: nil,
        enforcesForeignKeys: options.enforcesForeignKeys, checksForeignKeys: true)
      return try connection.transaction(limits) { connection throws(StepFailure) in
        let after = try OwnSchema(connection: connection, ledger: options.ledger).ledgerRow()
        let execution = MigrationExecution(
          step: MigrationStep(
            body: body, phase: phase, run: RunID("rehearsal"), fence: .none, after: after.version,
            startedAt: startedAt),
          ledger: options.ledger)
        return try execution.perform(on: connection)
      }.held
    }
    return MigrationObservation(migration: migration, file: body.file, held: held)
  }

  /// Runs a backfill on a copy: in batches as the real run does, but without rests between them.
  private func walk(
    _ backfill: Backfill, _ migration: Migration, _ body: MigrationBody, _ phase: MigrationPhase,
    in file: String
  ) async throws(StepFailure) -> MigrationObservation {
    var copy = options
    copy.path = file
    copy.lockBudget = Bounds.readLockWait
    copy.backfillShare = 100
    let ledger = options.ledger
    let after = try copy.connectExisting().snapshot { connection throws(StepFailure) in
      try OwnSchema(connection: connection, ledger: ledger).ledgerRow().version
    }
    let step = MigrationStep(
      body: body, phase: phase, run: RunID("rehearsal"), fence: .none, after: after,
      startedAt: now())
    let began = ContinuousClock.now
    let work = SQLiteBackfill(
      BackfillStep(step: step, backfill: backfill, pace: copy.backfillPace), copy, holdBudget: nil)
    var forecast = BackfillForecast(share: options.backfillShare)
    while try await forecast.goesOn(behind: work.carryOn(takesLock: false, while: { _ in true })) {}
    forecast.end(after: (ContinuousClock.now - began).interval)
    return MigrationObservation(
      migration: migration, file: body.file, held: forecast.longest, backfill: forecast)
  }

  package func catalogue(of copy: ScratchCopy) async throws(StepFailure) -> Catalogue {
    let ledger = options.ledger
    let connection = try SQLiteConnection(SQLiteOptions(path: try path(of: copy.label)))
    return try connection.snapshot { connection throws(StepFailure) in
      try connection.catalogue(ledger: ledger, countsRows: true)
    }
  }

  package func discard(_ copy: ScratchCopy) async throws(StepFailure) {
    removeFiles(try path(of: copy.label))
  }

  package func sweepLeftovers() async throws(StepFailure) -> Int {
    let names = FilePath.names(in: directory) ?? []
    let copies = Set(
      names.compactMap { name in
        Self.endings.first { name.hasSuffix(".db" + $0) }.map { name.dropLast($0.count) }
      })
    for copy in copies { removeFiles("\(directory)/\(copy)") }
    return copies.count
  }

  func path(of label: String) throws(StepFailure) -> String {
    // The same rule as for backups: a plain file name.
    try backups.check(BackupID(label))
    return "\(directory)/\(label).db"
  }

  /// Removes copies that a run left which ended without its rehearsal's own clean-up.
  private func sweep() {
    let limit = time(nil) - Int(Bounds.scratchAgeMax.milliseconds / 1_000)
    for name in FilePath.names(in: directory) ?? [] where name.hasSuffix(".db") {
      let path = "\(directory)/\(name)"
      if let changed = FilePath.changedAt(path), changed < limit { removeFiles(path) }
    }
  }

  /// What the names of a database's files end in, after the name of the database.
  private static let endings = ["", "-wal", "-shm", "-journal"]

  private func removeFiles(_ path: String) {
    for ending in Self.endings { FileStream.remove(path + ending) }
  }
}
