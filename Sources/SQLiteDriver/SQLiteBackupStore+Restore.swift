package import WindlassCore
import WindlassSchema

/// What a restore did.
package struct RestoreReport: Hashable, Sendable {
  package var backup: BackupID
  /// What the ledger says now.
  package var schema: SchemaVersion?
  package var tables: Int
  package var rows: Int64
  /// The fence's new number, which no daemon that was at work before holds; nil when the database
  /// was never adopted.
  package var epoch: Epoch?
}

extension SQLiteBackupStore {
  /// Puts a backup in the place of the database, in one transaction; what was written since the
  /// backup is lost.
  ///
  /// The database keeps its fence at the next epoch and gets a new name, so that a daemon that
  /// was at work on the old contents changes nothing any more.
  ///
  /// - Parameter loss: the moment since which a person accepts that what was written is lost; it
  ///   must not be later than the backup's.
  package func restore(
    _ id: BackupID, acceptingLossSince loss: Timestamp
  ) async throws(StepFailure) -> RestoreReport {
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    let manifest = try known(id)
    // What a person writes has no fractions of a second, so the backup's are dropped as well.
    let second = Timestamp(milliseconds: manifest.takenAt.milliseconds / 1_000 * 1_000)
    guard loss <= second else {
      throw StepFailure(
        code: "LossNotNamed", disposition: .stop,
        message: "Backup \(id) was taken at \(second.rfc3339), before \(loss.rfc3339) since which"
          + " loss was accepted: more would be lost than was named. Nothing was changed. Accept"
          + " the loss of everything written since \(second.rfc3339), or use a later backup.")
    }
    try directory.sweep()
    defer { try? directory.sweep() }  // Swept again by the next piece of work.
    let staged = "\(directory.path)/.restore-\(id)\(BackupDirectory.temporarySuffix)"
    try restore(manifest, to: staged)
    if manifest.proof != .restored { try compare(staged, with: manifest) }
    do throws(StepFailure) {
      return try await LockBackoff.retrying(deadline: options.lockDeadline, path: options.path) {
        () throws(StepFailure) in
        try replaceDatabase(with: staged, manifest)
      }
    } catch {
      guard ["DatabaseCorrupt", "NotADatabase"].contains(error.code) else { throw error }
      throw StepFailure(
        code: "TargetDamaged", disposition: .stop,
        message: "\(options.path) is damaged, so that its fence can't be kept. Nothing was changed."
          + " Stop the service, move \(options.path) and the files -wal, -shm and -journal beside"
          + " it away, and restore again: that makes a new database.")
    }
  }

  private func replaceDatabase(
    with staged: String, _ manifest: BackupManifest
  ) throws(StepFailure) -> RestoreReport {
    // Under this lock no daemon takes the fence or migrates.
    let lock = try RunLock(options)
    defer { withExtendedLifetime(lock) {} }
    let exists = FilePath.exists(options.path)
    let target = try SQLiteConnection(
      SQLiteOptions(
        path: options.path, access: exists ? .readWrite : .create,
        journalMode: exists ? nil : manifest.journalMode))
    let epoch = try nextEpoch(of: target, exists: exists, manifest)
    let source = try SQLiteConnection(SQLiteOptions(path: staged))
    let limits = TransactionLimits(holdBudget: nil)
    _ = try source.transaction(limits) { source throws(StepFailure) in
      let own = OwnSchema(connection: source, ledger: options.ledger)
      // A new name: this database is another one from now on.
      if manifest.systemID != "" { try own.create() }
      if let epoch { try own.setEpoch(epoch, holder: RunID("restore-\(manifest.id)")) }
    }
    target.waitForLocks(options.lockBudget)
    try SQLiteBackup.copy(source, to: target, within: Bounds.backupDeadline)
    return RestoreReport(
      backup: manifest.id, schema: manifest.schema, tables: manifest.tables,
      rows: manifest.rows, epoch: epoch)
  }

  private func nextEpoch(
    of target: SQLiteConnection, exists: Bool, _ manifest: BackupManifest
  ) throws(StepFailure) -> Epoch? {
    if exists {
      let now = try target.snapshot { target throws(StepFailure) in
        try OwnSchema(connection: target, ledger: options.ledger).epoch()
      }
      if let now { return now.next }
    }
    // The fence is lost with the database; its last number is unknown and can't be far from the
    // backup's.
    return manifest.epoch.map { Epoch($0.number + Bounds.lostFenceStride) }
  }
}
