import Glibc
package import WindlassCore
import WindlassSchema

extension SQLiteServiceDatabase {
  package func preflight(_ plan: Plan) async throws(StepFailure) {
    let options = options
    if let type = FilePath.networkFileSystem(options.path) {
      throw StepFailure(
        code: "NetworkFileSystem", disposition: .stop,
        message: "\(options.path) is on a network file system (\(type)), on which SQLite's locks"
          + " can't be trusted. Move the database to a local disk.")
    }
    let directory = try PlanCheck.directory(of: plan, engine: "sqlite", locate: locate)
    let connection = try options.connectExisting()
    try connection.snapshot { connection throws(StepFailure) in
      let check = PreflightCheck(
        own: OwnSchema(connection: connection, ledger: options.ledger), options: options,
        plan: plan)
      try check.ledger()
      if let directory { try check.files(in: directory) }
      try check.drift()
      try check.journalMode()
      try check.diskSpace()
    }
    try await checkWriters()
  }

  /// Takes the write lock for a moment: somebody who holds it for long would stop every migration.
  private func checkWriters() async throws(StepFailure) {
    do throws(StepFailure) {
      try await retrying(deadline: Bounds.preflightLockDeadline) { options throws(StepFailure) in
        let connection = try options.connectExisting()
        _ = try connection.transaction(options.ownLimits) { _ throws(StepFailure) in }
      }
    } catch {
      guard error.code == "LockNotObtained" else { throw error }
      throw StepFailure(code: "WriterActive", disposition: .wait, message: error.message)
    }
  }
}

/// The parts of preflight that read the database, in one snapshot.
private struct PreflightCheck {
  let own: OwnSchema
  let options: SQLiteServiceOptions
  let plan: Plan

  func ledger() throws(StepFailure) {
    let (version, isDirty) = try own.ledgerRow()
    try PlanCheck.ledger(version, isDirty: isDirty, plan: plan, database: options.path)
  }

  func files(in directory: MigrationDirectory) throws(StepFailure) {
    try PlanCheck.files(
      in: directory, plan: plan, history: own.history(), refusal: options.refusal)
  }

  func drift() throws(StepFailure) {
    if let drift = try own.drift() { throw drift.failure(path: options.path) }
  }

  func journalMode() throws(StepFailure) {
    try own.connection.refuseRollbackJournal(holdBudget: options.holdBudget)
  }

  func diskSpace() throws(StepFailure) {
    let size = try own.connection.sizeInBytes()
    // The migration's log beside the database; the backup and the copy that verifies it.
    var needs: [(path: String, bytes: Int64)] = [(FilePath.directory(of: options.path), size)]
    if let directory = options.backupDirectory, FilePath.exists(directory) {
      needs.append((directory, 2 * size))
    }
    var needed: [UInt64: Int64] = [:]
    for (path, bytes) in needs {
      guard let space = FilePath.freeSpace(path) else { continue }
      needed[space.device, default: Bounds.freeSpaceMargin] += bytes
      let need = needed[space.device, default: 0]
      guard space.bytes >= need else {
        throw StepFailure(
          code: "DiskFull", disposition: .stop,
          message: "The file system of \(path) has \(space.bytes / 1_048_576) MiB free, and the"
            + " upgrade needs \(need / 1_048_576) MiB there for backup and migration. Free space,"
            + " then try again.")
      }
    }
  }
}

extension SQLiteConnection {
  /// The size of the database with its log, in bytes.
  func sizeInBytes() throws(StepFailure) -> Int64 {
    let pages = try scalar("PRAGMA main.page_count").integer ?? 0
    let size = try scalar("PRAGMA main.page_size").integer ?? 0
    return pages * size + FilePath.size(path + "-wal")
  }

  /// Whether readers and writers stop each other.
  func usesRollbackJournal() throws(StepFailure) -> Bool {
    try scalar("PRAGMA main.journal_mode") != .text("wal")
  }

  /// Fails when a backup would keep writers out for longer than the budget.
  func refuseRollbackJournal(holdBudget: Interval) throws(StepFailure) {
    guard try usesRollbackJournal() else { return }
    let forecast = Interval.milliseconds(
      try sizeInBytes() * 1_000 / Bounds.backupRateFloor)
    guard forecast > holdBudget else { return }
    throw StepFailure(
      code: "RollbackJournal", disposition: .stop,
      message: "\(path) uses a rollback journal, so that a backup would keep every writer out for"
        + " about \(forecast), more than the hold budget of \(holdBudget). Change it in a quiet"
        + " moment to a write-ahead log: `sqlite3 \(path) 'PRAGMA journal_mode=wal'`.")
  }
}
