package import WindlassCore

/// One migration with everything that is checked and written in its own transaction, whatever the
/// engine.
package struct MigrationStep: Hashable, Sendable {
  /// What the fence must say.
  package enum Fence: Hashable, Sendable {
    case epoch(Epoch)
    /// A scratch copy, or the command line: there is no run whose fence could be lost.
    case none
  }

  /// Whether the migration was applied now, or had been already by the same run.
  package enum Outcome: Hashable, Sendable {
    case applied, alreadyApplied
  }

  package var body: MigrationBody
  package var phase: MigrationPhase
  package var run: RunID
  package var fence: Fence
  /// What the ledger must say before.
  package var after: SchemaVersion?
  /// When it was started, for the history.
  package var startedAt: Timestamp

  package init(
    body: MigrationBody, phase: MigrationPhase, run: RunID, fence: Fence,
    after: SchemaVersion?, startedAt: Timestamp
  ) {
    self.body = body
    self.phase = phase
    self.run = run
    self.fence = fence
    self.after = after
    self.startedAt = startedAt
  }

  /// The SHA-256 of the file's bytes.
  package var checksum: Digest { SHA256.digest(of: body.bytes) }

  /// The line of the history for a body that ran that long.
  package func entry(duration: Interval) -> HistoryEntry {
    HistoryEntry(
      version: body.version, file: body.file, checksum: checksum, phase: phase.rawValue, run: run,
      duration: duration, appliedAt: startedAt + duration)
  }

  /// Compares ledger and history with what the step expects.
  ///
  /// - Parameter database: the database's name for a person.
  /// - Returns: `alreadyApplied` when this run applied it before; `applied` when it is to be
  ///   applied now.
  /// - Throws: for a dirty ledger, and when somebody else migrated.
  package func check(
    ledger: SchemaVersion?, isDirty: Bool, history: [HistoryEntry], database: String
  ) throws(StepFailure) -> Outcome {
    guard !isDirty else { throw MigrationHistory.dirty(ledger, database: database) }
    if let known = history.first(where: { $0.version == body.version }) {
      try check(known, ledger: ledger, database: database)
      return .alreadyApplied
    }
    guard ledger == after else {
      throw StepFailure(
        code: "LedgerMoved", disposition: .stop,
        message: "The ledger of \(database) says"
          + " \(ledger?.description ?? "nothing applied") and not"
          + " \(after?.description ?? "nothing applied"), on which migration \(body.version)"
          + " builds: another tool has migrated. Look at `windlass schema`; the next attempt"
          + " plans anew.")
    }
    return .applied
  }

  /// The failure of the body's statements, after everything was rolled back.
  package func rolledBack(_ failure: StepFailure) -> StepFailure {
    var failure = failure
    failure.message = "Migration \(body.file) was rolled back. \(failure.message)"
    return failure
  }

  private func check(
    _ known: HistoryEntry, ledger: SchemaVersion?, database: String
  ) throws(StepFailure) {
    let isInLedger = ledger.map { $0 >= body.version } ?? false
    guard known.run == run, isInLedger else {
      throw StepFailure(
        code: "LedgerMoved", disposition: .stop,
        message: "The history in \(database) says that migration \(body.version) was applied by run"
          + " \(known.run), and the ledger says \(ledger?.description ?? "nothing applied"); this"
          + " is run \(run). Look at `windlass schema`; the next attempt plans anew. If another"
          + " tool took the migration back, say so with `windlass schema --accept-drift`.")
    }
    guard known.checksum == checksum else {
      throw MigrationHistory.changed(known, now: checksum, directory: body.file)
    }
  }
}

/// What fences off a daemon that was deposed.
package enum FenceCheck {
  /// Fails with `FenceLost` unless the fence holds exactly the number that is expected.
  ///
  /// - Parameter database: the database's name for a person.
  package static func require(
    _ expected: Epoch?, found: Epoch?, database: String
  ) throws(StepFailure) {
    guard found == expected else { throw lost(expected, found: found, database: database) }
  }

  /// The failure of whoever finds another number in the fence than its own.
  package static func lost(
    _ expected: Epoch?, found: Epoch?, database: String
  ) -> StepFailure {
    StepFailure(
      code: "FenceLost", disposition: .stop,
      message: "The fence of \(database) holds epoch \(found?.description ?? "none") and"
        + " not \(expected?.description ?? "none"): another Windlass daemon has taken over. This"
        + " one changes nothing more there; stop it, or look at `windlass status` on the other.")
  }
}
