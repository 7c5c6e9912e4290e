package import WindlassCore
package import WindlassSchema

extension SQLiteBackupStore {
  /// The processes that have the database's file open.
  package func users() -> [String] {
    DatabaseUsers.processes(path: options.path).map { "process \($0)" }
  }

  /// Puts a backup in the place of the database, in one transaction.
  package func restore(
    _ id: BackupID, acceptingLossSince loss: Timestamp
  ) async throws(StepFailure) -> RestoreReport {
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    let manifest = try directory.known(id)
    try directory.checkLoss(since: loss, manifest)
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
        journalMode: exists ? nil : manifest.sqliteJournalMode))
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

extension BackupManifest {
  /// The journal mode of the database that the backup is of.
  var sqliteJournalMode: SQLiteOptions.JournalMode {
    journalMode.flatMap(SQLiteOptions.JournalMode.init) ?? .wal
  }
}
