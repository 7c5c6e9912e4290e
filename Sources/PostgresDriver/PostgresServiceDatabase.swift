package import WindlassCore
package import WindlassSchema

/// A service's PostgreSQL database as the steps of a run use it.
///
/// Every step works on a session of its own, so that nothing of a lost one is left over.
package actor PostgresServiceDatabase: ServiceDatabase {
  private let executor: BlockingExecutor
  let options: PostgresServiceOptions
  let locate: MigrationLocator
  private let now: @Sendable () -> Timestamp
  /// The server's number since the fence was taken; steps behind it refuse another server.
  private(set) var system: String?

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes the database's face to the steps; nothing is connected yet.
  ///
  /// - Parameters:
  ///   - locate: finds the unpacked migration directory of an archive.
  ///   - now: the run's clock, which stamps readings and history.
  package init(
    _ options: PostgresServiceOptions, locate: @escaping MigrationLocator,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.options = options
    self.locate = locate
    self.now = now
    executor = BlockingExecutor(label: "windlass.postgres-service")
  }

  package func inspect() async throws(StepFailure) -> LedgerReading {
    let asOf = now()
    let connection: PostgresConnection
    do throws(StepFailure) {
      connection = try options.connectToRead(for: "inspect")
    } catch {
      guard error.code == "DatabaseMissing" else { throw error }
      return LedgerReading(version: nil, hasTables: false, asOf: asOf)
    }
    let place = try options.ledger.located(on: connection)
    let ledger = SettledLedger(connection: connection, place: place, options: options)
    do throws(StepFailure) {
      return try DirtyMark.reading { () throws(StepFailure) in
        try connection.snapshot { connection throws(StepFailure) in
          try Self.reading(PostgresOwnSchema(connection, place), asOf: asOf)
        }
      } underLock: { () throws(StepFailure) in
        try ledger.underLock { own throws(StepFailure) in try Self.reading(own, asOf: asOf) }
      }
    } catch {
      // The server names the table, and this the statement that helps.
      if error.code == "PrivilegeMissing" {
        try PostgresRights(connection).requireReading(place)
      }
      throw error
    }
  }

  private static func reading(
    _ own: PostgresOwnSchema, asOf: Timestamp
  ) throws(StepFailure) -> LedgerReading {
    let (version, isDirty) = try own.ledgerRow()
    let interrupted = isDirty ? try own.progress() : nil
    return LedgerReading(
      // What is under way is not applied yet.
      version: interrupted.map(\.before) ?? version, isDirty: isDirty, epoch: try own.epoch(),
      applied: try own.history().map {
        AppliedMigration(version: $0.version, checksum: $0.checksum, run: $0.run)
      },
      committedRun: try own.committedRun(), hasTables: try own.hasServiceTables(),
      systemID: try own.systemID(), asOf: asOf,
      interruptedRun: interrupted?.run, backfill: try own.begunBackfill(on: version))
  }

  package func takeFence(
    after current: Epoch?, run: RunID
  ) async throws(StepFailure) -> Epoch {
    let next = current?.next ?? Epoch(1)
    // Tells this very call from any other, when the reply to its commit is lost.
    let token = String(UInt64.random(in: .min ... .max), radix: 16)
    let holder = "\(run) \(token)"
    var reached: String?
    let reader = options.probe.flatMap(\.user)
    try await options.changing(step: "fence") { own throws(StepFailure) in
      reached = own.connection.server.system
      try PostgresRights(own.connection).requireWriting(own)
      if try own.fenceHolder() == holder { return }
      try own.requireEpoch(current)
      try own.create()
      if let reader, own.connection.dialect == .postgres { try own.letRead(reader) }
      try own.advanceEpoch(from: current, to: next, holder: holder)
    }
    system = reached
    return next
  }

  package func recordCommitPoint(_ run: RunID, epoch: Epoch) async throws(StepFailure) {
    let time = now()
    try await options.changing(step: "commit", expecting: system) { own throws(StepFailure) in
      try own.requireEpoch(epoch)
      try own.recordCommitPoint(run, epoch: epoch, at: time)
    }
  }

  package func apply(
    _ order: MigrationOrder, while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> BackfillProgress? {
    let directory = try PlanCheck.directory(of: order.archive, locate: locate)
    let body = try directory.body(of: order.migration.version)
    let phase = try body.phase(manifest: order.migration.phase)
    if let failure = PostgresMigration.refusal(of: body, options) { throw failure }
    let step = MigrationStep(
      body: body, phase: phase, run: order.run, fence: .epoch(order.epoch), after: order.after,
      startedAt: now())
    var named = options
    named.run = order.run
    let options = named
    var session = MigratingSession(options: options, system: system)
    if options.url.dialect == .postgres, let backfill = try Backfill(body, dialect: .postgres) {
      return try await carryOn(
        BackfillStep(step: step, backfill: backfill, pace: options.backfillPace), directory,
        &session, while: goesOn)
    }
    try await options.retrying { () throws(StepFailure) in
      try session.use { connection, place throws(StepFailure) in
        // Before the keys, since every file is read; the ledger is looked at again under them.
        try Self.check(directory, on: connection, place, options)
        try Self.requireRights(for: body, on: connection, place)
        _ = try PostgresMigration(step, place: place, options: options).attempt(on: connection)
      }
    }
    return nil
  }

  /// Carries a backfill on, and records the schema when it is done.
  private func carryOn(
    _ step: BackfillStep, _ directory: MigrationDirectory, _ session: inout MigratingSession,
    while goesOn: @escaping BackfillWatch
  ) async throws(StepFailure) -> BackfillProgress? {
    let options = session.options
    try await options.retrying { () throws(StepFailure) in
      try session.use { connection, place throws(StepFailure) in
        try Self.check(directory, on: connection, place, options)
        try Self.requireRights(for: step.step.body, on: connection, place)
      }
    }
    let outcome = try await PostgresBackfill(step, session).carryOn(while: goesOn)
    guard outcome.isFinished else { return outcome.progress }
    try await options.retrying { () throws(StepFailure) in
      try session.use { connection, place throws(StepFailure) in
        try PostgresMigration.recordCatalogue(place, options, on: connection)
      }
    }
    return nil
  }

  /// Fails where the user may not do what the file does, before any of it is done.
  private static func requireRights(
    for body: MigrationBody, on connection: PostgresConnection, _ place: LedgerPlace
  ) throws(StepFailure) {
    // A text that can't be cut is refused when it is read.
    guard let statements = try? PostgresStatement.split(body.text, connection.dialect) else {
      return
    }
    try PostgresRights(connection).requireChanging(by: statements, place)
  }

  /// Fails for files that are not those that were applied.
  private static func check(
    _ directory: MigrationDirectory, on connection: PostgresConnection, _ place: LedgerPlace,
    _ options: PostgresServiceOptions
  ) throws(StepFailure) {
    let ledger = SettledLedger(connection: connection, place: place, options: options)
    try ledger.read { own throws(StepFailure) in
      try MigrationHistory.check(directory, against: own.history(), ledger: own.settledVersion())
    }
  }
}
