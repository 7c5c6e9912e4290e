package import WindlassCore
package import WindlassSchema

/// Scratch copies of a service's database on its own server, restored from backups of one store.
package actor MySQLScratch: ScratchDatabases {
  private let executor: BlockingExecutor
  let options: MySQLServiceOptions
  private let backups: BackupDirectory
  private let locate: MigrationLocator
  private let now: @Sendable () -> Timestamp

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes copies on the server that the options name.
  package init(
    _ options: MySQLServiceOptions, backups: String, locate: @escaping MigrationLocator,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.options = options
    self.backups = BackupDirectory(path: backups, fileEnding: MySQLBackupStore.fileEnding)
    self.locate = locate
    self.now = now
    executor = BlockingExecutor(label: "windlass.mysql-scratch")
  }

  var scratch: MySQLScratchDatabase { MySQLScratchDatabase(options: options) }

  package func restore(
    _ backup: BackupID, label: String
  ) async throws(StepFailure) -> ScratchCopy {
    try backups.checkFile(of: backups.known(backup))
    let connection = try options.connect("scratch")
    let name = try scratch.make(label, on: connection)
    let dump = MySQLDump(options: options, directory: backups.path)
    try dump.read(backups.file(backup), into: name, keepingDefiners: false)
    let role = try MySQLScratchRole.make(scratch.user(of: label), for: name, on: connection)
    let form = options.service ?? options.address
    return ScratchCopy(label: label, url: form.url(of: name, for: role).reveal())
  }

  /// The ways to fail that are the migration's own: its text, or what it does to these rows.
  private static let migrationFaults: Set<String> = [
    "AlgorithmRefused", "ConstraintViolated", "MigrationPhaseConflict", "MigrationPhaseUnknown",
    "MigrationRefused", "StatementFailed",
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
    let phase = try body.phase(manifest: migration.phase)
    var options = scratch.options(
      of: try scratch.name(of: copy.label, on: options.connect("scratch")))
    options.holdBudget = Bounds.onlineStatementDeadline
    let connection = try options.connect("scratch")
    let own = MySQLOwnSchema(connection: connection, ledger: options.ledger)
    let step = MigrationStep(
      body: body, phase: phase, run: RunID("rehearsal"), fence: .none,
      after: try own.ledgerRow().version, startedAt: now())
    if let refusal = options.refusal(of: body) { throw refusal }
    if let backfill = try Backfill(body, dialect: .mysql) {
      return try await walk(backfill, migration, step, options)
    }
    let hold = HoldClock()
    let execution = MySQLExecution(
      connection: connection, options: options, step: step, hold: hold)
    _ = try execution.perform()
    return MigrationObservation(migration: migration, file: body.file, held: hold.longest)
  }

  /// Runs a backfill on a copy: in batches as the real run does, but without rests between them.
  private func walk(
    _ backfill: Backfill, _ migration: Migration, _ step: MigrationStep,
    _ unlimited: MySQLServiceOptions
  ) async throws(StepFailure) -> MigrationObservation {
    let began = ContinuousClock.now
    let pace = BackfillPace(holdBudget: options.holdBudget, share: 100)
    let work = MySQLBackfill(
      BackfillStep(step: step, backfill: backfill, pace: pace),
      MySQLWork(unlimited, name: "scratch"), watchesPressure: false)
    var forecast = BackfillForecast(share: options.backfillShare)
    while try await forecast.goesOn(behind: work.carryOn(while: { _ in true })) {}
    forecast.end(after: (ContinuousClock.now - began).interval)
    return MigrationObservation(
      migration: migration, file: step.body.file, held: forecast.longest, backfill: forecast)
  }

  package func catalogue(of copy: ScratchCopy) async throws(StepFailure) -> Catalogue {
    let name = try scratch.name(of: copy.label, on: options.connect("scratch"))
    let ledger = options.ledger
    return try scratch.options(of: name).connect("scratch").snapshot {
      connection throws(StepFailure) in
      try connection.catalogue(ledger: ledger, countsRows: true)
    }
  }

  package func discard(_ copy: ScratchCopy) async throws(StepFailure) {
    let connection = try options.connect("scratch")
    try scratch.drop(copy.label, on: connection)
    try MySQLScratchRole.drop(scratch.user(of: copy.label), on: connection)
  }

  package func sweepLeftovers() async throws(StepFailure) -> Int {
    try scratch.dropAll(on: options.connect("scratch"))
  }
}
