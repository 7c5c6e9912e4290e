package import WindlassCore
package import WindlassSchema

/// A service's SQLite database as the steps of a run use it.
///
/// Every step works on a connection of its own, so that nothing of a lost one is left over.
package actor SQLiteServiceDatabase: ServiceDatabase {
  private let executor: BlockingExecutor
  let options: SQLiteServiceOptions
  let locate: MigrationLocator
  private let now: @Sendable () -> Timestamp

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes the database's face to the steps; no file is touched yet.
  ///
  /// - Parameters:
  ///   - locate: finds the unpacked migration directory of an archive.
  ///   - now: the run's clock, which stamps readings and history.
  package init(
    _ options: SQLiteServiceOptions, locate: @escaping MigrationLocator,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.options = options
    self.locate = locate
    self.now = now
    executor = BlockingExecutor(label: "windlass.service-database")
  }

  package func inspect() async throws(StepFailure) -> LedgerReading {
    let asOf = now()
    guard FilePath.exists(options.path) else {
      return LedgerReading(version: nil, hasTables: false, asOf: asOf)
    }
    let ledger = options.ledger
    return try options.connect().snapshot { connection throws(StepFailure) in
      let own = OwnSchema(connection: connection, ledger: ledger)
      let (version, isDirty) = try own.ledgerRow()
      let backfill = try own.begunBackfill(on: version)
      return LedgerReading(
        version: version, isDirty: isDirty, epoch: try own.epoch(),
        applied: try own.history().map {
          AppliedMigration(version: $0.version, checksum: $0.checksum, run: $0.run)
        },
        committedRun: try own.committedRun(), hasTables: try own.hasServiceTables(),
        systemID: try own.systemID(), asOf: asOf, backfill: backfill)
    }
  }

  package func takeFence(
    after current: Epoch?, run: RunID
  ) async throws(StepFailure) -> Epoch {
    // Only an install finds no file; a fence that was there before proves that there was one.
    let access: SQLiteOptions.Access = current == nil ? .create : .readWrite
    let next = current?.next ?? Epoch(1)
    try await change(access) { own throws(StepFailure) in
      try own.requireEpoch(current)
      try own.create()
      try own.setEpoch(next, holder: run)
    }
    return next
  }

  package func recordCommitPoint(_ run: RunID, epoch: Epoch) async throws(StepFailure) {
    let time = now()
    try await change(.readWrite) { own throws(StepFailure) in
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
    if let failure = options.refusal(of: body) { throw failure }
    let step = MigrationStep(
      body: body, phase: phase, run: order.run, fence: .epoch(order.epoch), after: order.after,
      startedAt: now())
    if let backfill = try Backfill(body, dialect: .sqlite) {
      try checkFiles(of: directory, on: options.connectExisting())
      let outcome = try await SQLiteBackfill(
        BackfillStep(step: step, backfill: backfill, pace: options.backfillPace), options,
        holdBudget: options.holdBudget
      ).carryOn(takesLock: true, while: goesOn)
      return outcome.isFinished ? nil : outcome.progress
    }
    let execution = MigrationExecution(step: step, ledger: options.ledger)
    _ = try await retrying { options throws(StepFailure) in
      let lock = try RunLock(options)
      defer { withExtendedLifetime(lock) {} }
      let connection = try options.connectExisting()
      // Before the lock, since every file is read; the ledger is looked at again under it.
      try checkFiles(of: directory, on: connection)
      return try connection.transaction(options.migrationLimits) {
        connection throws(StepFailure) in
        try execution.perform(on: connection)
      }.result
    }
    return nil
  }

  /// Fails for files that are not those that were applied.
  private func checkFiles(
    of directory: MigrationDirectory, on connection: SQLiteConnection
  ) throws(StepFailure) {
    let ledger = options.ledger
    try connection.snapshot { connection throws(StepFailure) in
      let own = OwnSchema(connection: connection, ledger: ledger)
      try MigrationHistory.check(
        directory, against: own.history(), ledger: own.ledgerRow().version)
    }
  }

  /// Changes Windlass's own tables in one transaction, under the lock between processes.
  func change(
    _ access: SQLiteOptions.Access,
    _ body: @Sendable (OwnSchema) throws(StepFailure) -> Void
  ) async throws(StepFailure) {
    try await retrying { options throws(StepFailure) in
      let lock = try RunLock(options)
      defer { withExtendedLifetime(lock) {} }
      let connection =
        access == .create ? try options.connect(.create) : try options.connectExisting()
      _ = try connection.transaction(options.ownLimits) { connection throws(StepFailure) in
        try body(OwnSchema(connection: connection, ledger: options.ledger))
      }
    }
  }

  /// Tries until the attempt succeeds, fails for good, or the deadline for locks is over; between
  /// attempts nothing is held.
  func retrying<Result: Sendable>(
    deadline: Interval? = nil,
    _ attempt: (SQLiteServiceOptions) throws(StepFailure) -> Result
  ) async throws(StepFailure) -> Result {
    try await LockBackoff.retrying(deadline: deadline ?? options.lockDeadline, path: options.path) {
      () throws(StepFailure) in
      try attempt(options)
    }
  }
}
