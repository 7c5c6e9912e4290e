import WindlassCore
import WindlassSchema

/// One migration with everything that is checked and written in its own transaction.
struct MigrationExecution: Sendable {
  /// What the fence must say.
  enum Fence: Hashable, Sendable {
    case epoch(Epoch)
    /// A scratch copy, or the command line: there is no run whose fence could be lost.
    case none
  }

  var body: MigrationBody
  var phase: MigrationPhase
  var run: RunID
  var fence: Fence
  /// What the ledger must say before.
  var after: SchemaVersion?
  var ledger: SQLiteLedger
  /// When it was started, for the history.
  var startedAt: Timestamp

  /// Whether the migration was applied now, or had been already by the same run.
  enum Outcome: Hashable, Sendable {
    case applied, alreadyApplied
  }

  /// Checks fence, history and ledger, runs the body, and writes ledger and history; the caller
  /// has opened the transaction and commits it.
  func perform(on connection: SQLiteConnection) throws(StepFailure) -> Outcome {
    let own = OwnSchema(connection: connection, ledger: ledger)
    if case .epoch(let epoch) = fence { try own.requireEpoch(epoch) }
    try own.create()
    let checksum = SHA256.digest(of: body.bytes)
    let (version, isDirty) = try own.ledgerRow()
    guard !isDirty else { throw MigrationHistory.dirty(version, path: connection.path) }
    if let known = try own.history().first(where: { $0.version == body.version }) {
      try check(known, checksum, ledger: version, path: connection.path)
      return .alreadyApplied
    }
    try checkLedger(version, path: connection.path)
    let began = ContinuousClock.now
    try run(on: connection)
    let duration = (ContinuousClock.now - began).interval
    try own.record(
      HistoryEntry(
        version: body.version, file: body.file, checksum: checksum, phase: phase.rawValue,
        run: run, duration: duration, appliedAt: startedAt + duration))
    return .applied
  }

  private func run(on connection: SQLiteConnection) throws(StepFailure) {
    do throws(StepFailure) {
      try StatementGuard.guarding(connection, ledger: ledger) { () throws(StepFailure) in
        try connection.run(script: body.text)
      }
    } catch {
      var failure = error
      failure.message = "Migration \(body.file) was rolled back. \(error.message)"
      throw failure
    }
  }

  private func check(
    _ known: HistoryEntry, _ checksum: Digest, ledger: SchemaVersion?, path: String
  ) throws(StepFailure) {
    let isInLedger = ledger.map { $0 >= body.version } ?? false
    guard known.run == run, isInLedger else {
      throw StepFailure(
        code: "LedgerMoved", disposition: .stop,
        message: "The history in \(path) says that migration \(body.version) was applied by run"
          + " \(known.run), and the ledger says \(ledger?.description ?? "nothing applied"); this"
          + " is run \(run). Look at `windlass schema`; the next attempt plans anew. If another"
          + " tool took the migration back, say so with `windlass schema --accept-drift`.")
    }
    guard known.checksum == checksum else {
      throw MigrationHistory.changed(known, now: checksum, directory: body.file)
    }
  }

  private func checkLedger(_ version: SchemaVersion?, path: String) throws(StepFailure) {
    guard version == after else {
      throw StepFailure(
        code: "LedgerMoved", disposition: .stop,
        message: "The ledger of \(path) says"
          + " \(version?.description ?? "nothing applied") and not"
          + " \(after?.description ?? "nothing applied"), on which migration \(body.version)"
          + " builds: another tool has migrated. Look at `windlass schema`; the next attempt"
          + " plans anew.")
    }
  }
}
